// Runs the product's programs as a user's shell would.
#pragma once

#include <sys/types.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace bitscape::e2e {

struct Result {
  int code = -1;  // 128 + signal if one ended it
  std::string out, err;
  // Of `out`; discarded (a value that equals no expectation) if it is none.
  nlohmann::json Json() const;
};

// One program in the background; killed at destruction if it still runs.
class Process {
 public:
  // `arguments`: the program first. Its stdin is /dev/null or `input`.
  explicit Process(const std::vector<std::string>& arguments, const std::string& input = "");
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  void Signal(int number) const;
  Result Wait();
  bool HasEnded();
  // What it has written so far.
  std::string Out() const;
  std::string Err() const;

 private:
  pid_t pid_ = -1;
  bool reaped_ = false;
  int status_ = 0;
  std::string folder_;
};

// The `bitscape` command to its end.
Result Bitscape(std::vector<std::string> arguments, const std::string& input = "");
std::string BitscapePath();
std::string ServerPath();

// A new folder, removed at destruction.
class Folder {
 public:
  Folder();
  ~Folder();
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  std::string operator/(const std::string& file) const { return path_ + "/" + file; }

 private:
  std::string path_;
};

void WriteText(const std::string& path, const std::string& text);
std::string ReadText(const std::string& path);

}  // namespace bitscape::e2e
