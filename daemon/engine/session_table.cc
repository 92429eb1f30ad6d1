#include "daemon/engine/session_table.h"

#include <algorithm>
#include <cassert>

namespace redlockd::engine {

void SessionTable::Open(SessionId session, std::uint32_t uid) {
  assert(!sessions_.contains(session));
  sessions_[session].uid = uid;
}

void SessionTable::Close(SessionId session) {
  assert(sessions_.at(session).locks.empty());
  sessions_.erase(session);
}

void SessionTable::EndInput(SessionId session) { sessions_.at(session).input_ended = true; }

bool SessionTable::InputEnded(SessionId session) const { return sessions_.at(session).input_ended; }

void SessionTable::Add(SessionId session, const std::string& name) {
  Session& s = sessions_.at(session);
  if (s.locks.insert(name).second) ++locks_of_uid_[s.uid];
  s.losses.erase(name);
}

void SessionTable::Remove(SessionId session, const std::string& name) {
  Session& s = sessions_.at(session);
  if (s.locks.erase(name) == 0) return;
  const auto count = locks_of_uid_.find(s.uid);
  if (--count->second == 0) locks_of_uid_.erase(count);
}

bool SessionTable::Uses(SessionId session, const std::string& name) const {
  return sessions_.at(session).locks.contains(name);
}

std::vector<std::string> SessionTable::Locks(SessionId session) const {
  const auto& locks = sessions_.at(session).locks;
  std::vector<std::string> names(locks.begin(), locks.end());
  std::sort(names.begin(), names.end());
  return names;
}

std::optional<std::string> SessionTable::AtLimit(SessionId session) const {
  const Session& s = sessions_.at(session);
  if (s.locks.size() >= limits_.locks_per_session) {
    return "this session holds or waits for " + std::to_string(s.locks.size()) +
           " locks, the limit of a session";
  }
  const auto count = locks_of_uid_.find(s.uid);
  if (count != locks_of_uid_.end() && count->second >= limits_.locks_per_uid) {
    return "uid " + std::to_string(s.uid) + " holds or waits for " + std::to_string(count->second) +
           " locks, the limit of a user";
  }
  return std::nullopt;
}

void SessionTable::Lose(SessionId session, const std::string& name, Loss loss) {
  auto& losses = sessions_.at(session).losses;
  // Only a client that never looks gets here; it is told what it asks about soonest.
  if (losses.size() >= limits_.locks_per_session) losses.erase(losses.begin());
  losses[name] = loss;
}

std::optional<SessionTable::Loss> SessionTable::TakeLoss(SessionId session, const std::string& name,
                                                         std::optional<Fence> fence) {
  auto& losses = sessions_.at(session).losses;
  const auto found = losses.find(name);
  if (found == losses.end() || (fence && *fence != found->second.fence)) return std::nullopt;
  const Loss loss = found->second;
  losses.erase(found);
  return loss;
}

}  // namespace redlockd::engine
