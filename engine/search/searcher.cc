#include "engine/search/searcher.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <string>

#include "engine/core/suggest.h"

namespace bitscape::search {
namespace {

struct Algorithm {
  std::string_view name;
  absl::StatusOr<std::unique_ptr<Searcher>> (*create)(const Space& space, uint64_t seed);
};

// Every search algorithm, by name.
constexpr std::array kAlgorithms = {
    Algorithm{"grid", [](const Space& space, uint64_t) { return CreateGridSearcher(space); }},
};

}  // namespace

absl::StatusOr<std::unique_ptr<Searcher>> CreateSearcher(std::string_view algorithm,
                                                         const Space& space, uint64_t seed) {
  std::vector<std::string> names;
  for (const Algorithm& row : kAlgorithms) {
    if (row.name == algorithm) {
      return row.create(space, seed);
    }
    names.emplace_back(row.name);
  }
  return absl::InvalidArgumentError(fmt::format("unknown search algorithm '{}': known are {}{}",
                                                algorithm, fmt::join(names, ", "),
                                                DidYouMean(algorithm, names)));
}

std::vector<std::string_view> SearcherNames() {
  std::vector<std::string_view> names;
  for (const Algorithm& row : kAlgorithms) {
    names.push_back(row.name);
  }
  return names;
}

}  // namespace bitscape::search
