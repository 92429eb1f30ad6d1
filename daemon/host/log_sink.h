#pragma once

#include <spdlog/sinks/base_sink.h>

#include <chrono>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "daemon/host/journal_socket.h"
#include "daemon/host/log_field.h"

namespace redlockd::host {

// How a line looks. The journal adds time and program itself and takes the priority from a `<N>` in
// front; a person wants the time, and colours on a terminal.
enum class LogStyle { kJournal, kPlain, kColour };

// The style for `fd`: the journal's if $JOURNAL_STREAM (`journal_stream`, may be null) names this
// very file, else a person's; colours only on a terminal, and not if $NO_COLOR (`no_color`) is set.
LogStyle StyleFor(int fd, const char* journal_stream, const char* no_color);

// Writes log lines to the journal's socket, if it is given one, and to a descriptor that it does not
// own where it has none, or the journal does not take the line from it. Only the journal gets fields.
//
// A record is one line: what is not printable in it is escaped, so that no client can forge a line, or
// a field, or drive the terminal of a reader, and it ends after kMaxLine bytes.
//
// It does not wait for a reader: a line for which there is no room (a stopped terminal, a full
// pipe, a pipe without a reader) is dropped and counted, and the next line that finds room is
// preceded by one that says how many were lost. The descriptor itself is left as it is (O_NONBLOCK
// would hit everyone who shares it); it is asked by poll() first, and lines are short enough
// (PIPE_BUF) that one for which a pipe says that it has room fits whole. Only another writer that
// fills the same pipe between the two can make it wait. Any thread.
class LogSink : public spdlog::sinks::base_sink<std::mutex> {
 public:
  LogSink(int fd, LogStyle style, std::optional<JournalSocket> journal = std::nullopt)
      : fd_(fd), style_(style), journal_(std::move(journal)) {}

  static constexpr std::size_t kMaxLine = 4096;   // PIPE_BUF
  static constexpr std::size_t kMaxValue = 1024;  // of a field, in bytes

  // A line with fields, which a logger of spdlog does not know.
  void Log(spdlog::level::level_enum severity, std::string_view text, const LogFields& fields);

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override;
  void flush_() override {}

 private:
  using Time = std::chrono::system_clock::time_point;

  void Record(spdlog::level::level_enum severity, Time time, std::string_view text,
              const LogFields& fields);
  bool Put(spdlog::level::level_enum severity, Time time, std::string_view text,
           const LogFields& fields);
  bool Write(const std::string& line);

  int fd_;
  LogStyle style_;
  std::optional<JournalSocket> journal_;
  std::size_t lost_ = 0;
};

}  // namespace redlockd::host
