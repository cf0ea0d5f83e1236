// What deploy/examples/README.md says is so: its files are valid, and its table is right.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/e2e/process.h"

namespace bitscape::e2e {
namespace {

// The texts between "```yaml" and "```".
std::vector<std::string> YamlBlocks(const std::string& page) {
  const std::string begin = "```yaml\n", end = "```";
  std::vector<std::string> blocks;
  for (size_t at = page.find(begin); at != std::string::npos; at = page.find(begin, at)) {
    at += begin.size();
    blocks.push_back(page.substr(at, page.find(end, at) - at));
  }
  return blocks;
}

class ExamplesTest : public testing::Test {
 protected:
  Result Run(std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), {"--database", folder_ / "bitscape.db"});
    return Bitscape(arguments);
  }
  Folder folder_;
};

TEST_F(ExamplesTest, FilesAreValid) {
  const auto blocks = YamlBlocks(ReadText(BITSCAPE_EXAMPLES "/README.md"));
  ASSERT_EQ(blocks.size(), 2u);
  WriteText(folder_ / "sweep.yaml", blocks[0]);
  WriteText(folder_ / "machine.yaml", blocks[1]);
  for (const std::string& sweep :
       {folder_ / "sweep.yaml", std::string(BITSCAPE_EXAMPLES "/quickstart.yaml"),
        std::string(BITSCAPE_EXAMPLES "/mixed.yaml"),
        std::string(BITSCAPE_EXAMPLES "/repairs.yaml")}) {
    const Result result = Run({"sweep", "submit", sweep, "--validate-only"});
    EXPECT_EQ(result.code, 0) << sweep << ": " << result.err;
  }
  const Result imported = Run({"accelerator", "import", folder_ / "machine.yaml"});
  EXPECT_EQ(imported.code, 0) << imported.err;
}

TEST_F(ExamplesTest, PlansAreRefusedOrMeasuredAsTheTableSays) {
  struct Row {
    const char* plan;
    int code;
  };
  for (const auto& [plan, code] :
       {Row{"weights=int4:block32,activations=int8,accumulator=int32", 2},
        Row{"weights=int4:block32,activations=int8", 0},
        Row{"weights=int8,activations=int8:token,accumulator=int32", 2},
        Row{"weights=int8,activations=int8:token", 0},
        Row{"weights=int8,activations=int8:position", 2},
        Row{"weights=binary:channel,activations=binary:position", 0},
        Row{"weights=int8,activations=int8:channel", 2},
        Row{"weights=int8,activations=uint4:pact", 2},
        Row{"weights=int8,activations=uint4:pact=6", 0},
        Row{"weights=int8:stochastic,activations=int8:dynamic,accumulator=int32", 0},
        Row{"weights=int4:mse,activations=int8:p99.9,accumulator=int32", 0},
        Row{"weights=mxfp4_e2m1,activations=nvfp4", 0}}) {
    const Result measured = Run({"evaluate", "--network", "lenet5", "--dataset", "fashion-mnist",
                                 "--images", "32", "--plan", plan});
    EXPECT_EQ(measured.code, code) << plan << ": " << measured.err;
  }
}

}  // namespace
}  // namespace bitscape::e2e
