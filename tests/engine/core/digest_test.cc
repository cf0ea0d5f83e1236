#include "engine/core/digest.h"

#include <gtest/gtest.h>

#include <vector>

namespace bitscape {
namespace {

TEST(Digest, HasTheStandardValueOfTheFramedBytes) {
  // SHA-256 of eight bytes of little-endian length 3, then "abc" (computed with sha256sum).
  EXPECT_EQ(Digest().Add("abc").Hex(),
            "ce91dc5eec0139adf091900d225971d6ad246a845bad791b5693a9d0d55dd391");
}

TEST(Digest, FieldBoundariesCount) {
  EXPECT_NE(Digest().Add("ab").Add("c").Hex(), Digest().Add("a").Add("bc").Hex());
  EXPECT_NE(Digest().Add("").Hex(), Digest().Hex());
}

TEST(Digest, SignOfZeroCounts) { EXPECT_NE(Digest().Add(0.0).Hex(), Digest().Add(-0.0).Hex()); }

TEST(Digest, FloatsAreTheirBytes) {
  const std::vector<float> a = {1.0f, 2.0f};
  const std::vector<float> b = {1.0f, 2.5f};
  EXPECT_EQ(Digest().Add(std::span(a)).Hex(), Digest().Add(std::span(a)).Hex());
  EXPECT_NE(Digest().Add(std::span(a)).Hex(), Digest().Add(std::span(b)).Hex());
}

}  // namespace
}  // namespace bitscape
