#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <cstring>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "bitscape/v1/format.grpc.pb.h"
#include "bitscape/v1/network.grpc.pb.h"
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
  // Sends the header and the values.
  grpc::Status Compare(const v1::CompareFormatsRequest::Header& header,
                       const std::vector<float>& values, v1::FormatComparison* comparison) {
    Call call;
    comparison->Clear();
    const auto writer = formats_->CompareFormats(&call, comparison);
    v1::CompareFormatsRequest first;
    *first.mutable_header() = header;
    if (writer->Write(first) && !values.empty()) {
      v1::CompareFormatsRequest rest;
      rest.set_chunk(values.data(), values.size() * sizeof(float));
      writer->Write(rest);
    }
    writer->WritesDone();
    return writer->Finish();
  }
  static v1::CompareFormatsRequest::Header Of(const std::vector<std::string>& formats,
                                              const std::vector<int64_t>& shape) {
    v1::CompareFormatsRequest::Header header;
    header.mutable_formats()->Assign(formats.begin(), formats.end());
    header.mutable_shape()->Assign(shape.begin(), shape.end());
    return header;
  }
  static v1::CompareFormatsRequest::Header OfLenet(const std::vector<std::string>& formats) {
    v1::CompareFormatsRequest::Header header = Of(formats, {});
    header.set_network("lenet5");
    return header;
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
  EXPECT_EQ(format.codes(7).bits(), "0 111");
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

TEST_F(FormatServiceTest, DrawsLevelsThatDataDoesNotDecide) {
  v1::Format format;
  const auto values = [&](const std::string& name) {
    EXPECT_TRUE(Get(name, &format).ok()) << name;
    std::string text;
    for (const v1::Format::Code& code : format.codes()) {
      text += fmt::format("{}={} ", code.bits(), code.value());
    }
    return text;
  };
  EXPECT_EQ(values("binary:unit"), "0=-1 1=1 ");
  EXPECT_EQ(format.levels(1).lower_boundary(), 0);
  EXPECT_EQ(values("ternary:unit"), "00=-1 01=0 10=1 ");
  EXPECT_EQ(format.levels(1).lower_boundary(), -0.5);
  EXPECT_EQ(format.levels(2).lower_boundary(), std::nextafter(0.5F, 1.0F));
  EXPECT_EQ(values("ternary:unit:stochastic"), "00=-1 01=0 10=1 ");
  EXPECT_FALSE(format.levels(2).has_lower_boundary());
  EXPECT_EQ(values("dorefa2"), "00=-1 01=-0.33333334 10=0.33333334 11=1 ");
  EXPECT_FALSE(format.levels(2).has_lower_boundary()) << "the data's largest tanh decides";
  EXPECT_EQ(values("ternary"), "00=-1 01=0 10=1 ");
  EXPECT_FALSE(format.levels(2).has_lower_boundary()) << "0.7 of the data's mean";
  EXPECT_EQ(values("ternary:absmean"), "00=-1 01=0 10=1 ");
  EXPECT_TRUE(format.levels(2).has_lower_boundary());
  EXPECT_EQ(values("ternary:ttq"), "");
  ASSERT_TRUE(Get("dorefa8", &format).ok());
  EXPECT_EQ(format.codes_size(), 256);
  EXPECT_EQ(format.summary(), "weights: 256 levels of tanh(w), within +-1");
}

TEST_F(FormatServiceTest, DrawsMxint8InSixtyFourths) {
  v1::Format format;
  ASSERT_TRUE(Get("mxint8", &format).ok());
  EXPECT_EQ(format.largest(), 127.0 / 64);
  EXPECT_EQ(format.smallest(), -127.0 / 64);
  EXPECT_EQ(format.smallest_positive(), 1.0 / 64);
  EXPECT_EQ(format.scale(), "power of two, 8 bits, 2^-127 to 2^127 for each 32 values");
  ASSERT_EQ(format.codes_size(), 256);
  EXPECT_EQ(format.codes(1).value(), "0.015625");
  EXPECT_EQ(format.codes(1).bits(), "0 0 000001");
  EXPECT_EQ(format.codes(0x7f).value(), "1.984375");
  EXPECT_EQ(format.codes(0x80).value(), "-2");
  EXPECT_TRUE(format.codes(0x80).unused());
  EXPECT_EQ(format.levels(0).value(), -127.0 / 64);
  EXPECT_EQ(format.levels(128).lower_boundary(), std::nextafter(0.5F, 1.0F) / 64);
  ASSERT_TRUE(Get("mxint8:full", &format).ok());
  EXPECT_EQ(format.smallest(), -2);
  EXPECT_FALSE(format.codes(0x80).unused());
}

TEST_F(FormatServiceTest, SummariesTellTheGroupsThatShareAScale) {
  v1::Format format;
  const auto summary = [&](const std::string& name) {
    EXPECT_TRUE(Get(name, &format).ok()) << name;
    return format.summary();
  };
  EXPECT_EQ(summary("mxfp4_e2m1"), "fp4_e2m1, a power of two for each 32");
  EXPECT_EQ(summary("mxfp4_e2m1:block16"), "fp4_e2m1, a power of two for each 16");
  EXPECT_EQ(summary("nvfp4:block64"),
            "fp4_e2m1, an fp8_e4m3 scale for each 64, a float32 of the tensor");
  EXPECT_EQ(summary("bfp8:channel"), "8-bit mantissas, an 8-bit exponent for each channel");
  EXPECT_EQ(summary("bfp8:tensor"), "8-bit mantissas, an 8-bit exponent for the tensor");
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
      EXPECT_NE(format.source(), "") << format.name();
      EXPECT_EQ(format.levels_size(), 0) << "no tables in lists";
      EXPECT_GT(format.fields_size(), 0) << format.name();
      EXPECT_FALSE(formats.contains(format.catalog_name())) << format.catalog_name();
      formats[format.catalog_name()] = format;
    }
    list.set_page_token(page.next_page_token());
  } while (!list.page_token().empty());
  EXPECT_EQ(formats.at("fp8_e4m3").name(), "fp8_e4m3");
  EXPECT_TRUE(formats.contains("bf16"));
  EXPECT_GT(formats.size(), 60u);
  // Published names stand for a notation.
  EXPECT_EQ(formats.at("msfp12").name(), "bfp4");
  EXPECT_EQ(formats.at("bwn").name(), "binary:channel");
  EXPECT_EQ(formats.at("dorefa4_activations").name(), "uint4:clip=1");
  EXPECT_EQ(formats.at("codebook16").scale(), "table of levels");
  EXPECT_EQ(formats.at("binary").scale(), "float32");
  EXPECT_EQ(formats.at("binary:unit").scale(), "");
  EXPECT_EQ(formats.at("nvfp4").scale(), "fp8_e4m3 for each 16 values, then float32");
}

