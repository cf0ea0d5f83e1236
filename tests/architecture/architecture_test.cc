// The house rules that a compiler does not see: which folder may include which, where each heavy
// library may be seen, and what the root holds.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;

const fs::path kRoot = BITSCAPE_SOURCE_DIR;

struct Include {
  std::string file;    // from the root
  std::string target;  // what it includes
};

bool IsSource(const fs::path& path) {
  return path.extension() == ".h" || path.extension() == ".cc";
}

std::vector<Include> IncludesBelow(const std::string& folder) {
  static const std::regex kInclude(R"(^\s*#\s*include\s*[<"]([^>"]+)[>"])");
  std::vector<Include> includes;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(kRoot / folder)) {
    if (!entry.is_regular_file() || !IsSource(entry.path())) continue;
    std::ifstream stream(entry.path());
    std::string line;
    std::smatch match;
    while (std::getline(stream, line)) {
      if (std::regex_search(line, match, kInclude)) {
        includes.push_back({fs::relative(entry.path(), kRoot).string(), match[1]});
      }
    }
  }
  return includes;
}

bool StartsWithAny(const std::string& text, const std::vector<std::string>& prefixes) {
  return std::any_of(prefixes.begin(), prefixes.end(),
                     [&](const std::string& prefix) { return text.starts_with(prefix); });
}

// Each folder and the folders of ours that it may include (itself always). One row a folder.
const std::map<std::string, std::vector<std::string>> kMayInclude = {
    {"engine/core/", {}},
    {"engine/formats/", {"engine/core/"}},
    {"engine/quantize/", {"engine/core/", "engine/formats/"}},
    {"engine/network/", {"engine/core/"}},
    {"engine/data/", {"engine/core/"}},
    {"engine/search/", {"engine/core/"}},
    {"engine/emulate/",
     {"engine/core/", "engine/formats/", "engine/quantize/", "engine/network/", "engine/data/"}},
    {"cost_models/technology/", {"cost_models/", "engine/core/"}},
    {"cost_models/mac/",
     {"cost_models/technology/", "engine/core/", "engine/formats/", "engine/quantize/",
      "engine/network/"}},
    {"cost_models/memory/",
     {"cost_models/technology/", "engine/core/", "engine/formats/", "engine/quantize/",
      "engine/network/"}},
    {"cost_models/mapping/",
     {"cost_models/technology/", "cost_models/mac/", "cost_models/memory/", "engine/core/",
      "engine/formats/", "engine/quantize/", "engine/network/"}},
    {"cost_models/accelerators/",
     {"cost_models/", "engine/core/", "engine/formats/", "engine/quantize/", "engine/network/"}},
    {"cost_models/validation/",
     {"cost_models/", "engine/core/", "engine/formats/", "engine/quantize/", "engine/network/"}},
    {"server/specs/", {"server/trials/", "engine/", "cost_models/", "proto/", "bitscape/v1/"}},
    {"server/trials/", {"engine/", "cost_models/"}},
    {"server/store/", {"server/trials/", "engine/", "cost_models/"}},
    {"server/scheduler/",
     {"server/trials/", "server/store/", "server/specs/", "engine/", "cost_models/"}},
    {"server/telemetry/",
     {"server/trials/", "server/store/", "server/scheduler/", "engine/", "cost_models/"}},
    {"server/rpc/", {"server/", "engine/", "cost_models/", "proto/", "bitscape/v1/"}},
    {"proto/", {"bitscape/v1/"}},
    {"client/cli/", {"proto/", "bitscape/v1/"}},
};

// The one place where the client includes the server.
const Include kEmbedded = {"client/cli/embedded.cc", "server/rpc/server.h"};

const std::vector<std::string> kOurRoots = {"engine/", "cost_models/", "server/",     "proto/",
                                            "client/", "tests/",       "bitscape/v1/"};

TEST(Architecture, IncludesFollowTheArrows) {
  size_t checked = 0;
  for (const char* top : {"engine", "cost_models", "server", "proto", "client"}) {
    for (const Include& include : IncludesBelow(top)) {
      if (!StartsWithAny(include.target, kOurRoots)) continue;
      if (include.file == kEmbedded.file && include.target == kEmbedded.target) continue;
      ++checked;
      const auto row = std::find_if(kMayInclude.begin(), kMayInclude.end(), [&](const auto& entry) {
        return include.file.starts_with(entry.first);
      });
      if (row == kMayInclude.end()) {
        // Files directly in cost_models/ are shared result types.
        EXPECT_EQ(include.file.find('/'), include.file.rfind('/'))
            << include.file << ": add its folder to the table";
        continue;
      }
      std::vector<std::string> allowed = row->second;
      allowed.push_back(row->first);
      if (row->first.starts_with("cost_models/")) allowed.push_back("cost_models/cost_report.h");
      EXPECT_TRUE(StartsWithAny(include.target, allowed))
          << include.file << " includes " << include.target << ", which " << row->first
          << " may not see";
    }
  }
  EXPECT_GT(checked, 100u);
}

