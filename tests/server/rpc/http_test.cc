// The HTTP port of a running server, by a plain HTTP client.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <httplib.h>

#include <nlohmann/json.hpp>

#include "tests/server/rpc/running_server.h"

namespace bitscape::server {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using Json = nlohmann::json;

constexpr char kJson[] = "application/json";
constexpr char kStream[] = "application/connect+json";

class HttpTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { running_ = std::make_unique<RunningServer>(); }
  static void TearDownTestSuite() { running_.reset(); }
  HttpTest() : client_("http://" + running_->server().HttpAddress()) {
    client_.set_read_timeout(60);
  }

  struct Answer {
    int status = 0;
    Json json;
  };
  Answer Post(const std::string& method, const std::string& body, const char* type = kJson) {
    const httplib::Result result = client_.Post("/bitscape.v1." + method, body, type);
    EXPECT_TRUE(result) << httplib::to_string(result.error());
    EXPECT_EQ(result->get_header_value("Content-Type"), kJson);
    return {result->status, Json::parse(result->body)};
  }
  // The envelopes of a streaming call: flags and JSON.
  std::vector<std::pair<int, Json>> Stream(const std::string& method, const std::string& body) {
    const httplib::Result result = client_.Post("/bitscape.v1." + method, body, kStream);
    EXPECT_TRUE(result) << httplib::to_string(result.error());
    EXPECT_EQ(result->status, 200);
    EXPECT_EQ(result->get_header_value("Content-Type"), kStream);
    std::vector<std::pair<int, Json>> envelopes;
    std::string_view bytes = result->body;
    while (bytes.size() >= 5) {
      size_t size = 0;
      for (size_t i = 1; i < 5; ++i) {
        size = size << 8 | static_cast<unsigned char>(bytes[i]);
      }
      envelopes.emplace_back(bytes[0], Json::parse(bytes.substr(5, size)));
      bytes.remove_prefix(5 + size);
    }
    EXPECT_TRUE(bytes.empty());
    return envelopes;
  }
  static std::string Envelope(const std::string& json) {
    std::string bytes(5, '\0');
    for (size_t i = 0; i < 4; ++i) {
      bytes[4 - i] = static_cast<char>(json.size() >> (8 * i) & 0xff);
    }
    return bytes + json;
  }

  static std::unique_ptr<RunningServer> running_;
  httplib::Client client_;
};
std::unique_ptr<RunningServer> HttpTest::running_;

TEST_F(HttpTest, ServesAPage) {
  const httplib::Result result = client_.Get("/");
  ASSERT_TRUE(result);
  EXPECT_EQ(result->status, 200);
  EXPECT_THAT(result->body, HasSubstr("bitscape"));
  EXPECT_THAT(result->get_header_value("Content-Type"), HasSubstr("text/html"));
}

TEST_F(HttpTest, ServesMetrics) {
  Post("NetworkService/GetNetwork", R"({"name": "none-such"})");
  const httplib::Result result = client_.Get("/metrics");
  ASSERT_TRUE(result);
  EXPECT_EQ(result->status, 200);
  EXPECT_THAT(result->get_header_value("Content-Type"), HasSubstr("version=0.0.4"));
  for (const char* line :
       {"bitscape_trials_total{outcome=\"succeeded\"}", "bitscape_trials_queued ",
        "bitscape_trials_running ", "bitscape_trial_duration_seconds_count ",
        "bitscape_build_info{", "bitscape_images_evaluated_total ",
        "bitscape_sqlite_write_duration_seconds_count ",
        "grpc_server_handled_total{grpc_code=\"OK\",grpc_method=\"WatchSweep\"",
        "grpc_server_handled_total{grpc_code=\"NotFound\",grpc_method=\"GetNetwork\",grpc_service="
        "\"bitscape.v1.NetworkService\"} 1"}) {
    EXPECT_THAT(result->body, HasSubstr(line));
  }
}

