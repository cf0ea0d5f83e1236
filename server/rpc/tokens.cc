#include "server/rpc/tokens.h"

#include <absl/strings/escaping.h>
#include <absl/strings/numbers.h>
#include <fmt/format.h>

#include <algorithm>

#include "engine/core/digest.h"
#include "engine/core/status.h"
#include "server/specs/convert.h"

namespace bitscape::server {
namespace {

constexpr size_t kChecksumLength = 12;

// Not a secret: it tells slips from tokens.
std::string Checksum(std::string_view scope, std::string_view position) {
  return Digest().Add(scope).Add(position).Hex().substr(0, kChecksumLength);
}

}  // namespace

std::string MakeToken(std::string_view scope, std::string_view position) {
  return absl::WebSafeBase64Escape(fmt::format("{}{}", Checksum(scope, position), position));
}

absl::StatusOr<std::string> ReadToken(std::string_view scope, std::string_view token,
                                      std::string_view field) {
  std::string text;
  if (absl::WebSafeBase64Unescape(absl::string_view(token.data(), token.size()), &text) &&
      text.size() >= kChecksumLength) {
    std::string position = text.substr(kChecksumLength);
    if (text.substr(0, kChecksumLength) == Checksum(scope, position)) {
      return position;
    }
  }
  return FieldError(field, fmt::format("'{}' is not a token of this list; leave it empty to begin "
                                       "anew",
                                       Excerpt(token)));
}

absl::StatusOr<int64_t> ReadNumberToken(std::string_view scope, std::string_view token,
                                        std::string_view field) {
  BITSCAPE_ASSIGN_OR_RETURN(const std::string position, ReadToken(scope, token, field));
  int64_t number = 0;
  if (!absl::SimpleAtoi(position, &number)) {
    return FieldError(field, "the token holds no position");
  }
  return number;
}

absl::StatusOr<int64_t> PageSize(int32_t requested) {
  constexpr int64_t kDefault = 50;
  constexpr int64_t kLargest = 1000;
  if (requested < 0) {
    return FieldError("page_size", fmt::format("{} is negative; allowed: 0 (for {}) to {}",
                                               requested, kDefault, kLargest));
  }
  return requested == 0 ? kDefault : std::min<int64_t>(requested, kLargest);
}

absl::StatusOr<NamePage> PageOfNames(std::string_view scope, std::vector<std::string> names,
                                     int32_t page_size, std::string_view page_token) {
  BITSCAPE_ASSIGN_OR_RETURN(const int64_t size, PageSize(page_size));
  auto begin = names.begin();
  if (!page_token.empty()) {
    BITSCAPE_ASSIGN_OR_RETURN(const std::string after, ReadToken(scope, page_token, "page_token"));
    begin = std::upper_bound(names.begin(), names.end(), after);
  }
  NamePage page;
  const auto end = begin + std::min<int64_t>(size, names.end() - begin);
  page.names.assign(begin, end);
  if (end != names.end()) {
    page.next_page_token = MakeToken(scope, page.names.back());
  }
  return page;
}

}  // namespace bitscape::server
