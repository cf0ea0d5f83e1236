// What was acknowledged survives SIGKILL at any moment, and the results are those of a quiet run.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "tests/e2e/server_process.h"

namespace bitscape::e2e {
namespace {

using nlohmann::json;
using std::chrono::duration;
using std::chrono::steady_clock;

// BITSCAPE_KILL_NETWORK and BITSCAPE_KILL_IMAGES make the long version.
std::string Setting(const char* name, const std::string& usual) {
  const char* value = std::getenv(name);
  return value == nullptr ? usual : value;
}

int Images() { return std::stoi(Setting("BITSCAPE_KILL_IMAGES", "4000")); }

std::string Spec() {
  return "network: networks/" + Setting("BITSCAPE_KILL_NETWORK", "lenet5") +
         "\ndataset: datasets/fashion-mnist\n"
         "accelerators: [accelerators/eyeriss_like]\n"
         "space:\n  grids:\n"
         "    - {weights: [int3, int4, \"int5:channel\", int8], activations: [int4, int6, int8],\n"
         "       accumulators: [int32]}\n"
         "    - {weights: [fp8_e4m3, bf16], activations: [fp8_e4m3, bf16]}\n"
         "references:\n  - {label: fp32, plan: \"weights=fp32,activations=fp32\"}\n"
         "evaluation: {slice_images: 256, images: " +
         std::to_string(Images()) + "}\n";
}

class Site {
 public:
  explicit Site(const std::string& name)
      : database_(folder_ / (name + ".db")), socket_(folder_ / "s") {}

  void Start() { server_ = std::make_unique<ServerProcess>(database_, socket_); }
  void Kill() {
    server_->process().Signal(SIGKILL);
    server_->process().Wait();
  }
  bool Serves() { return server_->WaitUntilServing(); }
  std::string address() const { return "unix:" + socket_; }
  Result Client(std::vector<std::string> arguments, const std::string& input = "") {
    arguments.insert(arguments.end(), {"--server", address()});
    return Bitscape(arguments, input);
  }

 private:
  Folder folder_;
  std::string database_, socket_;
  std::unique_ptr<ServerProcess> server_;
};

TEST(KillResume, FiveKillsChangeNothing) {
  Site quiet("quiet");
  quiet.Start();
  ASSERT_TRUE(quiet.Serves());
  const auto start = steady_clock::now();
  ASSERT_EQ(quiet.Client({"sweep", "submit", "-", "--name", "k"}, Spec()).code, 0);
  ASSERT_EQ(quiet.Client({"sweep", "wait", "k"}).code, 0);
  const double seconds = duration<double>(steady_clock::now() - start).count();
  const Result expected = quiet.Client({"front", "show", "k", "-o", "json"});
  ASSERT_EQ(expected.code, 0) << expected.err;
  quiet.Kill();

  const unsigned seed = static_cast<unsigned>(std::stoul(Setting("BITSCAPE_KILL_SEED", "7")));
  SCOPED_TRACE("BITSCAPE_KILL_SEED=" + std::to_string(seed));
  std::mt19937 random(seed);
  std::uniform_real_distribution<double> moment(0.02, std::max(0.1, seconds / 4));
  Site disturbed("disturbed");
  disturbed.Start();
  ASSERT_TRUE(disturbed.Serves());
  const Result submitted = disturbed.Client({"sweep", "submit", "-", "--name", "k"}, Spec());
  ASSERT_EQ(submitted.out, "sweeps/k\n") << submitted.err;
  // A client that waits all the time sees the restarts as pauses.
  Process waiting({BitscapePath(), "sweep", "wait", "k", "--server", disturbed.address()});
  while (waiting.Err().empty() && !waiting.HasEnded()) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  int images_before = 0;
  for (int kill = 0; kill < 5; ++kill) {
    std::this_thread::sleep_for(duration<double>(moment(random)));
    disturbed.Kill();
    disturbed.Start();
    if (kill % 2 == 1) continue;  // the next kill may come before it serves
    ASSERT_TRUE(disturbed.Serves());
    const json sweep = disturbed.Client({"sweep", "get", "k", "-o", "json"}).Json();
    ASSERT_FALSE(sweep.is_discarded());
    const int images = sweep["progress"]["imagesEvaluated"].get<int>();
    EXPECT_GE(images, images_before) << "acknowledged work was lost";
    images_before = images;
  }
  const Result waited = waiting.Wait();
  EXPECT_EQ(waited.code, 0) << waited.err;

  const json list = disturbed.Client({"trial", "list", "k", "-o", "json"}).Json();
  ASSERT_EQ(list["trials"].size(), 17u);
  int most_attempts = 0;
  for (const json& trial : list["trials"]) {
    EXPECT_EQ(trial["state"], "SUCCEEDED") << trial;
    EXPECT_EQ(trial["imagesEvaluated"], Images()) << trial;
    most_attempts = std::max(most_attempts, trial["attempts"].get<int>());
  }
  EXPECT_GT(most_attempts, 1) << "no kill met a trial in work";
  EXPECT_EQ(disturbed.Client({"front", "show", "k", "-o", "json"}).out, expected.out);
}

}  // namespace
}  // namespace bitscape::e2e
