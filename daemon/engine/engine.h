#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/engine/effects.h"
#include "daemon/engine/events.h"
#include "daemon/engine/random.h"
#include "daemon/engine/timing.h"
#include "daemon/engine/types.h"
#include "daemon/engine/views.h"

namespace redlockd::engine {

// Bounds on what clients can make the engine hold.
struct Limits {
  std::size_t locks_per_session = 1024;  // holds and waits together
  std::size_t locks_per_uid = 16384;     // with those that are kept (rule C9)
  std::size_t new_names_per_uid = 1000;  // a second (rule C14), > 0
};

// How long a lock that was let go stays leased for the next taker on this host (rule E1).
struct Linger {
  Duration usual{0};
  // By the beginning of the lock's name; the longest that fits is the one that counts.
  std::map<std::string, Duration> by_prefix;

  Duration Of(std::string_view name) const;
};

// What texts advise an administrator to do: here in plain words, from the app as a command.
struct Advice {
  std::string adopt = "adopt them";        // nodes that differ, or are of another set
  std::string trust_empty = "trust them";  // nodes that are all new (rule D7)
};

struct EngineOptions {
  Timing timing;  // Check() found no fault
  Linger linger{};
  Limits limits;
  std::size_t attempts = 128;  // the most that are in flight at a time (rule C12)
  std::size_t nodes = 0;       // 1..kMaxNodes
  std::string instance;        // random, 96 bits or more, new at each start (rule A1)
  std::string host;            // a readable fact for the owner value
  // The nodes are new and nobody else's (--dev): what a probe finds in quarantine is trusted at
  // once (rule D7).
  bool trust_new_nodes = false;
  Advice advice{};
};

// The whole of redlockd's locking: which lock is held until when by whom, who waits, what the nodes
// are asked. Owns no socket, no clock, no thread, and does nothing by itself: one event in, effects
// out, the same for the same events, times and random numbers. Not thread-safe.
class Engine {
 public:
  Engine(EngineOptions options, Random& random);  // `random` outlives the engine
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // Takes one event at time `now`, which never goes back, and appends what follows from it to
  // `effects`. Timers that are due by `now` run before the event, and those it set for now, after.
  void Step(Time now, const Event& event, Effects& effects);

  // When to Step with TimePassed at the latest, if nothing else happens before.
  std::optional<Time> NextDeadline() const;

  // After DrainRequested: nothing is held and no release is on its way any more, or the drain's
  // time is over. The process may end.
  bool Drained() const;

  std::size_t HoldCount() const;
  std::size_t WaitCount() const;
  // So many rows at most, from the place `from` on. Takes time for these, and for the line that
  // `from` is in up to there.
  std::vector<RowView> Rows(Time now, const RowPlace& from, std::size_t most) const;
  std::vector<NodeView> Nodes(Time now) const;
  Counters counters() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace redlockd::engine
