// A whole server on a temporary database, and a channel to it.
#pragma once

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/support/status.h>

#include <filesystem>
#include <memory>
#include <string>

#include "bitscape/v1/sweep.pb.h"
#include "google/rpc/error_details.pb.h"
#include "server/rpc/server.h"

namespace bitscape::server {

// A folder that goes away with it.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

class RunningServer {
 public:
  RunningServer();  // aborts the test program if the server does not start

  Server& server() { return *server_; }
  std::shared_ptr<grpc::Channel> channel() { return channel_; }
  const std::filesystem::path& folder() const { return folder_.path(); }
  const ServerOptions& options() const { return options_; }
  // Shuts down and starts again on the same database.
  void Restart();

 private:
  void Start();

  TemporaryFolder folder_;
  ServerOptions options_;
  std::unique_ptr<Server> server_;
  std::shared_ptr<grpc::Channel> channel_;
};

// lenet5 on the first `images` test images, `weights` x int8, on eyeriss_like.
v1::SweepSpec SmallSweep(int images, std::vector<std::string> weights = {"int8:channel"});

// The BadRequest in a status; empty if there is none.
google::rpc::BadRequest FieldsOf(const grpc::Status& status);
google::rpc::ResourceInfo ResourceOf(const grpc::Status& status);

// A call that gives up after a minute.
class Call : public grpc::ClientContext {
 public:
  Call();
};

}  // namespace bitscape::server
