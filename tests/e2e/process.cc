#include "tests/e2e/process.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace bitscape::e2e {
namespace {

std::string NewFolder() {
  std::string path = (std::filesystem::temp_directory_path() / "bitscape-e2e-XXXXXX").string();
  if (mkdtemp(path.data()) == nullptr) std::abort();
  return path;
}

[[noreturn]] void Execute(const std::vector<std::string>& arguments, const std::string& folder) {
  const int in = open((folder + "/in").c_str(), O_RDONLY);
  const int out = open((folder + "/out").c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  const int err = open((folder + "/err").c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  dup2(in, STDIN_FILENO);
  dup2(out, STDOUT_FILENO);
  dup2(err, STDERR_FILENO);
  std::vector<char*> argv;
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  execv(argv[0], argv.data());
  _exit(127);
}

}  // namespace

nlohmann::json Result::Json() const { return nlohmann::json::parse(out, nullptr, false); }

Process::Process(const std::vector<std::string>& arguments, const std::string& input)
    : folder_(NewFolder()) {
  WriteText(folder_ + "/in", input);
  pid_ = fork();
  if (pid_ == 0) Execute(arguments, folder_);
}

Process::~Process() {
  if (!HasEnded()) {
    Signal(SIGKILL);
    Wait();
  }
  std::filesystem::remove_all(folder_);
}

void Process::Signal(int number) const {
  if (!reaped_) kill(pid_, number);
}

bool Process::HasEnded() {
  if (!reaped_) reaped_ = waitpid(pid_, &status_, WNOHANG) == pid_;
  return reaped_;
}

Result Process::Wait() {
  if (!reaped_) {
    waitpid(pid_, &status_, 0);
    reaped_ = true;
  }
  const int code = WIFEXITED(status_) ? WEXITSTATUS(status_) : 128 + WTERMSIG(status_);
  return {code, Out(), Err()};
}

std::string Process::Out() const { return ReadText(folder_ + "/out"); }
std::string Process::Err() const { return ReadText(folder_ + "/err"); }

Result Bitscape(std::vector<std::string> arguments, const std::string& input) {
  arguments.insert(arguments.begin(), BitscapePath());
  return Process(arguments, input).Wait();
}

std::string BitscapePath() { return BITSCAPE_CLIENT; }
std::string ServerPath() { return BITSCAPE_SERVER_PROGRAM; }

Folder::Folder() : path_(NewFolder()) {}
Folder::~Folder() { std::filesystem::remove_all(path_); }

void WriteText(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

std::string ReadText(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

}  // namespace bitscape::e2e
