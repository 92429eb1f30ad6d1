// The history of a run: one line an event, for people and for the checker.
//
//   12.345678901 d1c3 answer id=7 is=OK lock=orders fence=1764 deadline=13.9 : text for people
//
// The time is in seconds of CLOCK_BOOTTIME since the run began, which is the clock of all
// deadlines. Each process of a run writes a journal of its own; the history is all of them, in
// order of time.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/support/fd.h"
#include "tests/support/wait.h"

namespace redlockd::test::faults {

// A LOST that comes later than so long after the deadline was not held up by a busy machine.
inline constexpr Duration kLossBound = 1s;

using Fields = std::vector<std::pair<std::string, std::string>>;

struct Event {
  Duration at{};     // since the run began
  std::string who;   // "run", "node2", "d1", or a client of d1: "d1c3"
  std::string what;  // one word
  Fields fields{};   // no spaces in them
  std::string text{};

  // "" and 0 without the key.
  std::string_view Get(std::string_view key) const;
  std::uint64_t Number(std::string_view key) const;
  Duration Time(std::string_view key) const;
};

// Seconds with nine decimals, and back.
std::string ToText(Duration time);
Duration ParseTime(std::string_view text);

std::string Format(const Event& event);
Event ParseEvent(std::string_view line);  // throws std::runtime_error

// Appends events to a file, each by one write, so that a SIGKILL does not cost what was written.
class Journal {
 public:
  // `origin`: the time at which the run began.
  Journal(const std::string& path, std::string who, Duration origin);

  const std::string& path() const { return path_; }
  Duration origin() const { return origin_; }
  Duration Now() const { return BootTime() - origin_; }

  void Note(std::string_view what, Fields fields = {}, std::string text = {}) const {
    NoteAt(Now(), what, std::move(fields), std::move(text));
  }
  // What was so at `at`, which the caller has read off the clock itself.
  void NoteAt(Duration at, std::string_view what, Fields fields, std::string text = {}) const {
    NoteOf(who_, at, what, std::move(fields), std::move(text));
  }
  void NoteOf(std::string who, Duration at, std::string_view what, Fields fields,
              std::string text = {}) const;

 private:
  std::string path_;
  std::string who_;
  Duration origin_;
  Fd file_;
};

// All journals of a directory, merged; the last line of a killed process may be cut and is left
// out.
std::vector<Event> ReadJournals(const std::string& directory);
void WriteHistory(const std::string& path, const std::vector<Event>& events);

}  // namespace redlockd::test::faults
