#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <map>

#include "bitscape/v1/format.grpc.pb.h"
#include "tests/server/rpc/running_server.h"

namespace bitscape::server {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class FormatServiceTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { running_ = std::make_unique<RunningServer>(); }
  static void TearDownTestSuite() { running_.reset(); }
  FormatServiceTest() : formats_(v1::FormatService::NewStub(running_->channel())) {}

  grpc::Status Get(const std::string& name, v1::Format* format) {
    v1::GetFormatRequest request;
    request.set_name(name);
    Call call;
    return formats_->GetFormat(&call, request, format);
  }
  // Sends the parts and returns the rounded values.
  grpc::Status Round(const std::vector<v1::RoundTensorRequest>& parts, std::vector<float>* values) {
    Call call;
    const auto stream = formats_->RoundTensor(&call);
    for (const v1::RoundTensorRequest& part : parts) {
      if (!stream->Write(part)) {
        break;
      }
    }
    stream->WritesDone();
    std::string bytes;
    for (v1::RoundTensorResponse response; stream->Read(&response);) {
      bytes += response.chunk();
    }
    values->resize(bytes.size() / sizeof(float));
    if (!bytes.empty()) {
      std::memcpy(values->data(), bytes.data(), bytes.size());
    }
    return stream->Finish();
  }
  static v1::RoundTensorRequest Header(const std::string& format, std::vector<int64_t> shape) {
    v1::RoundTensorRequest request;
    request.mutable_header()->set_format(format);
    for (const int64_t size : shape) {
      request.mutable_header()->add_shape(size);
    }
    return request;
  }
  static v1::RoundTensorRequest Chunk(const std::vector<float>& values) {
    v1::RoundTensorRequest request;
    request.set_chunk(values.data(), values.size() * sizeof(float));
    return request;
  }

  static std::unique_ptr<RunningServer> running_;
  std::unique_ptr<v1::FormatService::Stub> formats_;
};
std::unique_ptr<RunningServer> FormatServiceTest::running_;

TEST_F(FormatServiceTest, DrawsTheDecodeTable) {
  v1::Format format;
  ASSERT_TRUE(Get("fp8_e4m3", &format).ok());
  EXPECT_EQ(format.name(), "fp8_e4m3");
  EXPECT_EQ(format.bits(), 8);
  EXPECT_EQ(format.largest(), 448);
  EXPECT_EQ(format.smallest(), -448);
  EXPECT_EQ(format.smallest_positive(), 0.001953125);
  ASSERT_EQ(format.codes_size(), 256);
  const auto expect = [&](int code, const char* bits, const char* value) {
    EXPECT_EQ(format.codes(code).code(), code);
    EXPECT_EQ(format.codes(code).bits(), bits);
    EXPECT_EQ(format.codes(code).value(), value);
  };
  expect(0x00, "0 0000 000", "0");
  expect(0x01, "0 0000 001", "0.001953125");
  expect(0x38, "0 0111 000", "1");
  expect(0x7e, "0 1111 110", "448");
  expect(0x7f, "0 1111 111", "nan");
  expect(0x80, "1 0000 000", "-0");
}

TEST_F(FormatServiceTest, DrawsInfinitiesAndIntegers) {
  v1::Format format;
  ASSERT_TRUE(Get("fp8_e5m2", &format).ok());
  EXPECT_EQ(format.codes(0x7c).value(), "inf");
  EXPECT_EQ(format.codes(0xfc).value(), "-inf");
  ASSERT_TRUE(Get("int4:channel", &format).ok());
  EXPECT_EQ(format.name(), "int4:channel");
  EXPECT_EQ(format.scale(), "float32");
  EXPECT_EQ(format.bits_per_value(), 4 + 32.0 / 1024);
  v1::Format blocks;
  ASSERT_TRUE(Get("int4:block32", &blocks).ok());
  EXPECT_EQ(blocks.bits_per_value(), 5);
  ASSERT_EQ(format.codes_size(), 16);
  EXPECT_EQ(format.codes(7).bits(), "0111");
  EXPECT_EQ(format.codes(7).value(), "7");
  EXPECT_EQ(format.codes(15).value(), "-1");
  EXPECT_EQ(format.codes(8).value(), "-8");
  EXPECT_TRUE(format.codes(8).unused());
  EXPECT_FALSE(format.codes(9).unused());
  ASSERT_TRUE(Get("fixed8.4", &format).ok());
  EXPECT_EQ(format.scale(), "2^-4");
  EXPECT_EQ(format.largest(), 7.9375);
  EXPECT_EQ(format.smallest(), -8);
  EXPECT_EQ(format.smallest_positive(), 0.0625);
  EXPECT_EQ(format.codes(1).value(), "0.0625");
  EXPECT_FALSE(format.codes(0x80).unused());
}

