#include "client/cli/session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "bitscape/v1/sweep.grpc.pb.h"
#include "tests/client/fake_server.h"

namespace bitscape::cli {
namespace {

using testing::HasSubstr;

// 25 sweeps, 10 a page at most.
class Sweeps final : public v1::SweepService::Service {
 public:
  grpc::Status ListSweeps(grpc::ServerContext*, const v1::ListSweepsRequest* request,
                          v1::ListSweepsResponse* response) override {
    int next = request->page_token().empty() ? 0 : std::stoi(request->page_token());
    const int end = std::min(25, next + std::min(10, request->page_size()));
    for (; next < end; ++next) response->add_sweeps()->set_name(fmt::format("sweeps/s{}", next));
    if (next < 25) response->set_next_page_token(std::to_string(next));
    return grpc::Status::OK;
  }
  grpc::Status GetSweep(grpc::ServerContext*, const v1::GetSweepRequest* request,
                        v1::Sweep*) override {
    return {grpc::StatusCode::NOT_FOUND, "no sweep " + request->name()};
  }
};

absl::StatusOr<v1::ListSweepsResponse> List(Session& session, int limit) {
  auto stub = session.Stub<v1::SweepService>();
  if (!stub.ok()) return stub.status();
  return session.InvokeForAll(&v1::SweepService::Stub::ListSweeps, **stub, v1::ListSweepsRequest(),
                              limit, &v1::ListSweepsResponse::sweeps_size);
}

TEST(Session, MergesAllPages) {
  Sweeps service;
  const FakeServer server(service);
  Session session;
  session.globals.server = server.address();
  const auto all = List(session, 0);
  ASSERT_TRUE(all.ok()) << all.status();
  ASSERT_EQ(all->sweeps_size(), 25);
  EXPECT_EQ(all->sweeps(24).name(), "sweeps/s24");
  EXPECT_EQ(all->next_page_token(), "");
}

TEST(Session, StopsAtTheLimit) {
  Sweeps service;
  const FakeServer server(service);
  Session session;
  session.globals.server = server.address();
  const auto some = List(session, 13);
  ASSERT_TRUE(some.ok()) << some.status();
  EXPECT_EQ(some->sweeps_size(), 13);
}

TEST(Session, PassesErrorsOn) {
  Sweeps service;
  const FakeServer server(service);
  Session session;
  session.globals.server = server.address();
  auto stub = session.Stub<v1::SweepService>();
  ASSERT_TRUE(stub.ok()) << stub.status();
  v1::GetSweepRequest request;
  request.set_name("sweeps/x");
  const auto sweep = session.Invoke(&v1::SweepService::Stub::GetSweep, **stub, request);
  EXPECT_EQ(sweep.status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(sweep.status().message(), "no sweep sweeps/x");
}

TEST(Session, NamesTheAddressThatDoesNotAnswer) {
  Session session;
  session.globals.server = "127.0.0.1:1";
  const absl::Status status = session.Stub<v1::SweepService>().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()), HasSubstr("127.0.0.1:1"));
}

}  // namespace
}  // namespace bitscape::cli