TEST_F(FormatServiceTest, TellsFieldsAndLevels) {
  v1::Format format;
  ASSERT_TRUE(Get("fp4_e2m1", &format).ok());
  std::string fields;
  for (const v1::Format::Field& field : format.fields()) {
    fields += fmt::format("{} {} ", field.bits(), field.name());
  }
  EXPECT_EQ(fields, "1 sign 2 exponent 1 mantissa ");
  std::vector<double> levels;
  for (const v1::Format::Level& level : format.levels()) {
    levels.push_back(level.value());
  }
  EXPECT_THAT(levels, ElementsAre(-6, -4, -3, -2, -1.5, -1, -0.5, 0, 0.5, 1, 1.5, 2, 3, 4, 6));
  EXPECT_FALSE(format.levels(0).has_lower_boundary());
  // 2.5 lies between 2 (even) and 3: the smallest value that becomes 3 is the next float.
  EXPECT_EQ(format.levels(12).lower_boundary(), std::nextafter(2.5F, 3.0F));
  // 5 lies between 4 (even) and 6; 3.5 between 3 and 4 (even).
  EXPECT_EQ(format.levels(14).lower_boundary(), std::nextafter(5.0F, 6.0F));
  EXPECT_EQ(format.levels(13).lower_boundary(), 3.5);
  EXPECT_EQ(format.levels(8).lower_boundary(), std::nextafter(0.25F, 1.0F));

  ASSERT_TRUE(Get("fixed4.2:floor", &format).ok());
  ASSERT_EQ(format.levels_size(), 16);
  EXPECT_EQ(format.levels(0).value(), -2);
  EXPECT_EQ(format.levels(9).value(), 0.25);
  EXPECT_EQ(format.levels(9).lower_boundary(), 0.25) << "floor: from the level on";
  ASSERT_EQ(format.fields_size(), 3);
  EXPECT_EQ(format.fields(2).name(), "fraction");
  EXPECT_EQ(format.fields(2).bits(), 2);

  ASSERT_TRUE(Get("int3:stochastic", &format).ok());
  ASSERT_EQ(format.levels_size(), 7);
  for (const v1::Format::Level& level : format.levels()) {
    EXPECT_FALSE(level.has_lower_boundary()) << level.value();
  }
  ASSERT_TRUE(Get("codebook16", &format).ok());
  EXPECT_EQ(format.levels_size() + format.codes_size(), 0) << "the data's";
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

using Row = v1::FormatComparison::Row;

TEST_F(FormatServiceTest, ComparesOnATensor) {
  // int4 covers 7 with scale 1: errors .25, .25, 0, .5 (2.5 goes to 2), and 0.25 becomes 0.
  // fp4_e2m1 holds 6, .25 becomes 0 (a tie to even), 3.25 3, 2.5 2.
  // fixed4.1 ends at 3.5: 7 saturates.
  const std::vector<float> values = {0.25F, 3.25F, -7, 2.5F};
  v1::FormatComparison comparison;
  const grpc::Status status =
      Compare(Of({"int4", "fp4_e2m1", "fixed4.1", "fp32"}, {4}), values, &comparison);
  ASSERT_TRUE(status.ok()) << status.error_message();
  ASSERT_EQ(comparison.rows_size(), 4);
  const double signal = 0.0625 + 3.25 * 3.25 + 49 + 6.25;
  const auto expect = [&](int index, const char* format, double bits, double noise, double error,
                          double saturated, double underflowed) {
    const Row& row = comparison.rows(index);
    EXPECT_EQ(row.format(), format);
    EXPECT_EQ(row.tensor(), "tensor");
    EXPECT_EQ(row.bits_per_value(), bits) << format;
    EXPECT_NEAR(row.sqnr_db(), 10 * std::log10(signal / noise), 1e-9) << format;
    EXPECT_EQ(row.max_error(), error) << format;
    EXPECT_EQ(row.saturated(), saturated) << format;
    EXPECT_EQ(row.underflowed(), underflowed) << format;
    EXPECT_EQ(row.values(), 4);
    EXPECT_EQ(row.error(), "");
  };
  expect(0, "int4", 4 + 32.0 / 4, 0.0625 + 0.0625 + 0.25, 0.5, 0, 0.25);
  expect(1, "fp4_e2m1", 4, 0.0625 + 0.0625 + 1 + 0.25, 1, 0.25, 0.25);
  // .25 is half a step: a tie to the even 0. 3.25 is 6.5 steps: 6, 3. -7 becomes -4.
  expect(2, "fixed4.1", 4, 0.0625 + 0.0625 + 9, 3, 0.25, 0.25);
  EXPECT_TRUE(std::isinf(comparison.rows(3).sqnr_db())) << "nothing changed";
  EXPECT_EQ(comparison.rows(3).max_error(), 0);
}

TEST_F(FormatServiceTest, CountsNegativesThatAFormatCuts) {
  v1::FormatComparison comparison;
  ASSERT_TRUE(Compare(Of({"uint8", "uint8:asym", "int8", "log4:unsigned"}, {2, 4}),
                      {-1, 2, 0, -3, 4, 5, -6, 7}, &comparison)
                  .ok());
  ASSERT_EQ(comparison.rows_size(), 4);
  EXPECT_EQ(comparison.rows(0).negatives_cut(), 3.0 / 8);
  EXPECT_EQ(comparison.rows(1).negatives_cut(), 0);
  EXPECT_EQ(comparison.rows(2).negatives_cut(), 0);
  EXPECT_EQ(comparison.rows(3).negatives_cut(), 3.0 / 8);
}

TEST_F(FormatServiceTest, ComparesGroupsOfATensor) {
  // Channels along the first axis: 7 and 0.7 have scales 1 and 0.1; the tensor's one scale loses
  // the second row.
  const std::vector<float> values = {7, 1, 0.7F, 0.1F};
  v1::FormatComparison comparison;
  ASSERT_TRUE(Compare(Of({"int4:channel", "int4", "int4:block2", "int4:token", "binary:position",
                          "codebook2"},
                         {2, 2}),
                      values, &comparison)
                  .ok());
  ASSERT_EQ(comparison.rows_size(), 6);
  for (const int i : {0, 2, 3}) {  // a row of two is a channel, a block and a token
    EXPECT_GT(comparison.rows(i).sqnr_db(), 140) << i;
    EXPECT_EQ(comparison.rows(i).underflowed(), 0) << i;
    EXPECT_EQ(comparison.rows(i).bits_per_value(), 4 + 32 * 2 / 4.0) << i;
  }
  EXPECT_EQ(comparison.rows(1).bits_per_value(), 4 + 32 / 4.0);
  EXPECT_EQ(comparison.rows(1).underflowed(), 0.25) << "0.1 of 4 values";
  EXPECT_NEAR(comparison.rows(1).max_error(), 0.3, 1e-6);
  EXPECT_THAT(comparison.rows(4).error(), HasSubstr("position"));
  EXPECT_EQ(comparison.rows(4).values(), 0);
  EXPECT_EQ(comparison.rows(5).bits_per_value(), 1 + 2 * 16 / 4.0) << "two entries in fp16";
  // Levels 7 and the mean of the others: 0.6, in fp16.
  EXPECT_NEAR(comparison.rows(5).max_error(), 0.5, 1e-3);
}

TEST_F(FormatServiceTest, ComparesOnANetworksWeights) {
  v1::FormatComparison comparison;
  const grpc::Status status =
      Compare(OfLenet({"int8:channel", "int4:channel", "int4:token"}), {}, &comparison);
  ASSERT_TRUE(status.ok()) << status.error_message();
  v1::Network network;
  {
    v1::GetNetworkRequest request;
    request.set_name("networks/lenet5");
    Call call;
    ASSERT_TRUE(v1::NetworkService::NewStub(running_->channel())
                    ->GetNetwork(&call, request, &network)
                    .ok());
  }
  ASSERT_EQ(comparison.rows_size(), 3 * network.layers_size());
  double weights = 0;
  for (int i = 0; i < network.layers_size(); ++i) {
    const Row& wide = comparison.rows(3 * i);
    const Row& narrow = comparison.rows(3 * i + 1);
    EXPECT_EQ(wide.tensor(), "weights of " + network.layers(i).name());
    EXPECT_EQ(wide.format(), "int8:channel");
    EXPECT_EQ(wide.values(), network.layers(i).weights());
    EXPECT_GT(wide.sqnr_db(), 35);
    // Four bits are 24 dB.
    EXPECT_NEAR(wide.sqnr_db() - narrow.sqnr_db(), 24, 4) << wide.tensor();
    EXPECT_EQ(wide.saturated(), 0) << wide.tensor();
    EXPECT_LT(wide.underflowed(), narrow.underflowed());
    EXPECT_THAT(comparison.rows(3 * i + 2).error(), HasSubstr("share scales by tensor, channel"));
    weights += wide.values();
  }
  EXPECT_EQ(weights, network.weights());
  // conv1 has 6 channels of 25 weights: a float32 scale for each 25.
  EXPECT_NEAR(comparison.rows(0).bits_per_value(), 8 + 32.0 / 25, 1e-12);
}

TEST_F(FormatServiceTest, ComparesOnActivations) {
  v1::CompareFormatsRequest::Header header =
      OfLenet({"int8", "uint8", "int8:dynamic", "int8:token", "uint4:clip=0.5"});
  header.set_dataset("fashion-mnist");
  header.set_images(40);
  v1::FormatComparison comparison;
  const grpc::Status status = Compare(header, {}, &comparison);
  ASSERT_TRUE(status.ok()) << status.error_message();
  std::map<std::string, std::map<std::string, Row>> rows;  // by tensor and format
  for (const Row& row : comparison.rows()) {
    rows[row.tensor()][row.format()] = row;
  }
  ASSERT_EQ(rows.size(), 10u) << "five layers";
  auto& images = rows.at("activations of conv1");
  EXPECT_EQ(images.at("int8").values(), 40 * 28 * 28);
  EXPECT_GT(images.at("int8").sqnr_db(), 40);
  EXPECT_GT(images.at("uint8").saturated(), 0.3) << "dark pixels are negative";
  EXPECT_NEAR(images.at("int8:token").bits_per_value(), 8 + 32, 1e-9) << "one channel, one scale";
  EXPECT_NEAR(images.at("int8").bits_per_value(), 8 + 32.0 / (28 * 28), 1e-12);
  auto& hidden = rows.at("activations of fc2");
  EXPECT_EQ(hidden.at("int8").values(), 40 * 120);
  EXPECT_GT(hidden.at("uint8").sqnr_db(), hidden.at("int8").sqnr_db() + 4) << "one more bit";
  EXPECT_EQ(hidden.at("uint8").saturated(), 0) << "after a ReLU";
  EXPECT_GT(hidden.at("int8:dynamic").sqnr_db(), hidden.at("int8").sqnr_db());
  EXPECT_GT(hidden.at("uint4:clip=0.5").saturated(), 0.1);
  EXPECT_THAT(rows.at("weights of fc2").at("int8:dynamic").error(), HasSubstr("'dynamic'"));
}

TEST_F(FormatServiceTest, StopsComparingWhenTheClientGoes) {
  std::vector<std::string> formats;
  for (int i = 0; i < 64; ++i) {
    formats.push_back(fmt::format("e{}m{}:scaled:mse", 2 + i % 4, 1 + i % 7));
  }
  v1::CompareFormatsRequest first;
  *first.mutable_header() = Of(formats, {});
  first.mutable_header()->set_network("resnet8");
  first.mutable_header()->set_dataset("fashion-mnist");
  first.mutable_header()->set_images(512);
  const auto begin = std::chrono::steady_clock::now();
  // More rounds than there are slots: each must give its own back, or the last are refused.
  for (int i = 0; i < 6; ++i) {
    Call call;
    v1::FormatComparison comparison;
    const auto writer = formats_->CompareFormats(&call, &comparison);
    writer->Write(first);
    writer->WritesDone();
    std::this_thread::sleep_for(std::chrono::milliseconds(i == 0 ? 300 : 20));
    call.TryCancel();
    EXPECT_NE(writer->Finish().error_code(), grpc::StatusCode::OK) << i;
  }
  v1::FormatComparison comparison;
  grpc::Status status;
  do {  // the last cancelled calls may not have ended yet
    status = Compare(Of({"int8"}, {1}), {1}, &comparison);
  } while (status.error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED &&
           std::chrono::steady_clock::now() - begin < std::chrono::seconds(20));
  EXPECT_TRUE(status.ok()) << status.error_message();
}

TEST_F(FormatServiceTest, RefusesBadComparisons) {
  v1::FormatComparison comparison;
  const auto expect = [&](const v1::CompareFormatsRequest::Header& header,
                          const std::vector<float>& values, const std::string& field,
                          const std::string& message) {
    const grpc::Status status = Compare(header, values, &comparison);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT) << message;
    EXPECT_THAT(status.error_message(), HasSubstr(message));
    ASSERT_EQ(FieldsOf(status).field_violations_size(), 1) << message;
    EXPECT_EQ(FieldsOf(status).field_violations(0).field(), field);
  };
  expect(Of({}, {1}), {1}, "header.formats", "0 formats; allowed: 1 to 64");
  expect(Of(std::vector<std::string>(65, "int8"), {1}), {1}, "header.formats",
         "65 formats; allowed: 1 to 64");
  expect(Of({"int8", "mxfp4_e2m2"}, {1}), {1}, "header.formats[1]", "mxfp4_e2m1");
  expect(Of({"int8:tenser"}, {1}), {1}, "header.formats[0]", "column 6");
  expect(Of({"int8"}, {}), {}, "header.network", "either a network or the shape");
  expect(Of({"int8"}, {0}), {}, "header.shape[0]", "0 is out of range");
  expect(Of({"int8"}, {2}), {1}, "chunk", "4 bytes were sent; the shape tells 2 float32");
  expect(Of({"int8"}, {1}), {1, 2}, "chunk", "more bytes than the 4");
  v1::CompareFormatsRequest::Header both = OfLenet({"int8"});
  both.add_shape(1);
  expect(both, {1}, "header.network", "either a network or the shape");
  expect(OfLenet({"int8"}), {1}, "chunk", "nothing follows the header");
  v1::CompareFormatsRequest::Header images = OfLenet({"int8"});
  images.set_images(3);
  expect(images, {}, "header.images", "none is named");
  images.set_dataset("fashion-mnist");
  images.set_images(513);
  expect(images, {}, "header.images", "513 images; allowed: at most 512");
  images.set_images(-1);
  expect(images, {}, "header.images", "-1 is out of range");
  v1::CompareFormatsRequest::Header tensor = Of({"int8"}, {1});
  tensor.set_dataset("fashion-mnist");
  expect(tensor, {1}, "header.dataset", "not for a tensor");
  images = OfLenet({"int8"});
  images.set_network("lenet6");
  EXPECT_EQ(Compare(images, {}, &comparison).error_code(), grpc::StatusCode::NOT_FOUND);
  images = OfLenet({"int8"});
  images.set_dataset("fashion-mnits");
  EXPECT_EQ(Compare(images, {}, &comparison).error_code(), grpc::StatusCode::NOT_FOUND);
  Call call;
  const auto writer = formats_->CompareFormats(&call, &comparison);
  writer->WritesDone();
  const grpc::Status status = writer->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(), HasSubstr("header: required in the first message"));
}

}  // namespace
}  // namespace bitscape::server
