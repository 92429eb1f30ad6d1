#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "daemon/engine/types.h"

namespace redlockd::engine {

// All times that the rules speak of, and the only place where one is derived from another.
struct Timing {
  // Set by the administrator.
  Duration ttl = std::chrono::seconds(10);      // of a lock that names none
  Duration max_ttl = std::chrono::seconds(60);  // the same on every daemon of one set (rule D3)
  double drift = 0.001;                         // how far apart clock rates may be
  Duration fence_window = std::chrono::seconds(10);          // rule A6
  Duration fence_life = std::chrono::minutes(10);            // rule A6
  Duration command_timeout = std::chrono::milliseconds(50);  // the longest of all nodes
  Duration quorum_wait = std::chrono::seconds(5);
  Duration retry_interval = std::chrono::milliseconds(100);
  // How long a lease may go on, lingering or handed off, before others get their turn (rule E1).
  Duration tenure_max = std::chrono::seconds(1);

  // What a lease of `ttl` loses to clocks of different rates (rule C2).
  Duration DriftAllowance(Duration ttl) const;
  Duration MinTtl() const;
  // The ttl of a lease that is good for `rest`.
  Duration TtlFor(Duration rest) const;
  // How long a node that may have forgotten stays silent (rule D2).
  Duration Quarantine() const;
  // Less than this left at the end of a first acquisition is not worth granting (rule C3).
  static Duration UsefulRemainder(Duration ttl) { return ttl / 4; }
  // A holder is warned when less than this is left.
  static Duration JeopardyRemainder(Duration ttl) { return ttl / 2; }
  // A loss is announced this long before the deadline, with `left` to go when that is set: a timer
  // rings late and a client reads late, and the client is to know by then.
  static Duration NoticeOfLoss(Duration left) {
    return std::min<Duration>(left / 8, std::chrono::milliseconds(10));
  }
  static Duration RenewAfter(Duration ttl) { return ttl / 3; }  // rule C5
  static constexpr Duration kTogether = std::chrono::milliseconds(10);
  // What is due at nearly the same time is renewed at the same time, and none of it later.
  static Time Together(Time due) { return due - due.time_since_epoch() % kTogether; }
  // By how much sooner than that it is due next time, when it was renewed in the n-th call of one
  // step. So a crowd that is renewed at once, as after the host slept, moves apart.
  static Duration Apart(std::size_t call, Duration ttl) {
    return kTogether * call % std::max<Duration>(kTogether, RenewAfter(ttl) / 4);
  }
  // A lock that another host wants is handed off here at most this often and this long (rule E2).
  static constexpr unsigned kHandoffsWhileWanted = 16;
  static constexpr Duration kHandoffTimeWhileWanted = std::chrono::milliseconds(5);
  // After a tenure this host does not ask for the lock for this long, so that clients that poll get
  // a turn (rule E1).
  Duration Cooldown() const { return std::min(retry_interval, tenure_max / 10); }
  // How long a try goes on while nobody may hold the lock: its lease elsewhere may have no holder
  // (rule E6.8), or the votes are split (rule E10). Ten round trips, each as long as a node may
  // take at most, and long enough for a daemon that was not scheduled for a moment.
  Duration TryPatience(Duration round_trip) const {
    return 10 *
           std::max<Duration>(std::min(round_trip, command_timeout), std::chrono::milliseconds(1));
  }
  // How long one with this place in a queue waits between two polls, at most (rule E8.3): the further
  // away its turn is, the more rarely.
  Duration Interval(std::uint32_t place) const;
  Duration MaxInterval() const {
    return std::max<Duration>(std::chrono::seconds(5), 10 * retry_interval);
  }
  // ... after it registered, and where it may not hear that it is called.
  Duration FirstPoll() const { return 5 * retry_interval; }
  // How long this host may take to come once it is called; `slow_trip`: of its slowest node (rule E8).
  static Duration Grace(Duration slow_trip) {
    return std::clamp<Duration>(3 * slow_trip, std::chrono::milliseconds(50), kLongestGrace);
  }
  static constexpr Duration kLongestGrace = std::chrono::seconds(1);
  // How long the entry of a try is fresh: if its daemon dies, the other tries have the rest of their
  // patience (rule E10).
  Duration TryWantLife(Duration round_trip) const { return TryPatience(round_trip) / 2; }
  // How long a daemon that cannot reach enough nodes stays out of the queues: by then its entry is
  // stale where it was first, and another has had six rounds (rule E6.6).
  Duration WantPenalty() const { return 12 * retry_interval; }
};

// An inequality of Timing that does not hold, with its two sides.
struct TimingFault {
  enum class Rule : std::uint8_t {
    kMinTtl,     // ttl >= MinTtl()
    kMaxTtl,     // ttl <= max_ttl
    kFenceLife,  // fence_life > 2 * fence_window
  };
  Rule rule;
  Duration found;
  Duration bound;
};
std::vector<TimingFault> Check(const Timing& timing);

// Whether a running engine may go on with `next`: the values that leases were granted by, that the
// nodes remember, or that all daemons of a set share are those of `last`.
bool MayFollow(const Timing& next, const Timing& last);

// "250ms", "10s", "1.5s": for texts only.
std::string ToText(Duration duration);

}  // namespace redlockd::engine
