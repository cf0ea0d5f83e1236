#include "server/rpc/addresses.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "server/rpc/server.h"

namespace bitscape::server {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST(ParseAddress, ReadsEachForm) {
  const absl::StatusOr<Address> tcp = ParseAddress("127.0.0.1:7420");
  ASSERT_TRUE(tcp.ok());
  EXPECT_EQ(tcp->host, "127.0.0.1");
  EXPECT_EQ(tcp->port, 7420);
  EXPECT_EQ(tcp->WithPort(5), "127.0.0.1:5");
  const absl::StatusOr<Address> v6 = ParseAddress("[::1]:0");
  ASSERT_TRUE(v6.ok());
  EXPECT_EQ(v6->host, "::1");
  EXPECT_EQ(v6->WithPort(5), "[::1]:5");
  const absl::StatusOr<Address> path = ParseAddress("unix:/a/b.sock");
  ASSERT_TRUE(path.ok());
  EXPECT_TRUE(path->is_unix());
  EXPECT_EQ(path->unix_path, "/a/b.sock");
  EXPECT_EQ(path->WithPort(1), "unix:/a/b.sock");
}

TEST(ParseAddress, RefusesOthers) {
  for (const char* text : {"", "localhost", ":7420", "host:", "host:x", "host:65536", "host:-1",
                           "::1:80", "host:80:90", "[]:1", "host:1e3"}) {
    const absl::Status status = ParseAddress(text).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_THAT(std::string(status.message()),
                HasSubstr("address '" + std::string(text) +
                          "': allowed are HOST:PORT, [IPV6]:PORT and unix:PATH"));
  }
  EXPECT_THAT(std::string(ParseAddress("unix:/" + std::string(107, 'a')).status().message()),
              HasSubstr("a socket path has 1 to 107 bytes, this one 108"));
}

TEST(Probe, TellsWhyNot) {
  EXPECT_TRUE(Probe(*ParseAddress("127.0.0.1:0")).ok());
  EXPECT_TRUE(Probe(*ParseAddress("unix:/nowhere/s.sock")).ok());
  const absl::Status status = Probe(*ParseAddress("no-such-host.invalid:80"));
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()),
              StartsWith("can't listen on no-such-host.invalid:80: "));
  // 192.0.2.1 is for documentation (RFC 5737): no machine has it.
  EXPECT_THAT(std::string(Probe(*ParseAddress("192.0.2.1:80")).message()),
              HasSubstr("Cannot assign requested address"));
}

TEST(SocketAddress, StandsBesideTheDatabase) {
  EXPECT_EQ(SocketAddress("/data/x.db"), "unix:/data/x.db.sock");
  EXPECT_THAT(SocketAddress("x.db"), StartsWith("unix:/"));
  EXPECT_EQ(SocketAddress("/data/./y/../x.db"), "unix:/data/x.db.sock");
}

TEST(SocketAddress, IsShortForLongPaths) {
  const std::string path = "/" + std::string(200, 'd') + "/x.db";
  const std::string address = SocketAddress(path);
  EXPECT_TRUE(ParseAddress(address).ok()) << address;
  EXPECT_EQ(address, SocketAddress(path));
  EXPECT_NE(address, SocketAddress(path + "2"));
}

TEST(UserDataDirectory, FollowsTheEnvironment) {
  setenv("BITSCAPE_HOME", "/a", 1);
  setenv("XDG_DATA_HOME", "/b", 1);
  setenv("HOME", "/c", 1);
  EXPECT_EQ(UserDataDirectory(), "/a");
  unsetenv("BITSCAPE_HOME");
  EXPECT_EQ(UserDataDirectory(), "/b/bitscape");
  unsetenv("XDG_DATA_HOME");
  EXPECT_EQ(UserDataDirectory(), "/c/.local/share/bitscape");
}

}  // namespace
}  // namespace bitscape::server
