#include "daemon/host/log.h"

#include <unistd.h>

#include <cstdlib>
#include <optional>

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
LogSink& Sink() {
  static auto* const sink = [] {
    const LogStyle style =
        StyleFor(STDERR_FILENO, std::getenv("JOURNAL_STREAM"), std::getenv("NO_COLOR"));
    std::optional<JournalSocket> journal;
    if (style == LogStyle::kJournal) journal.emplace();
    auto* const made = new LogSink(STDERR_FILENO, style, std::move(journal));
    made->set_level(level::info);
    return made;
  }();
  return *sink;
}

void Log(level::level_enum severity, std::string_view line, const LogFields& fields) {
  if (Sink().should_log(severity)) Sink().Log(severity, line, fields);
}

}  // namespace

void StartLog(config::LogLevel level) { Sink().set_level(LevelOf(level)); }

void LogError(std::string_view line, const LogFields& fields) { Log(level::err, line, fields); }
void LogWarning(std::string_view line, const LogFields& fields) { Log(level::warn, line, fields); }
void LogInfo(std::string_view line, const LogFields& fields) { Log(level::info, line, fields); }
void LogAudit(std::string_view line, const LogFields& fields) {
  Sink().Log(level::info, line, fields);
}

}  // namespace redlockd::host
