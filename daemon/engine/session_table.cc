#include "daemon/engine/session_table.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace redlockd::engine {

void SessionTable::Open(SessionId session, std::uint32_t uid, std::int32_t pid, SessionId within) {
  CHECK(!sessions_.contains(session) && (within == 0 || sessions_.contains(within)));
  Session* const of = within == 0 ? nullptr : &sessions_.at(within);
  User& user = users_[uid];
  ++user.sessions;
  sessions_.emplace(session, Session{.uid = uid, .pid = pid, .user = user, .within = of});
}

void SessionTable::Close(SessionId session) {
  const auto found = sessions_.find(session);
  CHECK(found != sessions_.end() && found->second.all_locks == 0);
  CHECK(found->second.user.sessions > 0);
  const std::uint32_t uid = found->second.uid;
  --found->second.user.sessions;
  if (found->second.within != nullptr) found->second.within->losses.Forget(session);
  sessions_.erase(found);
  ForgetIfIdle(uid);
}

void SessionTable::ForgetIfIdle(std::uint32_t uid) {
  const auto user = users_.find(uid);
  CHECK(user != users_.end());
  if (user->second.sessions == 0 && user->second.locks == 0) users_.erase(user);
}

void SessionTable::EndInput(SessionId session) { sessions_.at(session).input_ended = true; }

bool SessionTable::InputEnded(SessionId session) const { return sessions_.at(session).input_ended; }

void SessionTable::Add(SessionId session, const std::string& name) {
  Session& s = sessions_.at(session);
  const bool is_new = s.locks.emplace(name, true).second;
  CHECK(is_new);
  Count(s, 1);
  quotas_.Count(name, 1, 1);
}

void SessionTable::Granted(SessionId session, const std::string& name) {
  const bool waited = std::exchange(sessions_.at(session).locks.at(name), false);
  CHECK(waited);
  quotas_.Count(name, 0, -1);
}

void SessionTable::Remove(SessionId session, const std::string& name) {
  Session& s = sessions_.at(session);
  CHECK(s.user.locks >= s.locks.size());
  const auto lock = s.locks.find(name);
  CHECK(lock != s.locks.end());
  quotas_.Count(name, -1, lock->second ? -1 : 0);
  s.locks.erase(lock);
  Count(s, -1);
}

void SessionTable::CountForQuotas() const {
  for (const auto& [id, session] : sessions_) {
    for (const auto& [name, waits] : session.locks) quotas_.Count(name, 1, waits ? 1 : 0);
  }
  for (const std::string_view name : kept_) quotas_.Count(name, 1, 0);
}

void SessionTable::Count(Session& session, std::ptrdiff_t locks) {
  session.user.locks += static_cast<std::size_t>(locks);
  session.all_locks += static_cast<std::size_t>(locks);
  if (session.within != nullptr) session.within->all_locks += static_cast<std::size_t>(locks);
}

SessionUse SessionTable::UseOf(SessionId session) const {
  const auto found = sessions_.find(session);
  if (found == sessions_.end()) return {};
  return {.locks = !found->second.locks.empty(),
          .losses = Root(found->second).losses.HasAnyOf(session)};
}

bool SessionTable::Uses(SessionId session, const std::string& name) const {
  return sessions_.at(session).locks.contains(name);
}

std::vector<std::string> SessionTable::Locks(SessionId session) const {
  const auto& locks = sessions_.at(session).locks;
  std::vector<std::string> names;
  names.reserve(locks.size());
  for (const auto& [name, waits] : locks) names.emplace_back(name);
  std::sort(names.begin(), names.end());
  return names;
}

std::optional<std::string> SessionTable::AtLimit(SessionId session, std::size_t more) const {
  const Session& s = sessions_.at(session);
  const std::size_t locks = Root(s).all_locks;
  // Of several at once some might find room.
  const auto limit = [more](std::size_t most) {
    const std::string asked = " and asks for " + std::to_string(more) + " more, the limit is ";
    return more == 1 ? std::string(", the limit") : asked + std::to_string(most);
  };
  if (locks + more > limits_.locks_per_session) {
    return "this session holds or waits for " + std::to_string(locks) + " locks" +
           limit(limits_.locks_per_session) + " for a session";
  }
  if (s.user.locks + more > limits_.locks_per_uid) {
    return "uid " + std::to_string(s.uid) + " holds or waits for " + std::to_string(s.user.locks) +
           " locks (those of dropped sessions count until their deadlines)" +
           limit(limits_.locks_per_uid) + " for a user";
  }
  return std::nullopt;
}

void SessionTable::Lose(SessionId session, const std::string& name, Losses::Loss loss) {
  Root(sessions_.at(session)).losses.Add(session, name, loss, limits_.locks_per_session);
}

std::optional<Losses::Loss> SessionTable::TakeLoss(SessionId session, const std::string& name,
                                                   std::optional<Fence> fence) {
  return Root(sessions_.at(session)).losses.Take(session, name, fence);
}

}  // namespace redlockd::engine
