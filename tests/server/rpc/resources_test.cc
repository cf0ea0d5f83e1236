// Networks, datasets, accelerators and the server's status.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>

#include "bitscape/v1/accelerator_service.grpc.pb.h"
#include "bitscape/v1/dataset.grpc.pb.h"
#include "bitscape/v1/network.grpc.pb.h"
#include "bitscape/v1/server.grpc.pb.h"
#include "engine/core/files.h"
#include "tests/server/rpc/running_server.h"

namespace bitscape::server {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsSupersetOf;

class ResourcesTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { running_ = std::make_unique<RunningServer>(); }
  static void TearDownTestSuite() { running_.reset(); }

  ResourcesTest()
      : networks_(v1::NetworkService::NewStub(running_->channel())),
        datasets_(v1::DatasetService::NewStub(running_->channel())),
        accelerators_(v1::AcceleratorService::NewStub(running_->channel())) {}

  static std::string LenetFile() {
    const absl::StatusOr<std::filesystem::path> data = DataDirectory();
    EXPECT_TRUE(data.ok()) << data.status();
    absl::StatusOr<std::string> bytes = ReadFile(*data / "zoo" / "lenet5.onnx", 1 << 24);
    EXPECT_TRUE(bytes.ok()) << bytes.status();
    return *std::move(bytes);
  }
  static v1::ImportNetworkRequest NetworkHeader(const std::string& id) {
    v1::ImportNetworkRequest request;
    request.mutable_header()->set_network_id(id);
    request.mutable_header()->set_file_name("mine.onnx");
    request.mutable_header()->add_mean(0.286);
    request.mutable_header()->add_std(0.353);
    return request;
  }
  static std::vector<v1::ImportNetworkRequest> Parts(const v1::ImportNetworkRequest& header,
                                                     const std::string& bytes) {
    std::vector<v1::ImportNetworkRequest> parts = {header};
    constexpr size_t kChunk = 100'000;
    for (size_t begin = 0; begin < bytes.size(); begin += kChunk) {
      v1::ImportNetworkRequest part;
      part.set_chunk(bytes.substr(begin, kChunk));
      parts.push_back(part);
    }
    return parts;
  }
  grpc::Status Import(const std::vector<v1::ImportNetworkRequest>& parts, v1::Network* network) {
    Call call;
    const auto writer = networks_->ImportNetwork(&call, network);
    for (const v1::ImportNetworkRequest& part : parts) {
      if (!writer->Write(part)) {
        break;
      }
    }
    writer->WritesDone();
    return writer->Finish();
  }
  grpc::Status GetNetwork(const std::string& name, v1::Network* network) {
    v1::GetNetworkRequest request;
    request.set_name(name);
    Call call;
    return networks_->GetNetwork(&call, request, network);
  }

  static std::unique_ptr<RunningServer> running_;
  std::unique_ptr<v1::NetworkService::Stub> networks_;
  std::unique_ptr<v1::DatasetService::Stub> datasets_;
  std::unique_ptr<v1::AcceleratorService::Stub> accelerators_;
};
std::unique_ptr<RunningServer> ResourcesTest::running_;

TEST_F(ResourcesTest, DescribesANetwork) {
  v1::Network network;
  ASSERT_TRUE(GetNetwork("networks/lenet5", &network).ok());
  EXPECT_EQ(network.name(), "networks/lenet5");
  EXPECT_THAT(network.input_shape(), ElementsAre(1, 1, 28, 28));
  EXPECT_EQ(network.outputs(), 10);
  EXPECT_EQ(network.parameters(), 62158) << "as the zoo's own file says";
  ASSERT_GT(network.layers_size(), 0);
  const v1::Network::Layer& first = network.layers(0);
  EXPECT_EQ(first.op(), "conv");
  EXPECT_EQ(first.kernel(), "5x5");
  EXPECT_EQ(first.reduction_length(), 25);
  EXPECT_EQ(first.reduction_bits(), 5) << "ceil(log2(25))";
  EXPECT_EQ(first.input_shape(), "1x1x28x28");
  double macs = 0;
  double weights = 0;
  for (const v1::Network::Layer& layer : network.layers()) {
    macs += layer.macs();
    weights += layer.weights();
  }
  EXPECT_EQ(macs, network.macs());
  EXPECT_EQ(weights, network.weights());
  EXPECT_EQ(network.kind(), "zoo");
  EXPECT_TRUE(network.has_weights());
  EXPECT_EQ(network.totals_size(), 2);
  EXPECT_EQ(network.embedding_parameters(), 0);
}

