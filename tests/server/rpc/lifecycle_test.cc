// Start and end of servers: ports, locks, sockets, health, reflection.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>
#include <google/protobuf/text_format.h>
#include <grpcpp/completion_queue.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/security/credentials.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <thread>

#include "bitscape/v1/server.grpc.pb.h"
#include "bitscape/v1/sweep.grpc.pb.h"
#include "engine/core/files.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "server/rpc/services.h"
#include "tests/server/rpc/running_server.h"

namespace bitscape::server {
namespace {

using ::testing::HasSubstr;

bool Answers(const std::string& address) {
  const auto server =
      v1::ServerService::NewStub(grpc::CreateChannel(address, grpc::InsecureChannelCredentials()));
  Call call;
  v1::ServerStatus status;
  return server->GetServerStatus(&call, {}, &status).ok();
}

ServerOptions Options(const std::filesystem::path& database, const std::string& listen) {
  ServerOptions options;
  options.database = database;
  options.listen = {listen};
  options.log_to_stderr = false;
  return options;
}

TEST(Lifecycle, AnswersOnEveryAddress) {
  RunningServer running;
  for (const std::string& address : running.server().Addresses()) {
    EXPECT_TRUE(Answers(address)) << address;
  }
  EXPECT_NE(running.server().Addresses()[0], "127.0.0.1:0");
}

TEST(Lifecycle, ReportsHealth) {
  RunningServer running;
  const auto health = grpc::health::v1::Health::NewStub(running.channel());
  std::vector<std::string> services = ServiceNames();
  services.emplace_back("");
  for (const std::string& service : services) {
    grpc::health::v1::HealthCheckRequest request;
    request.set_service(service);
    Call call;
    grpc::health::v1::HealthCheckResponse response;
    ASSERT_TRUE(health->Check(&call, request, &response).ok()) << service;
    EXPECT_EQ(response.status(), grpc::health::v1::HealthCheckResponse::SERVING) << service;
  }
}

// Sends one request (text format) to the reflection service and returns its answer. The stubs can't
// be generated here: the server's library holds the same messages, so we take its descriptors.
std::string Reflect(const std::shared_ptr<grpc::Channel>& channel, const std::string& request) {
  using google::protobuf::DescriptorPool;
  using google::protobuf::Message;
  const auto make = [](const char* type) {
    const auto* descriptor = DescriptorPool::generated_pool()->FindMessageTypeByName(type);
    return std::unique_ptr<Message>(
        google::protobuf::MessageFactory::generated_factory()->GetPrototype(descriptor)->New());
  };
  const auto message = make("grpc.reflection.v1alpha.ServerReflectionRequest");
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(request, message.get()));
  const grpc::Slice slice(message->SerializeAsString());
  const grpc::ByteBuffer bytes(&slice, 1);
  Call call;
  grpc::CompletionQueue queue;
  grpc::GenericStub stub(channel);
  const auto stream = stub.PrepareCall(
      &call, "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", &queue);
  const auto wait = [&queue] {
    void* tag = nullptr;
    bool ok = false;
    return queue.Next(&tag, &ok) && ok;
  };
  stream->StartCall(nullptr);
  EXPECT_TRUE(wait());
  stream->WriteLast(bytes, grpc::WriteOptions(), nullptr);
  EXPECT_TRUE(wait());
  grpc::ByteBuffer answer;
  stream->Read(&answer, nullptr);
  EXPECT_TRUE(wait());
  grpc::Status status;
  stream->Finish(&status, nullptr);
  wait();
  EXPECT_TRUE(status.ok()) << status.error_message();
  grpc::Slice flat;
  EXPECT_TRUE(answer.DumpToSingleSlice(&flat).ok());
  const auto response = make("grpc.reflection.v1alpha.ServerReflectionResponse");
  EXPECT_TRUE(response->ParseFromArray(flat.begin(), static_cast<int>(flat.size())));
  return response->ShortDebugString();
}

TEST(Lifecycle, ListsItsServicesByReflection) {
  RunningServer running;
  const std::string list = Reflect(running.channel(), "list_services: ''");
  for (const std::string& name : ServiceNames()) {
    EXPECT_THAT(list, HasSubstr("service { name: \"" + name + "\" }"));
  }
  EXPECT_THAT(list, HasSubstr("grpc.health.v1.Health"));
  const std::string file =
      Reflect(running.channel(), "file_containing_symbol: 'bitscape.v1.SweepService'");
  EXPECT_THAT(file, HasSubstr("file_descriptor_proto: "));
  EXPECT_THAT(file, HasSubstr("CreateSweepRequest"));
}

TEST(Lifecycle, RefusesASecondServerOnTheDatabase) {
  RunningServer first;
  const auto second = Server::Start(Options(first.options().database, "127.0.0.1:0"));
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(second.status().message()), HasSubstr(first.options().database.string()));
  // The lock is what it hears about even where the addresses are the same.
  const auto third = Server::Start(first.options());
  EXPECT_EQ(third.status().code(), absl::StatusCode::kFailedPrecondition);
  for (const std::string& address : first.server().Addresses()) {
    EXPECT_TRUE(Answers(address)) << address;
  }
}

TEST(Lifecycle, RefusesAnAddressInUse) {
  RunningServer first;
  TemporaryFolder folder;
  for (const std::string& address : {first.server().Addresses()[0], first.server().Addresses()[1],
                                     first.server().HttpAddress()}) {
    const auto second = Server::Start(Options(folder.path() / "x.db", address));
    ASSERT_FALSE(second.ok());
    EXPECT_EQ(second.status().code(), absl::StatusCode::kUnavailable);
    EXPECT_THAT(std::string(second.status().message()), HasSubstr("can't listen on " + address));
    ServerOptions http = Options(folder.path() / "x.db", "127.0.0.1:0");
    http.http_listen = first.server().HttpAddress();
    const auto third = Server::Start(http);
    EXPECT_THAT(std::string(third.status().message()),
                HasSubstr("can't listen on " + first.server().HttpAddress()));
  }
  EXPECT_TRUE(std::filesystem::is_empty(folder.path())) << "a failed start leaves nothing behind";
  EXPECT_TRUE(Answers(first.server().Addresses()[0]));
  EXPECT_TRUE(Answers(first.server().Addresses()[1]));
}

