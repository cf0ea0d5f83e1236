// Page and resume tokens: opaque, and good for the request that they came from only.
#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace bitscape::server {

// `scope` names the kind of list and every parameter that changes it.
std::string MakeToken(std::string_view scope, std::string_view position);
// The position. Errors: a field error for a token that MakeToken did not make for `scope`.
absl::StatusOr<std::string> ReadToken(std::string_view scope, std::string_view token,
                                      std::string_view field);
absl::StatusOr<int64_t> ReadNumberToken(std::string_view scope, std::string_view token,
                                        std::string_view field);

// A page or event ends early, after this many bytes, rather than reach gRPC's 4 MiB: specs and
// plans may be long.
inline constexpr size_t kMaxPageBytes = size_t{2} << 20;

// 0: 50; more than 1000: 1000. Errors: a field error for a negative size.
absl::StatusOr<int64_t> PageSize(int32_t requested);

// One page of `names`, which are sorted: those after the token's position.
struct NamePage {
  std::vector<std::string> names;
  std::string next_page_token;
};
absl::StatusOr<NamePage> PageOfNames(std::string_view scope, std::vector<std::string> names,
                                     int32_t page_size, std::string_view page_token);

}  // namespace bitscape::server
