#include "daemon/host/log_sink.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include <chrono>
#include <string_view>

#include "daemon/host/clock.h"
#include "protocol/printable.h"

namespace redlockd::host {
namespace {

namespace level = spdlog::level;

struct Look {
  int priority;  // of syslog(3), as the journal has it
  std::string_view word;
  std::string_view colour;
};

Look LookOf(level::level_enum severity) {
  switch (severity) {
    case level::critical:
      return {LOG_CRIT, "critical", "\033[1;31m"};
    case level::err:
      return {LOG_ERR, "error", "\033[31m"};
    case level::warn:
      return {LOG_WARNING, "warning", "\033[33m"};
    case level::info:
      return {LOG_INFO, "info", "\033[32m"};
    default:
      return {LOG_DEBUG, "debug", "\033[36m"};
  }
}

// At most `most` bytes of it, without half a character at the end.
void Cut(std::string& text, std::size_t most) {
  if (text.size() <= most) return;
  while ((static_cast<unsigned char>(text[most]) & 0xc0) == 0x80) --most;
  text.resize(most);
}

// 2026-11-24T18:45:38.123Z
std::string UtcTime(std::chrono::system_clock::time_point time) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
  const auto rest = std::chrono::floor<std::chrono::milliseconds>(time - seconds);
  return fmt::format("{}.{:03}Z", UtcText(seconds), rest.count());
}

std::string Line(LogStyle style, level::level_enum severity,
                 std::chrono::system_clock::time_point time, std::string_view text) {
  const Look look = LookOf(severity);
  std::string line;
  switch (style) {
    case LogStyle::kJournal:
      line = fmt::format("<{}>", look.priority);
      break;
    case LogStyle::kPlain:
      line = fmt::format("{} {}: ", UtcTime(time), look.word);
      break;
    case LogStyle::kColour:
      line = fmt::format("{} {}{}\033[0m: ", UtcTime(time), look.colour, look.word);
      break;
  }
  line += redlock::protocol::Printable(text);
  Cut(line, LogSink::kMaxLine - 1);
  line += '\n';
  return line;
}

std::string Clean(std::string_view text, std::size_t most) {
  std::string clean = redlock::protocol::Printable(text);
  Cut(clean, most);
  return clean;
}

LogFields Clean(const LogFields& fields) {
  LogFields clean;
  for (const LogField& field : fields) {
    clean.push_back({field.name, Clean(field.value, LogSink::kMaxValue)});
  }
  return clean;
}

}  // namespace

LogStyle StyleFor(int fd, const char* journal_stream, const char* no_color) {
  struct stat file {};
  if (journal_stream != nullptr && fstat(fd, &file) == 0 &&
      journal_stream == fmt::format("{}:{}", file.st_dev, file.st_ino)) {
    return LogStyle::kJournal;
  }
  const bool wants_colour = no_color == nullptr || *no_color == '\0';
  return isatty(fd) == 1 && wants_colour ? LogStyle::kColour : LogStyle::kPlain;
}

void LogSink::sink_it_(const spdlog::details::log_msg& message) {
  Record(message.level, message.time, {message.payload.data(), message.payload.size()}, {});
}

void LogSink::Log(level::level_enum severity, std::string_view text, const LogFields& fields) {
  const std::lock_guard lock(mutex_);
  Record(severity, std::chrono::system_clock::now(), text, fields);
}

void LogSink::Record(level::level_enum severity, Time time, std::string_view text,
                     const LogFields& fields) {
  if (lost_ > 0) {
    const std::string lost = fmt::format("{} log lines were lost: nobody read them", lost_);
    if (Put(level::warn, time, lost, {})) lost_ = 0;
  }
  if (!Put(severity, time, text, fields)) ++lost_;
}

bool LogSink::Put(level::level_enum severity, Time time, std::string_view text,
                  const LogFields& fields) {
  const bool taken = journal_ && journal_->Send(LookOf(severity).priority,
                                                Clean(text, kMaxLine - 1), Clean(fields));
  return taken || Write(Line(style_, severity, time, text));
}

bool LogSink::Write(const std::string& line) {
  pollfd room{.fd = fd_, .events = POLLOUT, .revents = 0};
  // A pipe whose reader is gone has room too, but says POLLERR with it; writing there is a SIGPIPE.
  if (poll(&room, 1, 0) != 1 || room.revents != POLLOUT) return false;
  return write(fd_, line.data(), line.size()) == static_cast<ssize_t>(line.size());
}

}  // namespace redlockd::host