TEST(Lifecycle, ReleasesTheDatabaseWhenItsPortsAreTaken) {
  RunningServer first;
  TemporaryFolder folder;
  const std::filesystem::path database = folder.path() / "x.db";
  ASSERT_TRUE(Server::Start(Options(database, "127.0.0.1:0")).ok());
  ASSERT_TRUE(std::filesystem::exists(database));
  EXPECT_EQ(Server::Start(Options(database, first.server().Addresses()[0])).status().code(),
            absl::StatusCode::kUnavailable);
  EXPECT_TRUE(Server::Start(Options(database, "127.0.0.1:0")).ok()) << "the lock was given back";
}

TEST(Lifecycle, RefusesBadOptions) {
  TemporaryFolder folder;
  const std::filesystem::path database = folder.path() / "x.db";
  const auto expect = [&](const ServerOptions& options, const char* message) {
    const auto server = Server::Start(options);
    EXPECT_EQ(server.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(server.status().message()), HasSubstr(message));
  };
  expect(Options(database, "here"), "address 'here'");
  ServerOptions options = Options(database, "127.0.0.1:0");
  options.http_listen = "unix:/x.sock";
  expect(options, "the HTTP port takes HOST:PORT");
  options = Options(database, "127.0.0.1:0");
  options.log_level = "loud";
  expect(options, "log level 'loud'");
  options.listen.clear();
  options.log_level = "info";
  expect(options, "no address to listen on");
}

TEST(Lifecycle, RefusesToStartWithoutADataFolder) {
  const std::filesystem::path kept = *DataDirectory();
  setenv("BITSCAPE_DATA_DIR", "/no/such/folder", 1);
  const TemporaryFolder folder;
  const auto server = Server::Start(Options(folder.path() / "a.db", "127.0.0.1:0"));
  setenv("BITSCAPE_DATA_DIR", kept.c_str(), 1);
  EXPECT_EQ(server.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(server.status().message()), HasSubstr("/no/such/folder"));
  EXPECT_FALSE(std::filesystem::exists(folder.path() / "a.db"));
}

TEST(Lifecycle, ReplacesTheSocketOfADeadServer) {
  TemporaryFolder folder;
  const std::string path = (folder.path() / "dead.sock").string();
  {
    // A socket file that nobody listens on, as a killed server leaves it.
    const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    std::strncpy(name.sun_path, path.c_str(), sizeof(name.sun_path) - 1);
    ASSERT_EQ(bind(fd, reinterpret_cast<const sockaddr*>(&name), sizeof(name)), 0);
    close(fd);
  }
  ASSERT_TRUE(std::filesystem::exists(path));
  const auto server = Server::Start(Options(folder.path() / "x.db", "unix:" + path));
  ASSERT_TRUE(server.ok()) << server.status();
  EXPECT_TRUE(Answers("unix:" + path));
  struct stat status {};
  ASSERT_EQ(lstat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & (S_IRWXG | S_IRWXO), 0u) << "for its owner only";
  (*server)->Shutdown();
  EXPECT_FALSE(std::filesystem::exists(path)) << "the socket goes with the server";
}

TEST(Lifecycle, KeepsAFileThatIsNoSocket) {
  TemporaryFolder folder;
  const std::filesystem::path path = folder.path() / "notes.txt";
  std::ofstream(path) << "dear diary";
  const auto server = Server::Start(Options(folder.path() / "x.db", "unix:" + path.string()));
  EXPECT_EQ(server.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(server.status().message()), HasSubstr("no socket has this name"));
  EXPECT_FALSE(std::filesystem::exists(folder.path() / "x.db"));
  std::string text;
  std::getline(std::ifstream(path), text);
  EXPECT_EQ(text, "dear diary");
}

TEST(Lifecycle, WaitsUntilShutdown) {
  RunningServer running;
  std::thread shutdown([&] { running.server().Shutdown(); });
  running.server().Wait();
  shutdown.join();
  running.server().Shutdown();  // a second time does nothing
  EXPECT_FALSE(Answers(running.server().Addresses()[0]));
}

TEST(Lifecycle, TakesUpSweepsAfterARestart) {
  RunningServer running;
  v1::CreateSweepRequest create;
  create.set_sweep_id("carried-on");
  *create.mutable_spec() = SmallSweep(10000, {"int3", "int4", "int5", "int6"});
  create.mutable_spec()->mutable_evaluation()->set_slice_images(256);
  Call call;
  v1::Sweep sweep;
  ASSERT_TRUE(
      v1::SweepService::NewStub(running.channel())->CreateSweep(&call, create, &sweep).ok());
  running.Restart();
  v1::WatchSweepRequest watch;
  watch.set_name("carried-on");
  Call watch_call;
  const auto sweeps = v1::SweepService::NewStub(running.channel());
  const auto reader = sweeps->WatchSweep(&watch_call, watch);
  v1::SweepEvent event;
  while (reader->Read(&event)) {
    sweep = event.sweep();
  }
  EXPECT_EQ(sweep.state(), v1::Sweep::SUCCEEDED);
  EXPECT_EQ(sweep.progress().images_evaluated(), 4 * 10000);
}

}  // namespace
}  // namespace bitscape::server
