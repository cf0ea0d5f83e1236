// What the global options say.
#pragma once

#include <filesystem>
#include <string>

namespace bitscape::cli {

struct Globals {
  // Address of a remote server: "host:port" or "unix:/path"; empty: embedded.
  std::string server;
  // The embedded server's database; empty: bitscape.db in the user's data folder.
  std::filesystem::path database;
  std::string output = "table";  // table, json, jsonl, csv, yaml
  bool quiet = false;
  bool no_color = false;
};

}  // namespace bitscape::cli
