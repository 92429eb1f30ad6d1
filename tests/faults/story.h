// What a history tells: who held what and when, what was asked and answered, written and suffered.
//
// A hold is counted for as long as its client may rely on it, by the stamps of the client: from
// when it had read the grant to the earlier of the deadline that it was told last and of when it
// began to let go (before the unlock was sent, the socket closed, the client killed). The true
// hold, from the grant in the daemon to the release there, is never shorter: it begins before the
// answer is read and ends after the request to end it is sent. So holds that overlap here did
// overlap, and nothing that held up a client's reading or writing can make two holds overlap that
// did not.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tests/faults/history.h"

namespace redlockd::test::faults {

struct Hold {
  std::string lock, who;
  std::uint64_t fence = 0;
  // It was granted at some time between these two: no sooner than it was asked for, nor sooner than
  // the longest ttl before its first deadline; no later than its answer was read.
  Duration not_before{}, from{};
  Duration deadline{};              // the last that was told
  std::optional<Duration> ended{};  // by its client's will or death
  Duration watched_until =
      Duration::max();             // the client heard of it no more, whether it was over or not
  std::optional<Duration> lost{};  // LOST was read
  bool hears_renewals = false;     // so it knows every deadline
  bool is_section = false;         // of `redlock run`; its end is that of the command

  Duration until() const { return ended ? std::min(*ended, deadline) : deadline; }
};

struct Request {
  std::string who, id, verb, lock;
  Duration asked{}, answered{};
  std::string is{};  // "OK", a code; "": not answered
};

struct Write {
  std::string who, lock;
  std::uint64_t fence = 0;
  Duration begin{}, end{};
  bool taken = false;     // by the fenced store
  bool unfenced = false;  // it was one to the unfenced store as well:
  std::uint64_t read = 0, wrote = 0;
  bool rightful = false;  // begun and ended within the hold
};

// Something that was so for a while.
struct Span {
  std::string who, what;
  Duration from{}, to = Duration::max();
};

struct Violation {
  Duration at{};
  std::string what;
  bool operator==(const Violation&) const = default;
};

struct Story {
  std::vector<Hold> holds;
  std::vector<Request> requests;
  std::vector<Write> writes;
  std::vector<Span> faults;
  std::vector<Span> stalls;           // of the machine
  std::vector<Span> marks;            // JEOPARDY, LOST, ...: what clients were told; refused writes
  std::vector<Violation> violations;  // what the events say by themselves
  Duration begin{}, end{};
};

Story Tell(const std::vector<Event>& history);

// "d1" of "d1c3".
std::string DaemonOf(const std::string& who);

}  // namespace redlockd::test::faults
