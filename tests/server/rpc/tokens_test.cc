#include "server/rpc/tokens.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace bitscape::server {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(Token, GivesItsPositionBack) {
  EXPECT_EQ(*ReadToken("a", MakeToken("a", "lenet5"), "page_token"), "lenet5");
  EXPECT_EQ(*ReadToken("a", MakeToken("a", ""), "page_token"), "");
  EXPECT_EQ(*ReadNumberToken("a", MakeToken("a", "-42"), "page_token"), -42);
}

TEST(Token, IsRefusedElsewhereOrWhenChanged) {
  std::string token = MakeToken("a", "lenet5");
  std::string changed = token;
  changed[changed.size() - 2] = changed[changed.size() - 2] == 'A' ? 'B' : 'A';
  for (const std::string& bad : {token + "x", changed, token.substr(1), std::string("AAAA"),
                                 std::string("not base64!"), MakeToken("b", "lenet5")}) {
    const absl::Status status = ReadToken("a", bad, "page_token").status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << bad;
    EXPECT_THAT(std::string(status.message()),
                HasSubstr("page_token: '" + bad + "' is not a token of this list"));
  }
  EXPECT_THAT(std::string(ReadNumberToken("a", token, "t").status().message()),
              HasSubstr("no position"));
}

TEST(PageSize, HasDefaultAndLimits) {
  EXPECT_EQ(*PageSize(0), 50);
  EXPECT_EQ(*PageSize(7), 7);
  EXPECT_EQ(*PageSize(5000), 1000);
  EXPECT_THAT(std::string(PageSize(-1).status().message()),
              HasSubstr("page_size: -1 is negative; allowed: 0 (for 50) to 1000"));
}

TEST(PageOfNames, WalksThroughAllNames) {
  const std::vector<std::string> names = {"a", "b", "c", "d", "e"};
  absl::StatusOr<NamePage> page = PageOfNames("s", names, 2, "");
  EXPECT_THAT(page->names, ElementsAre("a", "b"));
  page = PageOfNames("s", names, 2, page->next_page_token);
  EXPECT_THAT(page->names, ElementsAre("c", "d"));
  page = PageOfNames("s", names, 2, page->next_page_token);
  EXPECT_THAT(page->names, ElementsAre("e"));
  EXPECT_EQ(page->next_page_token, "");
  EXPECT_THAT(PageOfNames("s", {}, 2, "")->names, IsEmpty());
  EXPECT_FALSE(PageOfNames("s", names, -2, "").ok());
  EXPECT_FALSE(PageOfNames("s", names, 2, "nonsense").ok());
}

TEST(PageOfNames, GoesOnWhereANameWasAdded) {
  const absl::StatusOr<NamePage> page = PageOfNames("s", {"a", "c"}, 1, "");
  EXPECT_THAT(PageOfNames("s", {"a", "b", "c"}, 5, page->next_page_token)->names,
              ElementsAre("b", "c"));
}

}  // namespace
}  // namespace bitscape::server