struct HeavyLibrary {
  const char* name;
  std::vector<std::string> header_prefixes;
  std::vector<std::string> folders;  // may see it, in .cc files only
};

const std::vector<HeavyLibrary> kHeavyLibraries = {
    {"oneDNN", {"dnnl", "oneapi/dnnl"}, {"engine/emulate/", "tests/bench/"}},
    {"ONNX", {"onnx/"}, {"engine/network/", "tests/engine/network/", "tests/fuzz/"}},
    {"SQLite", {"sqlite3"}, {"server/store/", "tests/server/store/", "tests/e2e/"}},
    {"gRPC",
     {"grpc", "bitscape/v1/"},
     {"server/rpc/", "client/cli/", "tests/server/", "tests/client/", "tests/e2e/",
      "tests/contract/"}},
    {"prometheus-cpp", {"prometheus/"}, {"server/telemetry/", "tests/server/telemetry/"}},
    {"spdlog", {"spdlog/"}, {"server/telemetry/"}},
    {"pagmo", {"pagmo/"}, {"engine/search/"}},
    {"yaml-cpp", {"yaml-cpp/"}, {"proto/spec/"}},
    {"HTTP", {"httplib"}, {"server/rpc/", "tests/server/rpc/", "tests/e2e/"}},
    {"OpenSSL", {"openssl/"}, {"engine/core/"}},
    {"zlib", {"zlib.h"}, {"engine/data/", "tests/engine/data/"}},
};

TEST(Architecture, EachHeavyLibraryIsSeenByItsFolderInSourceFilesOnly) {
  for (const char* top : {"engine", "cost_models", "server", "proto", "client", "tests"}) {
    for (const Include& include : IncludesBelow(top)) {
      for (const HeavyLibrary& library : kHeavyLibraries) {
        if (!StartsWithAny(include.target, library.header_prefixes)) continue;
        // Messages may be seen wherever specs are converted; stubs (.grpc.pb.h) only where gRPC
        // may.
        const bool is_message =
            include.target.starts_with("bitscape/v1/") && !include.target.ends_with(".grpc.pb.h");
        if (is_message) continue;
        EXPECT_TRUE(StartsWithAny(include.file, library.folders))
            << include.file << " includes " << include.target << ": " << library.name
            << " belongs elsewhere";
        const bool in_header = include.file.ends_with(".h") && !include.file.starts_with("tests/");
        const bool is_grpc_interface = std::string(library.name) == "gRPC";
        EXPECT_FALSE(in_header && !is_grpc_interface)
            << include.file << " is a header and includes " << include.target;
      }
    }
  }
}

TEST(Architecture, RootHoldsWhatTheDesignShows) {
  const std::set<std::string> kShown = {"CMakeLists.txt", "CMakePresets.json",
                                        "README.md",      "proto",
                                        "engine",         "cost_models",
                                        "server",         "client",
                                        "tests",          "deploy"};
  std::set<std::string> visible;
  for (const fs::directory_entry& entry : fs::directory_iterator(kRoot)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with(".") && name != "build") visible.insert(name);
  }
  EXPECT_EQ(visible, kShown);
}

TEST(Architecture, EveryFolderOfTheHouseHasAReadme) {
  for (const auto& [folder, allowed] : kMayInclude) {
    EXPECT_TRUE(fs::exists(kRoot / folder / "README.md")) << folder << " has no README.md";
  }
}

TEST(Architecture, EveryTestSourceIsBuilt) {
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(kRoot / "tests")) {
    if (!entry.is_regular_file() || entry.path().extension() != ".cc") continue;
    std::ifstream list(entry.path().parent_path() / "CMakeLists.txt");
    const std::string text((std::istreambuf_iterator<char>(list)),
                           std::istreambuf_iterator<char>());
    EXPECT_THAT(text, testing::HasSubstr(entry.path().filename().string())) << entry.path();
  }
}

}  // namespace