TEST_F(ResourcesTest, DescribesANetworkOfShapes) {
  v1::Network network;
  ASSERT_TRUE(GetNetwork("networks/bert_base", &network).ok());
  EXPECT_EQ(network.kind(), "shapes");
  EXPECT_FALSE(network.has_weights());
  EXPECT_EQ(network.parameters(), 109'482'240);
  EXPECT_EQ(network.embedding_parameters(), 31'036 * 768);
  EXPECT_EQ(network.other_parameters(), 25 * 2 * 768 + 768 * 769);
  EXPECT_THAT(network.omitted(), HasSubstr("pooler"));
  ASSERT_EQ(network.totals_size(), 2);
  EXPECT_EQ(network.totals(0).kind(), "fc");
  EXPECT_EQ(network.totals(0).layers(), 12 * 6);
  EXPECT_EQ(network.totals(1).kind(), "attention");
  EXPECT_EQ(network.totals(1).weights(), 0);
  EXPECT_EQ(network.totals(0).macs() + network.totals(1).macs(), network.macs());
  const v1::Network::Layer& scores = network.layers(3);
  EXPECT_EQ(scores.name(), "layer0.qk_t");
  EXPECT_EQ(scores.kind(), "attention");
  EXPECT_EQ(scores.groups(), 12);
  EXPECT_EQ(scores.channels(), 64);
  EXPECT_EQ(scores.filters(), 12 * 128);
  EXPECT_EQ(scores.output_height(), 128);
  EXPECT_EQ(GetNetwork("networks/bert_base_s0", &network).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(ResourcesTest, ListsNetworks) {
  v1::ListNetworksRequest list;
  list.set_page_size(2);
  std::vector<std::string> names;
  do {
    Call call;
    v1::ListNetworksResponse page;
    ASSERT_TRUE(networks_->ListNetworks(&call, list, &page).ok());
    for (const v1::Network& network : page.networks()) {
      names.push_back(network.name());
      EXPECT_EQ(network.layers_size(), 0);
    }
    list.set_page_token(page.next_page_token());
  } while (!list.page_token().empty());
  EXPECT_THAT(names, IsSupersetOf({"networks/dscnn", "networks/lenet5", "networks/resnet8"}));
}

TEST_F(ResourcesTest, NamesTheNearestNetwork) {
  v1::Network network;
  const grpc::Status status = GetNetwork("networks/lenet6", &network);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_THAT(status.error_message(), HasSubstr("did you mean 'lenet5'?"));
  EXPECT_EQ(ResourceOf(status).resource_name(), "networks/lenet6");
  EXPECT_EQ(GetNetwork("", &network).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(ResourcesTest, ImportsANetworkOnce) {
  v1::Network zoo;
  ASSERT_TRUE(GetNetwork("lenet5", &zoo).ok());
  const std::string bytes = LenetFile();
  v1::Network network;
  v1::ImportNetworkRequest header = NetworkHeader("mine");
  header.mutable_header()->set_validate_only(true);
  ASSERT_TRUE(Import(Parts(header, bytes), &network).ok());
  EXPECT_EQ(GetNetwork("mine", &network).error_code(), grpc::StatusCode::NOT_FOUND);

  header.mutable_header()->set_validate_only(false);
  grpc::Status status = Import(Parts(header, bytes), &network);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(network.name(), "networks/mine");
  EXPECT_EQ(network.macs(), zoo.macs());
  EXPECT_EQ(network.digest(), zoo.digest()) << "the name does not count";
  EXPECT_TRUE(GetNetwork("mine", &network).ok());
  EXPECT_TRUE(Import(Parts(header, bytes), &network).ok()) << "the same again is fine";

  header.mutable_header()->set_mean(0, 0.5);  // other content
  status = Import(Parts(header, bytes), &network);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::ALREADY_EXISTS);
  EXPECT_EQ(ResourceOf(status).resource_name(), "networks/mine");
}

TEST_F(ResourcesTest, RefusesBadNetworks) {
  v1::Network network;
  const auto expect = [&](const std::vector<v1::ImportNetworkRequest>& parts, const char* message) {
    const grpc::Status status = Import(parts, &network);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
    EXPECT_THAT(status.error_message(), HasSubstr(message));
  };
  expect({}, "header: required in the first message");
  expect(Parts(NetworkHeader("Bad Name"), "x"), "header.network_id: 'Bad Name' is not an id");
  v1::ImportNetworkRequest header = NetworkHeader("bad");
  header.mutable_header()->set_std(0, 0);
  expect(Parts(header, "x"), "header.std[0]: 0 is not a positive number");
  header = NetworkHeader("bad");
  header.mutable_header()->add_mean(0.1);
  expect(Parts(header, "x"), "header.std: 1 values and 2 means");
  expect(Parts(NetworkHeader("bad"), "this is no ONNX file"), "mine.onnx");
  expect({NetworkHeader("bad"), NetworkHeader("bad")}, "chunk: required in every message");
  v1::ImportNetworkRequest big;
  big.set_chunk(std::string((1 << 20) + 1, 'x'));
  expect({NetworkHeader("bad"), big}, "chunk: has 1048577 bytes; a chunk has at most 1048576");
  EXPECT_EQ(GetNetwork("bad", &network).error_code(), grpc::StatusCode::NOT_FOUND);
}

std::string BigEndian(uint32_t value) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) {
    bytes += static_cast<char>(value >> shift & 0xff);
  }
  return bytes;
}

std::string IdxImages(uint32_t count, uint32_t size) {
  std::string bytes = BigEndian(0x803) + BigEndian(count) + BigEndian(size) + BigEndian(size);
  for (uint32_t i = 0; i < count * size * size; ++i) {
    bytes += static_cast<char>(i * 7 % 251);
  }
  return bytes;
}

std::string IdxLabels(uint32_t count) {
  std::string bytes = BigEndian(0x801) + BigEndian(count);
  for (uint32_t i = 0; i < count; ++i) {
    bytes += static_cast<char>(i % 4);
  }
  return bytes;
}

class DatasetUpload {
 public:
  explicit DatasetUpload(const std::string& id) {
    parts_.emplace_back().mutable_header()->set_dataset_id(id);
  }
  DatasetUpload& Add(v1::ImportDatasetRequest::Chunk::File file, const std::string& bytes) {
    v1::ImportDatasetRequest::Chunk& chunk = *parts_.emplace_back().mutable_chunk();
    chunk.set_file(file);
    chunk.set_bytes(bytes);
    return *this;
  }
  grpc::Status Send(v1::DatasetService::Stub& datasets, v1::Dataset* dataset) const {
    Call call;
    const auto writer = datasets.ImportDataset(&call, dataset);
    for (const v1::ImportDatasetRequest& part : parts_) {
      if (!writer->Write(part)) {
        break;
      }
    }
    writer->WritesDone();
    return writer->Finish();
  }

 private:
  std::vector<v1::ImportDatasetRequest> parts_;
};

using Chunk = v1::ImportDatasetRequest::Chunk;

TEST_F(ResourcesTest, ImportsADataset) {
  v1::Dataset dataset;
  const grpc::Status status = DatasetUpload("squares")
                                  .Add(Chunk::TRAIN_IMAGES, IdxImages(2000, 6))
                                  .Add(Chunk::TRAIN_LABELS, IdxLabels(2000))
                                  .Add(Chunk::TEST_IMAGES, IdxImages(100, 6))
                                  .Add(Chunk::TEST_LABELS, IdxLabels(100))
                                  .Send(*datasets_, &dataset);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(dataset.name(), "datasets/squares");
  EXPECT_THAT(dataset.image_shape(), ElementsAre(1, 6, 6));
  EXPECT_EQ(dataset.classes(), 4);
  EXPECT_EQ(dataset.test_images(), 100);
  v1::GetDatasetRequest get;
  get.set_name("datasets/squares");
  Call call;
  v1::Dataset again;
  ASSERT_TRUE(datasets_->GetDataset(&call, get, &again).ok());
  EXPECT_EQ(again.digest(), dataset.digest());
  Call list_call;
  v1::ListDatasetsResponse list;
  ASSERT_TRUE(datasets_->ListDatasets(&list_call, {}, &list).ok());
  std::vector<std::string> names;
  for (const v1::Dataset& known : list.datasets()) {
    names.push_back(known.name());
  }
  EXPECT_THAT(names, IsSupersetOf({"datasets/fashion-mnist", "datasets/squares"}));
}

TEST_F(ResourcesTest, RefusesBadDatasets) {
  v1::Dataset dataset;
  grpc::Status status = DatasetUpload("bad")
                            .Add(Chunk::TRAIN_IMAGES, IdxImages(20, 6))
                            .Add(Chunk::TRAIN_LABELS, IdxLabels(19))
                            .Send(*datasets_, &dataset);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(), HasSubstr("19"));
  status = DatasetUpload("bad").Add(Chunk::FILE_UNSPECIFIED, "x").Send(*datasets_, &dataset);
  EXPECT_THAT(status.error_message(),
              HasSubstr("chunk.file: 0 is not a file; allowed: TRAIN_IMAGES"));
  status = DatasetUpload("fashion-mnist-2/").Send(*datasets_, &dataset);
  EXPECT_THAT(status.error_message(), HasSubstr("header.dataset_id: "));
  v1::GetDatasetRequest get;
  get.set_name("fashion-minst");
  Call call;
  status = datasets_->GetDataset(&call, get, &dataset);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_THAT(status.error_message(), HasSubstr("did you mean 'fashion-mnist'?"));
}

TEST_F(ResourcesTest, CreatesAnAccelerator) {
  v1::GetAcceleratorRequest get;
  get.set_name("accelerators/eyeriss_like");
  Call call;
  v1::Accelerator eyeriss;
  ASSERT_TRUE(accelerators_->GetAccelerator(&call, get, &eyeriss).ok());
  EXPECT_EQ(eyeriss.spec().array_rows(), 12);
  EXPECT_FALSE(eyeriss.spec().sources().empty());

  v1::CreateAcceleratorRequest create;
  *create.mutable_spec() = eyeriss.spec();
  create.mutable_spec()->set_name("wide");
  create.mutable_spec()->set_array_columns(28);
  create.set_validate_only(true);
  Call check;
  v1::Accelerator wide;
  ASSERT_TRUE(accelerators_->CreateAccelerator(&check, create, &wide).ok());
  get.set_name("wide");
  Call not_yet;
  EXPECT_EQ(accelerators_->GetAccelerator(&not_yet, get, &wide).error_code(),
            grpc::StatusCode::NOT_FOUND);
  create.set_validate_only(false);
  Call create_call;
  ASSERT_TRUE(accelerators_->CreateAccelerator(&create_call, create, &wide).ok());
  EXPECT_NE(wide.digest(), eyeriss.digest());
  Call list_call;
  v1::ListAcceleratorsResponse list;
  ASSERT_TRUE(accelerators_->ListAccelerators(&list_call, {}, &list).ok());
  std::vector<std::string> names;
  for (const v1::Accelerator& known : list.accelerators()) {
    names.push_back(known.name());
  }
  EXPECT_THAT(names, Contains("accelerators/wide"));

  create.mutable_spec()->set_array_columns(7);
  Call other;
  grpc::Status status = accelerators_->CreateAccelerator(&other, create, &wide);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::ALREADY_EXISTS) << status.error_message();
  create.mutable_spec()->set_name("bad");
  create.mutable_spec()->set_clock_ghz(-1);
  Call bad;
  status = accelerators_->CreateAccelerator(&bad, create, &wide);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(), HasSubstr("clock_ghz"));
}