TEST_F(HttpTest, AnswersUnaryCallsAsJson) {
  const Answer answer = Post("NetworkService/GetNetwork", R"({"name": "networks/lenet5"})");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.json["name"], "networks/lenet5");
  EXPECT_TRUE(answer.json["macs"].is_number());
  EXPECT_EQ(answer.json["layers"][0]["kernel"], "5x5");
  const Answer empty = Post("SweepService/ListSweeps", "");
  EXPECT_EQ(empty.status, 200) << "an empty body stands for an empty message";
  EXPECT_EQ(empty.json["nextPageToken"], "") << "defaults are printed";
}

TEST_F(HttpTest, AnswersErrorsAsTheProtocolHasThem) {
  Answer answer = Post("NetworkService/GetNetwork", R"({"name": "lenet6"})");
  EXPECT_EQ(answer.status, 404);
  EXPECT_EQ(answer.json["code"], "not_found");
  EXPECT_THAT(answer.json["message"].get<std::string>(), HasSubstr("did you mean 'lenet5'?"));
  ASSERT_EQ(answer.json["details"].size(), 1u);
  EXPECT_EQ(answer.json["details"][0]["type"], "google.rpc.ResourceInfo");
  EXPECT_THAT(answer.json["details"][0]["value"].get<std::string>(), Not(HasSubstr("=")));

  answer = Post("SweepService/ListSweeps", R"({"pageSize": -1})");
  EXPECT_EQ(answer.status, 400);
  EXPECT_EQ(answer.json["code"], "invalid_argument");
  answer = Post("CostService/EstimateCost",
                R"({"network": "lenet5", "accelerator": "int8_array", "plan": "weights=fp16"})");
  EXPECT_EQ(answer.status, 400);
  EXPECT_EQ(answer.json["code"], "failed_precondition");
}

TEST_F(HttpTest, RefusesWhatIsNotACall) {
  Answer answer = Post("SweepService/ListSweeps", "{\"pageSise\": 1}");
  EXPECT_EQ(answer.status, 400);
  EXPECT_EQ(answer.json["message"], "body: unknown field 'pageSise'");
  answer = Post("SweepService/ListSweep", "{}");
  EXPECT_EQ(answer.status, 404);
  EXPECT_THAT(answer.json["message"].get<std::string>(), HasSubstr("did you mean 'ListSweeps'?"));
  answer = Post("SweepsService/ListSweeps", "{}");
  EXPECT_EQ(answer.status, 404);
  EXPECT_THAT(answer.json["message"].get<std::string>(),
              HasSubstr("did you mean 'bitscape.v1.SweepService'?"));
  answer = Post("SweepService/ListSweeps", "{}", "text/plain");
  EXPECT_EQ(answer.status, 415);
  answer = Post("SweepService/WatchSweep", "{}");
  EXPECT_EQ(answer.status, 501);
  EXPECT_EQ(answer.json["code"], "unimplemented");
  const httplib::Result result = client_.Get("/nothing");
  ASSERT_TRUE(result);
  EXPECT_EQ(result->status, 404);
  EXPECT_THAT(result->body, HasSubstr("nothing is served as GET /nothing"));
}

TEST_F(HttpTest, SaysWhereABodyIsWrong) {
  const auto expect = [&](const std::string& body, const std::string& problem) {
    const Answer answer = Post("SweepService/CreateSweep", body);
    EXPECT_EQ(answer.status, 400);
    EXPECT_EQ(answer.json["code"], "invalid_argument");
    EXPECT_EQ(answer.json["message"], "body: " + problem);
  };
  expect("{", "Unexpected end of string. Expected an object key or }");
  expect("[]", "Root element must be a message");
  expect(R"({"spec": {"space": {"grids": [{}, {"wights": []}]}}})",
         "spec.space.grids[1]: unknown field 'wights'");
  expect(R"({"spec": {"evaluation": {"images": "many"}}})",
         "spec.evaluation.images: invalid value \"many\" for type INT32");
  expect(R"({"spec": 3})", "spec: invalid value 3 for type bitscape.v1.SweepSpec");
}

