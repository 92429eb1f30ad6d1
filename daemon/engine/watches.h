#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "daemon/engine/effects.h"
#include "daemon/engine/outbox.h"
#include "daemon/engine/session_table.h"

namespace redlockd::engine {

// Which sessions watch which locks of this host; they are notified of what becomes of these. A watch
// without a name, which is empty here, is of all locks. Knows no lock's state.
class Watches {
 public:
  static constexpr std::size_t kMostOfSession = 64;  // watches
  static constexpr std::size_t kMostOfUser = 64;     // sessions that watch

  // Both outlive it.
  Watches(const SessionTable& sessions, Outbox& outbox) : sessions_(sessions), outbox_(outbox) {}

  // The session is there. Returns what would be passed by one more watch, for a person, and then
  // there is none; a watch that there is already counts once.
  std::optional<std::string> Add(SessionId session, const std::string& lock);
  // Ends that watch, or, without a name, all watches of the session. There may be none.
  void Remove(SessionId session, const std::string& lock);

  // Who watches the lock: each session once, in order.
  std::vector<SessionId> Of(const std::string& lock) const;
  // What the session watches.
  std::vector<std::string> By(SessionId session) const;

  // Sends the notice, which is completed, to all who watch the lock. `holder`: whose hold it is about.
  void Report(const std::string& lock, WatchNotice notice,
              std::optional<SessionId> holder = std::nullopt) {
    // Nearly always nobody watches.
    if (!watchers_.empty()) Send(lock, std::move(notice), holder);
  }

 private:
  void Send(const std::string& lock, WatchNotice notice, std::optional<SessionId> holder);
  std::size_t SessionsOf(std::uint32_t uid) const;

  const SessionTable& sessions_;
  Outbox& outbox_;
  std::map<std::string, std::set<SessionId>> watchers_;  // by lock; never an empty set
  std::unordered_map<SessionId, std::set<std::string>> watched_;
};

}  // namespace redlockd::engine
