// The server as its own process: ports, databases, several clients.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sqlite3.h>

#include <string>

#include "tests/e2e/server_process.h"

namespace bitscape::e2e {
namespace {

using testing::HasSubstr;

constexpr char kSpec[] =
    "network: networks/lenet5\ndataset: datasets/fashion-mnist\n"
    "accelerators: [accelerators/eyeriss_like]\n"
    "space: {plans: [\"weights=int4,activations=int8,accumulator=int32\"]}\n";

class ServerTest : public testing::Test {
 protected:
  Folder folder_;
};

TEST_F(ServerTest, SubmitReturnsAtOnceAndWaitStays) {
  ServerProcess server(folder_ / "a.db", folder_ / "a.sock");
  ASSERT_TRUE(server.WaitUntilServing()) << server.process().Err();
  const std::string spec = kSpec;
  const Result submitted =
      Bitscape({"sweep", "submit", "-", "--name", "one", "--server", server.address()}, spec);
  EXPECT_EQ(submitted.code, 0) << submitted.err;
  EXPECT_EQ(submitted.out, "sweeps/one\n");
  EXPECT_EQ(
      Bitscape({"sweep", "wait", "one", "--timeout", "0.001", "--server", server.address()}).code,
      124);
  const Result waited =
      Bitscape({"sweep", "wait", "one", "--timeout", "120", "--server", server.address()});
  EXPECT_EQ(waited.code, 0) << waited.err;
  EXPECT_THAT(waited.out, HasSubstr("SUCCEEDED"));
  EXPECT_EQ(
      Bitscape({"sweep", "submit", "-", "--name", "one", "--server", server.address()}, spec).code,
      5)
      << "the name is taken";
}

TEST_F(ServerTest, LivesOnAfterBadRequests) {
  ServerProcess server(folder_ / "a.db", folder_ / "a.sock");
  ASSERT_TRUE(server.WaitUntilServing()) << server.process().Err();
  EXPECT_EQ(Bitscape({"format", "show", "int99x", "--server", server.address()}).code, 2);
  EXPECT_EQ(Bitscape({"network", "describe", "lenet6", "--server", server.address()}).code, 3);
  EXPECT_EQ(Bitscape({"format", "show", "int8", "--server", server.address()}).code, 0);
  server.process().Signal(SIGTERM);
  EXPECT_EQ(server.process().Wait().code, 0);
}

TEST_F(ServerTest, RefusesAnAddressInUse) {
  ServerProcess server(folder_ / "a.db", folder_ / "a.sock");
  ASSERT_TRUE(server.WaitUntilServing()) << server.process().Err();
  ServerProcess second(folder_ / "b.db", folder_ / "a.sock");
  const Result result = second.process().Wait();
  EXPECT_EQ(result.code, 6) << result.err;
  EXPECT_THAT(result.err, HasSubstr("a.sock"));
  EXPECT_EQ(Bitscape({"server", "status", "--server", server.address()}).code, 0);
}

TEST_F(ServerTest, RefusesADatabaseInUse) {
  ServerProcess server(folder_ / "a.db", folder_ / "a.sock");
  ASSERT_TRUE(server.WaitUntilServing()) << server.process().Err();
  ServerProcess second(folder_ / "a.db", folder_ / "b.sock");
  const Result result = second.process().Wait();
  EXPECT_EQ(result.code, 5) << result.err;
  EXPECT_THAT(result.err, HasSubstr("in use"));
}

TEST_F(ServerTest, RefusesADatabaseFromANewerVersion) {
  const std::string database = folder_ / "new.db";
  ASSERT_EQ(Bitscape({"sweep", "list", "--database", database}).code, 0);
  sqlite3* handle = nullptr;
  ASSERT_EQ(sqlite3_open(database.c_str(), &handle), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(handle, "PRAGMA user_version = 9999", nullptr, nullptr, nullptr),
            SQLITE_OK);
  sqlite3_close(handle);
  const Result embedded = Bitscape({"sweep", "list", "--database", database});
  EXPECT_EQ(embedded.code, 5) << embedded.err;
  EXPECT_THAT(embedded.err, HasSubstr("9999"));
  ServerProcess server(database, folder_ / "a.sock");
  const Result result = server.process().Wait();
  EXPECT_EQ(result.code, 5) << result.err;
  EXPECT_THAT(result.err, HasSubstr("9999"));
}

TEST_F(ServerTest, IsJoinedByCommandsOnItsDatabase) {
  Process server({ServerPath(), "--database", folder_ / "a.db", "--listen",
                  "unix:" + (folder_ / "a.db.sock"), "--http", "none"});
  Result status;
  for (int i = 0; i < 200 && status.code != 0; ++i) {
    status =
        Bitscape({"server", "status", "-o", "json", "--server", "unix:" + (folder_ / "a.db.sock")});
  }
  status = Bitscape({"server", "status", "-o", "json", "--database", folder_ / "a.db"});
  ASSERT_EQ(status.code, 0) << status.err;
  EXPECT_EQ(status.Json()["embedded"], false);
}

}  // namespace
}  // namespace bitscape::e2e
