#include "tests/server/rpc/running_server.h"

#include <fmt/format.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <unistd.h>

#include <atomic>
#include <chrono>

#include "engine/core/status.h"
#include "google/rpc/status.pb.h"

namespace bitscape::server {
namespace {

template <typename Detail>
Detail DetailOf(const grpc::Status& status) {
  google::rpc::Status details;
  Detail detail;
  if (details.ParseFromString(status.error_details())) {
    for (const google::protobuf::Any& any : details.details()) {
      if (any.Is<Detail>()) {
        any.UnpackTo(&detail);
      }
    }
  }
  return detail;
}

}  // namespace

TemporaryFolder::TemporaryFolder() {
  static std::atomic<int> count = 0;
  path_ = std::filesystem::temp_directory_path() /
          fmt::format("bitscape-rpc-test-{}-{}", getpid(), count++);
  std::filesystem::create_directories(path_);
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code error;
  std::filesystem::remove_all(path_, error);
}

RunningServer::RunningServer() {
  options_.database = folder_.path() / "test.db";
  options_.listen = {"127.0.0.1:0", fmt::format("unix:{}", (folder_.path() / "s.sock").string())};
  options_.http_listen = "127.0.0.1:0";
  options_.log_to_stderr = false;
  Start();
}

void RunningServer::Start() {
  absl::StatusOr<std::unique_ptr<Server>> server = Server::Start(options_);
  BITSCAPE_CHECK(server.ok(), server.status().ToString().c_str());
  server_ = *std::move(server);
  channel_ = grpc::CreateChannel(server_->Addresses()[0], grpc::InsecureChannelCredentials());
}

void RunningServer::Restart() {
  server_.reset();
  Start();
}

v1::SweepSpec SmallSweep(int images, std::vector<std::string> weights) {
  v1::SweepSpec spec;
  spec.set_network("lenet5");
  spec.set_dataset("fashion-mnist");
  spec.add_accelerators("eyeriss_like");
  v1::SweepSpec::Space::Grid& grid = *spec.mutable_space()->add_grids();
  for (const std::string& text : weights) {
    grid.add_weights(text);
  }
  grid.add_activations("int8");
  spec.mutable_evaluation()->set_images(images);
  spec.mutable_evaluation()->set_calibration_images(32);
  return spec;
}

google::rpc::BadRequest FieldsOf(const grpc::Status& status) {
  return DetailOf<google::rpc::BadRequest>(status);
}

google::rpc::ResourceInfo ResourceOf(const grpc::Status& status) {
  return DetailOf<google::rpc::ResourceInfo>(status);
}

Call::Call() { set_deadline(std::chrono::system_clock::now() + std::chrono::minutes(1)); }

}  // namespace bitscape::server