TEST_F(ResourcesTest, TellsTheServersStatus) {
  const auto server = v1::ServerService::NewStub(running_->channel());
  Call call;
  v1::ServerStatus status;
  ASSERT_TRUE(server->GetServerStatus(&call, {}, &status).ok());
  EXPECT_NE(status.version(), "");
  EXPECT_NE(status.engine_version(), "");
  EXPECT_NE(status.cost_model_version(), "");
  EXPECT_EQ(status.database(), running_->options().database.string());
  EXPECT_GT(status.database_bytes(), 0);
  EXPECT_GE(status.schema_version(), 1);
  EXPECT_GE(status.threads(), 1);
  EXPECT_FALSE(status.embedded());
  EXPECT_THAT(status.listeners(),
              ElementsAre(running_->server().Addresses()[0], running_->server().Addresses()[1],
                          "http://" + running_->server().HttpAddress()));
}

TEST(UnreadableResources, AreMarkedInListsAndHideNoOthers) {
  const TemporaryFolder folder;
  const std::filesystem::path data = *DataDirectory();
  std::filesystem::copy(data, folder.path(), std::filesystem::copy_options::recursive);
  ASSERT_TRUE(WriteFileAtomically(folder.path() / "zoo" / "lenet5.onnx", "no model").ok());
  setenv("BITSCAPE_DATA_DIR", folder.path().c_str(), 1);
  setenv("BITSCAPE_DATASETS_DIR", folder.path().c_str(), 1);
  RunningServer running;
  v1::ListNetworksResponse networks;
  v1::ListDatasetsResponse datasets;
  Call network_call;
  Call dataset_call;
  const grpc::Status listed =
      v1::NetworkService::NewStub(running.channel())->ListNetworks(&network_call, {}, &networks);
  const grpc::Status also =
      v1::DatasetService::NewStub(running.channel())->ListDatasets(&dataset_call, {}, &datasets);
  setenv("BITSCAPE_DATA_DIR", data.c_str(), 1);
  unsetenv("BITSCAPE_DATASETS_DIR");
  ASSERT_TRUE(listed.ok()) << listed.error_message();
  ASSERT_TRUE(also.ok()) << also.error_message();
  std::map<std::string, v1::Network> by_name;
  for (const v1::Network& network : networks.networks()) by_name[network.name()] = network;
  EXPECT_THAT(by_name["networks/lenet5"].error(), HasSubstr("lenet5.onnx"));
  by_name.erase("networks/lenet5");
  for (const auto& [name, network] : by_name) EXPECT_EQ(network.error(), "") << name;
  EXPECT_EQ(by_name["networks/resnet8"].parameters(), 77'754);
  EXPECT_EQ(by_name["networks/vgg16"].kind(), "shapes");
  ASSERT_EQ(datasets.datasets_size(), 1);
  EXPECT_THAT(datasets.datasets(0).error(), HasSubstr("dataset-fashion-mnist"));
}

}  // namespace
}  // namespace bitscape::server
