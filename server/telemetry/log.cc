#include "server/telemetry/log.h"

#include <fmt/format.h>
#include <spdlog/logger.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/null_sink.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <array>

namespace bitscape::server {
namespace {

using spdlog::level::level_enum;

constexpr std::array<std::pair<std::string_view, level_enum>, 5> kLevels = {{
    {"debug", spdlog::level::debug},
    {"info", spdlog::level::info},
    {"warning", spdlog::level::warn},
    {"error", spdlog::level::err},
    {"off", spdlog::level::off},
}};

}  // namespace

struct Log::Sink {
  spdlog::logger logger;

  void Write(level_enum level, std::string_view message, Fields fields) {
    if (!logger.should_log(level)) {
      return;
    }
    std::string line = fmt::format("\"message\":{}", QuoteJson(message));
    for (const auto& [key, value] : fields) {
      line += fmt::format(",{}:{}", QuoteJson(key), QuoteJson(value));
    }
    logger.log(level, spdlog::string_view_t(line));
  }
};

std::string QuoteJson(std::string_view text) {
  constexpr char kHex[] = "0123456789abcdef";
  std::string quoted(1, '"');
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      quoted += '\\';
      quoted += c;
    } else if (byte < 0x20) {
      quoted += "\\u00";
      quoted += kHex[byte >> 4];
      quoted += kHex[byte & 15];
    } else {
      quoted += c;
    }
  }
  quoted += '"';
  return quoted;
}

Log::Log(std::unique_ptr<Sink> sink) : sink_(std::move(sink)) {}
Log::~Log() = default;

absl::StatusOr<std::unique_ptr<Log>> Log::Create(std::string_view level, bool to_stderr) {
  for (const auto& [name, value] : kLevels) {
    if (name != level) {
      continue;
    }
    spdlog::sink_ptr output;
    if (to_stderr) {
      output = std::make_shared<spdlog::sinks::stderr_sink_mt>();
    } else {
      output = std::make_shared<spdlog::sinks::null_sink_mt>();
    }
    auto sink = std::make_unique<Sink>(Sink{spdlog::logger("bitscape", output)});
    sink->logger.set_level(value);
    sink->logger.flush_on(spdlog::level::debug);
    sink->logger.set_formatter(std::make_unique<spdlog::pattern_formatter>(
        R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l",%v})", spdlog::pattern_time_type::utc));
    return std::unique_ptr<Log>(new Log(std::move(sink)));
  }
  return absl::InvalidArgumentError("log level '" + std::string(level) +
                                    "' is unknown; allowed: debug, info, warning, error, off");
}

void Log::Debug(std::string_view message, Fields fields) {
  sink_->Write(spdlog::level::debug, message, fields);
}
void Log::Info(std::string_view message, Fields fields) {
  sink_->Write(spdlog::level::info, message, fields);
}
void Log::Warning(std::string_view message, Fields fields) {
  sink_->Write(spdlog::level::warn, message, fields);
}
void Log::Error(std::string_view message, Fields fields) {
  sink_->Write(spdlog::level::err, message, fields);
}

}  // namespace bitscape::server
