#include "daemon/host/log.h"

#include <spdlog/logger.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>

#include "daemon/host/log_sink.h"

namespace redlockd::host {
namespace {

namespace level = spdlog::level;

level::level_enum LevelOf(config::LogLevel level) {
  switch (level) {
    case config::LogLevel::kError:
      return level::err;
    case config::LogLevel::kWarning:
      return level::warn;
    case config::LogLevel::kInfo:
      return level::info;
    case config::LogLevel::kDebug:
      break;
  }
  return level::debug;
}

// Never destroyed, as a thread or a destructor may log while the process ends.
spdlog::logger& Logger() {
  static auto* const logger = [] {
    const LogStyle style =
        StyleFor(STDERR_FILENO, std::getenv("JOURNAL_STREAM"), std::getenv("NO_COLOR"));
    return new spdlog::logger("redlockd", std::make_shared<LogSink>(STDERR_FILENO, style));
  }();
  return *logger;
}

spdlog::string_view_t View(std::string_view line) { return {line.data(), line.size()}; }

}  // namespace

void StartLog(config::LogLevel level) { Logger().set_level(LevelOf(level)); }

void LogError(std::string_view line) { Logger().log(level::err, View(line)); }
void LogWarning(std::string_view line) { Logger().log(level::warn, View(line)); }
void LogInfo(std::string_view line) { Logger().log(level::info, View(line)); }

}  // namespace redlockd::host