TEST_F(FormatServiceTest, HasNoTableForWideFormats) {
  v1::Format format;
  ASSERT_TRUE(Get("fp16", &format).ok());
  EXPECT_EQ(format.codes_size(), 0);
  EXPECT_EQ(format.largest(), 65504);
}

TEST_F(FormatServiceTest, PointsAtBadNotation) {
  v1::Format format;
  const grpc::Status status = Get("fp8_e4m4", &format);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(), HasSubstr("fp8_e4m3"));
  EXPECT_EQ(FieldsOf(status).field_violations(0).field(), "name");
}

TEST_F(FormatServiceTest, ListsTheCatalogue) {
  v1::ListFormatsRequest list;
  list.set_page_size(5);
  std::map<std::string, v1::Format> formats;
  do {
    Call call;
    v1::ListFormatsResponse page;
    ASSERT_TRUE(formats_->ListFormats(&call, list, &page).ok());
    for (const v1::Format& format : page.formats()) {
      EXPECT_NE(format.summary(), "") << format.name();
      EXPECT_EQ(format.codes_size(), 0) << "no tables in lists";
      formats[format.name()] = format;
    }
    list.set_page_token(page.next_page_token());
  } while (!list.page_token().empty());
  EXPECT_TRUE(formats.contains("fp8_e4m3"));
  EXPECT_TRUE(formats.contains("bf16"));
  EXPECT_GT(formats.size(), 8u);
}

TEST_F(FormatServiceTest, RoundsATensor) {
  std::vector<float> values;
  const grpc::Status status =
      Round({Header("int8:channel", {2, 2}), Chunk({127, 1.4f}), Chunk({1.27f, 0.014f})}, &values);
  ASSERT_TRUE(status.ok()) << status.error_message();
  ASSERT_EQ(values.size(), 4u);
  EXPECT_FLOAT_EQ(values[0], 127);
  EXPECT_FLOAT_EQ(values[1], 1);
  EXPECT_FLOAT_EQ(values[2], 1.27f);
  EXPECT_FLOAT_EQ(values[3], 0.01f);
}

TEST_F(FormatServiceTest, RoundsTensorsOfManyChunks) {
  constexpr int64_t kValues = 700'000;  // three chunks of 1 MiB
  const std::vector<float> chunk(kValues / 7, 1.06f);
  std::vector<v1::RoundTensorRequest> parts = {Header("fp8_e4m3", {kValues})};
  for (int i = 0; i < 7; ++i) {
    parts.push_back(Chunk(chunk));
  }
  std::vector<float> values;
  ASSERT_TRUE(Round(parts, &values).ok());
  ASSERT_EQ(values.size(), static_cast<size_t>(kValues));
  EXPECT_EQ(values.front(), 1.0f);
  EXPECT_EQ(values.back(), 1.0f);
}

TEST_F(FormatServiceTest, RefusesBadTensors) {
  std::vector<float> values;
  const auto expect = [&](const std::vector<v1::RoundTensorRequest>& parts, const char* message) {
    const grpc::Status status = Round(parts, &values);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
    EXPECT_THAT(status.error_message(), HasSubstr(message));
  };
  expect({}, "header: required in the first message");
  expect({Chunk({1})}, "header: required in the first message");
  expect({Header("int88", {1}), Chunk({1})}, "header.format: ");
  expect({Header("int8", {})}, "header.shape: 0 dimensions; allowed: 1 to 8");
  expect({Header("int8", {2, 0})}, "header.shape[1]: 0 is out of range");
  expect({Header("int8", {2, -1})}, "header.shape[1]: -1 is out of range");
  expect({Header("int8", {1 << 20, 1 << 20})}, "a tensor has at most 67108864 values");
  expect({Header("int8", {int64_t{1} << 62, 4})}, "at most 67108864 values");
  expect({Header("int8", {3}), Chunk({1, 2})}, "8 bytes were sent; the shape tells 3 float32");
  expect({Header("int8", {1}), Chunk({1, 2})}, "more bytes than the 4");
  expect({Header("int8", {1}), Header("int8", {1})}, "chunk: required in every message");
  expect({Header("int8", {1 << 20}), Chunk(std::vector<float>((1 << 18) + 1))},
         "chunk: has 1048580 bytes; a chunk has at most 1048576");
}

}  // namespace
}  // namespace bitscape::server
