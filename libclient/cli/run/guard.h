// When the command must end, so that its whole process group is dead before the deadline of the
// lock. Pure: it hears what the daemon said and says what to do, always with the time; it knows
// no clock and no process.
//
//   deadline - kill_after    TERM         unless a later deadline was reported before
//   deadline - margin        KILL
//   LOST                     TERM, and KILL kill_after later or at deadline - margin; KILL at
//                            once if the lock may be another's already
//
// An end that has begun is not called off: the command has been asked to stop, and a command that
// does not would run on half stopped.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <variant>

namespace redlock::cli {

class Guard {
 public:
  using Duration = std::chrono::nanoseconds;
  using Time = std::chrono::nanoseconds;  // on CLOCK_BOOTTIME, since boot

  static constexpr Time kNever = Time::max();

  // How long before the deadline.
  struct Margins {
    Duration term;  // TERM is sent: kill_after
    Duration kill;  // KILL is sent
  };

  // `span` is the ttl, or max-hold where that is shorter. kill_after without a value is span/3, at
  // most 5 s; KILL comes 100 ms before the deadline, or span/10 where that is shorter. The string
  // says why a kill_after does not fit: a lease that is well has, between two renewals, down to
  // 2/3 of its ttl left, so more than span/2 could end the command of a healthy lock.
  static std::variant<Margins, std::string> Plan(Duration span, std::optional<Duration> kill_after);

  enum class Action { kNone, kTerm, kKill };

  Guard(Margins margins, Time deadline) : margins_(margins), deadline_(deadline) {}

  // The daemon has sent a deadline. (An earlier one comes with JEOPARDY alone: rule D6.)
  void Told(Time deadline);

  // The hold is over; deadline_kept: nobody else gets the lock before the deadline all the same
  // (rule C9).
  void Lost(Time now, bool deadline_kept);

  // Whether a command may still begin: before this time.
  Time start_by() const { return deadline_ - margins_.term; }
  bool MayStart(Time now) const { return !lost_ && now < start_by(); }

  // What to do now; kTerm and kKill are each said once, kTerm not after kKill.
  Action Judge(Time now);

  // When to judge again, if nothing is reported until then.
  Time next() const;

  // An end has begun: the command was asked to stop, and later killed.
  bool is_ending() const { return ending_since_.has_value(); }
  bool is_killing() const { return killed_; }

  // The lock is certainly not another's yet.
  bool Holds(Time now) const { return now < deadline_; }

  Time deadline() const { return deadline_; }

 private:
  Time KillAt() const;

  const Margins margins_;
  Time deadline_;
  bool lost_ = false;
  std::optional<Time> ending_since_;
  bool killed_ = false;
};

}  // namespace redlock::cli
