#pragma once

#include <chrono>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <string>

// The words that the engine and those who feed it share. No behaviour.
namespace redlockd::engine {

using Duration = std::chrono::nanoseconds;

// CLOCK_BOOTTIME of this host. It has no now(): the caller passes the time to the engine.
struct BootClock {
  using rep = std::int64_t;
  using period = std::nano;
  using duration = Duration;
  using time_point = std::chrono::time_point<BootClock, Duration>;
  static constexpr bool is_steady = true;
};
using Time = BootClock::time_point;

// A node's own TIME, in microseconds since 1970 by that node's clock.
using NodeTime = std::int64_t;

// A fencing token; 0 is "none". Below 2^53, since Lua counts in doubles (rule A1).
using Fence = std::int64_t;

// Where a want stands in its lock's queue (rule E6.1): microseconds since 1970 by the nodes'
// clocks, or a little more. 0 is "none".
using Stamp = std::int64_t;

using NodeIndex = std::size_t;        // place in the configuration, from 0
using SessionId = std::uint64_t;      // one client connection, or an owner within one; never reused
using RequestId = std::uint64_t;      // one request of a session, unique within the session
using AttemptNumber = std::uint64_t;  // one owner value of this instance, never reused (rule A1)
using InquiryNumber = std::uint64_t;  // one question to another daemon, random (rule E11)

// How a lock is wanted, and held: by one for himself, or by several who share it (rules F).
enum class Mode : std::uint8_t { kExclusive, kShared };

// Who waits and holds as one: what it holds it keeps until it has what it waits for (rule W1). Number 0
// is a session, or an owner, by itself; a client may give its tasks others, within its session.
struct TaskId {
  SessionId session = 0;  // 0: none
  std::uint64_t number = 0;
  bool operator==(const TaskId&) const = default;
};

// The longest min-hold that a client may ask for.
inline constexpr Duration kMostMinHold = std::chrono::hours(24);

// `by` later than `from`; the end of time if that is beyond it. For durations that a client names.
inline Time Later(Time from, Duration by) {
  return by > Time::max() - from ? Time::max() : from + by;
}

}  // namespace redlockd::engine
