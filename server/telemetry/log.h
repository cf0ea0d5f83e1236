// Structured log: one JSON object a line on stderr.
#pragma once

#include <absl/status/statusor.h>

#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace bitscape::server {

// Thread-safe.
class Log {
 public:
  using Fields = std::initializer_list<std::pair<std::string_view, std::string>>;

  // Levels: debug, info, warning, error, off. Errors: kInvalidArgument with what is allowed.
  static absl::StatusOr<std::unique_ptr<Log>> Create(std::string_view level, bool to_stderr);
  ~Log();

  void Debug(std::string_view message, Fields fields = {});
  void Info(std::string_view message, Fields fields = {});
  void Warning(std::string_view message, Fields fields = {});
  void Error(std::string_view message, Fields fields = {});

 private:
  struct Sink;
  explicit Log(std::unique_ptr<Sink> sink);
  std::unique_ptr<Sink> sink_;
};

// `text` as a JSON string with its quotes.
std::string QuoteJson(std::string_view text);

}  // namespace bitscape::server
