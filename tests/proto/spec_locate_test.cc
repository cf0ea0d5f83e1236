#include <gtest/gtest.h>

#include "proto/spec/locate.h"

namespace bitscape::spec {
namespace {

constexpr char kText[] =
    "name: array\n"
    "clockGhz: 0.5\n"
    "memories:\n"
    "  - name: buffer\n"
    "    width_bits: 8\n"
    "  - {name: dram,\n"
    "     widthBits: 64}\n"
    "design: {dot_length: 4}\n";

TEST(Locate, FindsFieldsInEitherSpelling) {
  const auto at = [](std::string_view path) {
    return Locate(kText, "machine.yaml", Syntax::kYaml, path);
  };
  EXPECT_EQ(at("clock_ghz"), "machine.yaml:2:1");
  EXPECT_EQ(at("memories[0].width_bits"), "machine.yaml:5:5");
  EXPECT_EQ(at("memories[1].width_bits"), "machine.yaml:7:6");
  EXPECT_EQ(at("design.dot_length"), "machine.yaml:8:10");
}

TEST(Locate, StopsAtTheInnermostPartThatIsThere) {
  const auto at = [](std::string_view path) {
    return Locate(kText, "machine.yaml", Syntax::kYaml, path);
  };
  EXPECT_EQ(at("memories[1].kind"), "machine.yaml:6:5");
  EXPECT_EQ(at("memories[7].kind"), "machine.yaml:3:1");
  EXPECT_EQ(at("array_rows"), "machine.yaml:1:1");
  EXPECT_EQ(at(""), "machine.yaml:1:1");
}

TEST(Locate, FollowsAliases) {
  EXPECT_EQ(Locate("a: &x\n  b: 1\nc: *x\n", "f.yaml", Syntax::kYaml, "c.b"), "f.yaml:2:3");
}

TEST(Locate, NamesTheFileWhereThereIsNoPlace) {
  EXPECT_EQ(Locate("clock_ghz: 1", "f.textproto", Syntax::kTextProto, "clock_ghz"), "f.textproto");
  EXPECT_EQ(Locate("a: [", "f.yaml", Syntax::kYaml, "a"), "f.yaml");
  EXPECT_EQ(Locate("", "f.yaml", Syntax::kYaml, "a"), "f.yaml");
}

}  // namespace
}  // namespace bitscape::spec
