#include "daemon/engine/watches.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace redlockd::engine {

std::optional<std::string> Watches::Add(SessionId session, const std::string& lock) {
  const auto known = watched_.find(session);
  if (known == watched_.end()) {
    const std::uint32_t uid = sessions_.UidOf(session);
    if (SessionsOf(uid) >= kMostOfUser) {
      return "uid " + std::to_string(uid) + " watches in " + std::to_string(kMostOfUser) +
             " sessions, the limit for a user";
    }
  } else if (known->second.size() >= kMostOfSession && !known->second.contains(lock)) {
    return "this session has " + std::to_string(kMostOfSession) +
           " watches, the limit for a session";
  }
  watched_[session].insert(lock);
  watchers_[lock].insert(session);
  return std::nullopt;
}

void Watches::Remove(SessionId session, const std::string& lock) {
  const auto found = watched_.find(session);
  if (found == watched_.end()) return;
  std::set<std::string>& locks = found->second;
  const std::set<std::string> ended = lock.empty() ? locks : std::set{lock};
  for (const std::string& name : ended) {
    if (locks.erase(name) == 0) continue;
    const auto watchers = watchers_.find(name);
    watchers->second.erase(session);
    if (watchers->second.empty()) watchers_.erase(watchers);
  }
  if (locks.empty()) watched_.erase(found);
}

std::vector<SessionId> Watches::Of(const std::string& lock) const {
  static const std::set<SessionId> kNobody;
  const auto watchers_of = [this](const std::string& name) -> const std::set<SessionId>& {
    const auto found = watchers_.find(name);
    return found == watchers_.end() ? kNobody : found->second;
  };
  const auto& of_all = watchers_of("");
  const auto& of_lock = watchers_of(lock);
  std::vector<SessionId> sessions;
  std::set_union(of_all.begin(), of_all.end(), of_lock.begin(), of_lock.end(),
                 std::back_inserter(sessions));
  return sessions;
}

void Watches::Send(const std::string& lock, WatchNotice notice, std::optional<SessionId> holder) {
  auto sessions = Of(lock);
  if (sessions.empty()) return;
  notice.name = lock;
  if (holder) {
    notice.pid = sessions_.PidOf(*holder);
    notice.uid = sessions_.UidOf(*holder);
  }
  outbox_.NotifyWatchers(std::move(sessions), std::move(notice));
}

std::size_t Watches::SessionsOf(std::uint32_t uid) const {
  return static_cast<std::size_t>(
      std::count_if(watched_.begin(), watched_.end(),
                    [&](const auto& watching) { return sessions_.UidOf(watching.first) == uid; }));
}

}  // namespace redlockd::engine
