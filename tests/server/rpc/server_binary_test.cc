// bitscape-server as a process: exit codes, messages, signals.
#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <iterator>
#include <regex>
#include <thread>

#include "bitscape/v1/server.grpc.pb.h"
#include "tests/server/rpc/running_server.h"

namespace bitscape::server {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class ServerBinary : public ::testing::Test {
 protected:
  ~ServerBinary() override {
    for (const pid_t pid : running_) {
      kill(pid, SIGKILL);
      waitpid(pid, nullptr, 0);
    }
  }

  // Starts the program; what it writes goes to a file.
  pid_t Spawn(std::vector<std::string> arguments) {
    output_ = (folder_.path() / fmt::format("output-{}", count_++)).string();
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, output_.c_str(),
                                     O_CREAT | O_WRONLY | O_TRUNC, S_IRUSR | S_IWUSR);
    posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);
    arguments.insert(arguments.begin(), BITSCAPE_SERVER_BINARY);
    std::vector<char*> argv;
    for (std::string& argument : arguments) {
      argv.push_back(argument.data());
    }
    argv.push_back(nullptr);
    pid_t pid = 0;
    EXPECT_EQ(posix_spawn(&pid, argv[0], &actions, nullptr, argv.data(), environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    running_.push_back(pid);
    return pid;
  }
  // Exit code, or -1 for an end by a signal.
  int Wait(pid_t pid) {
    int status = 0;
    waitpid(pid, &status, 0);
    std::erase(running_, pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  int Run(std::vector<std::string> arguments) { return Wait(Spawn(std::move(arguments))); }
  std::string Output() const {
    std::ifstream file(output_);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  // The gRPC address in the line that tells that it serves.
  std::string AwaitAddress() {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    std::smatch match;
    for (std::string text; std::chrono::steady_clock::now() < end; text = Output()) {
      if (std::regex_search(text, match, std::regex("\"listen\":\"([^ \"]+)"))) {
        return match[1];
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    ADD_FAILURE() << "no server: " << Output();
    return "";
  }
  std::string Database(const std::string& name = "x.db") const {
    return (folder_.path() / name).string();
  }
  std::vector<std::string> Arguments() const {
    return {"--database", Database(), "--listen", "127.0.0.1:0", "--http", "none"};
  }

  TemporaryFolder folder_;
  std::string output_;
  std::vector<pid_t> running_;
  int count_ = 0;
};

TEST_F(ServerBinary, ServesUntilASignal) {
  for (const int signal_number : {SIGTERM, SIGINT}) {
    const pid_t pid = Spawn(Arguments());
    const auto stub = v1::ServerService::NewStub(
        grpc::CreateChannel(AwaitAddress(), grpc::InsecureChannelCredentials()));
    Call call;
    v1::ServerStatus status;
    EXPECT_TRUE(stub->GetServerStatus(&call, {}, &status).ok());
    EXPECT_EQ(status.database(), Database());
    const auto begin = std::chrono::steady_clock::now();
    kill(pid, signal_number);
    EXPECT_EQ(Wait(pid), 0) << Output();
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(3))
        << "an idle client holds up nothing";
    EXPECT_THAT(Output(), HasSubstr("\"message\":\"shut down\""));
  }
}

TEST_F(ServerBinary, StartsAgainAfterAKill) {
  std::vector<std::string> arguments = Arguments();
  arguments[3] = "unix:" + Database("s.sock");
  for (int i = 0; i < 3; ++i) {
    const pid_t pid = Spawn(arguments);
    EXPECT_EQ(AwaitAddress(), arguments[3]);
    kill(pid, SIGKILL);
    EXPECT_EQ(Wait(pid), -1);
  }
}

TEST_F(ServerBinary, TellsItsVersionAndUsage) {
  EXPECT_EQ(Run({"--version"}), 0);
  EXPECT_THAT(Output(), ::testing::MatchesRegex("bitscape-server [0-9]+\\.[0-9]+\\.[0-9]+\n"));
  EXPECT_EQ(Run({"--help"}), 0);
  EXPECT_THAT(Output(), HasSubstr("--database"));
  EXPECT_EQ(Run({"--frobnicate"}), 2);
  EXPECT_EQ(Run({"--database", Database(), "--listen", "here"}), 2);
  EXPECT_THAT(Output(), HasSubstr("address 'here'"));
  EXPECT_EQ(Run({"--database", Database(), "--log-level", "loud"}), 2);
  EXPECT_THAT(Output(), HasSubstr("log level 'loud'"));
}

TEST_F(ServerBinary, TellsPreconditionsFromPorts) {
  const pid_t first = Spawn(Arguments());
  const std::string address = AwaitAddress();
  EXPECT_EQ(Run(Arguments()), 5);
  EXPECT_EQ(Output(), fmt::format("bitscape-server: database '{}' is in use by process {} (lock "
                                  "file '{}.lock')\n",
                                  Database(), first, Database()));
  EXPECT_EQ(Run({"--database", Database("y.db"), "--listen", address, "--http", "none"}), 6);
  EXPECT_EQ(Output(),
            fmt::format("bitscape-server: can't listen on {}: the address is in use\n", address));
  EXPECT_FALSE(std::filesystem::exists(Database("y.db")));
  EXPECT_EQ(kill(first, 0), 0) << "the first lives on";
}

TEST_F(ServerBinary, RefusesWhatIsNoDatabase) {
  std::ofstream(Database()) << std::string(5000, '?');
  EXPECT_EQ(Run(Arguments()), 2);
  EXPECT_THAT(Output(), HasSubstr("is not a bitscape database"));
  EXPECT_THAT(Output(), Not(HasSubstr("shutting down")));
}

}  // namespace
}  // namespace bitscape::server
