#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>

#include "daemon/engine/timing.h"
#include "daemon/engine/types.h"

// What an engine is made with. Engine::Change changes timing, linger, audit and limits while it
// lives.
namespace redlockd::engine {

// What the names of a rule may take together, of all users of this host (rule C19). By the beginning
// of the lock's name; of those that fit, the longest is the one that counts. Else there is no bound.
// None is 0.
struct Quotas {
  using ByPrefix = std::map<std::string, std::size_t>;
  ByPrefix locks{};      // holds and waits together, with those that are kept
  ByPrefix waits{};      // requests that wait
  ByPrefix new_names{};  // a second
  bool operator==(const Quotas&) const = default;
};

// Bounds on what clients can make the engine hold.
struct Limits {
  std::size_t locks_per_session = 1024;  // holds and waits together
  std::size_t locks_per_uid = 16384;     // with those that are kept (rule C9)
  std::size_t new_names_per_uid = 1000;  // a second (rule C14), > 0
  Quotas quotas{};
};

// How long a lock that was let go stays leased for the next taker on this host (rule E1).
struct Linger {
  Duration usual{0};
  // By the beginning of the lock's name; the longest that fits is the one that counts.
  std::map<std::string, Duration> by_prefix;

  Duration Of(std::string_view name) const;
  // The prefix of the rule that counts; empty for the usual one.
  std::string_view PrefixOf(std::string_view name) const;
};

// Of which locks each grant and each end of a hold is reported to the log (Audited). It counts for
// the holds that begin from then on, so that a hold has both or none.
struct Audit {
  // By the beginning of the lock's name; the longest that fits is the one that counts. Else not.
  std::map<std::string, bool> by_prefix;

  bool Covers(std::string_view name) const;
};

// What texts advise an administrator to do: here in plain words, from the app as a command.
struct Advice {
  std::string adopt = "adopt them";        // nodes that differ, or are of another set
  std::string trust_empty = "trust them";  // nodes that are all new (rule D7)
};

struct EngineOptions {
  Timing timing;  // Check() found no fault
  Linger linger{};
  Audit audit{};
  Limits limits;
  std::size_t attempts = 128;  // the most that are in flight at a time (rule C12)
  std::size_t nodes = 0;       // 1..kMaxNodes
  std::string instance;        // random, 128 bits, new at each start (rule A1)
  std::string host;            // a readable fact for the owner value
  // The nodes are new and nobody else's (--dev): what a probe finds in quarantine is trusted at
  // once (rule D7).
  bool trust_new_nodes = false;
  Advice advice{};
};

}  // namespace redlockd::engine