TEST_F(HttpTest, TellsWhoeverDoesNotPost) {
  const char* const path = "/bitscape.v1.SweepService/ListSweeps";
  for (const httplib::Result& result : {client_.Get(path), client_.Put(path, "{}", kJson),
                                        client_.Patch(path, "{}", kJson), client_.Delete(path)}) {
    ASSERT_TRUE(result);
    EXPECT_EQ(result->status, 405);
    EXPECT_EQ(result->get_header_value("Allow"), "POST");
    EXPECT_THAT(Json::parse(result->body)["message"].get<std::string>(), HasSubstr("use POST"));
  }
}

TEST_F(HttpTest, KeepsDeadlines) {
  httplib::Headers headers = {{"Connect-Timeout-Ms", "0"}};
  httplib::Result result =
      client_.Post("/bitscape.v1.SweepService/ListSweeps", headers, "{}", kJson);
  ASSERT_TRUE(result);
  EXPECT_EQ(result->status, 504);
  EXPECT_EQ(Json::parse(result->body)["code"], "deadline_exceeded");
  headers = {{"Connect-Timeout-Ms", "soon"}};
  result = client_.Post("/bitscape.v1.SweepService/ListSweeps", headers, "{}", kJson);
  ASSERT_TRUE(result);
  EXPECT_EQ(result->status, 400);
}

TEST_F(HttpTest, RefusesBigBodies) {
  const httplib::Result result =
      client_.Post("/bitscape.v1.SweepService/CreateSweep", std::string((8 << 20) + 1, ' '), kJson);
  // The server may close the connection before the client has sent all.
  if (result) {
    EXPECT_EQ(result->status, 413);
  }
  EXPECT_TRUE(client_.Get("/metrics")) << "the server lives on";
}

TEST_F(HttpTest, StreamsAWatch) {
  const Answer created =
      Post("SweepService/CreateSweep",
           R"({"sweepId": "over-http", "spec": {"network": "lenet5", "dataset": "fashion-mnist",
          "accelerators": ["eyeriss_like"], "space": {"grids": [{"weights": ["int4", "int8"],
          "activations": ["int8"]}]}, "evaluation": {"images": 64}}})");
  ASSERT_EQ(created.status, 200) << created.json;
  const auto envelopes =
      Stream("SweepService/WatchSweep", Envelope(R"({"name": "sweeps/over-http"})"));
  ASSERT_GE(envelopes.size(), 2u);
  EXPECT_EQ(envelopes.front().second["snapshot"], true);
  const Json& last = envelopes[envelopes.size() - 2].second;
  EXPECT_EQ(last["sweep"]["state"], "SUCCEEDED");
  EXPECT_EQ(envelopes.back().first, 2) << "the end-of-stream envelope";
  EXPECT_EQ(envelopes.back().second, Json::object());
}

TEST_F(HttpTest, EndsStreamsWithTheirError) {
  const auto expect = [&](const std::string& method, const std::string& body, const char* code,
                          const char* message) {
    const auto envelopes = Stream(method, body);
    ASSERT_EQ(envelopes.size(), 1u);
    EXPECT_EQ(envelopes[0].first, 2);
    EXPECT_EQ(envelopes[0].second["error"]["code"], code);
    EXPECT_THAT(envelopes[0].second["error"]["message"].get<std::string>(), HasSubstr(message));
  };
  expect("SweepService/WatchSweep", Envelope(R"({"name": "none-such"})"), "not_found",
         "there is no sweep 'none-such'");
  expect("SweepService/WatchSweep", "{}", "invalid_argument", "not one uncompressed envelope");
  expect("SweepService/WatchSweep", Envelope("{}") + "x", "invalid_argument",
         "the envelope tells 2 bytes, 3 follow");
  expect("SweepService/GetSweep", Envelope("{}"), "unimplemented",
         "is not a server-streaming call");
  expect("NetworkService/ImportNetwork", Envelope("{}"), "unimplemented",
         "is not a server-streaming call");
}

}  // namespace
}  // namespace bitscape::server
