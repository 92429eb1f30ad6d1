#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "base/check.h"
#include "daemon/engine/effects.h"
#include "daemon/engine/losses.h"
#include "daemon/engine/options.h"
#include "daemon/engine/rule_quotas.h"
#include "daemon/engine/state.h"
#include "daemon/engine/views.h"

namespace redlockd::engine {

// Which sessions there are, which locks each holds or waits for, and what each has lost without
// having been asked. Knows no lock's state.
class SessionTable {
 public:
  // `limits` outlives it, and may change. So do the quotas, to which this reports each lock.
  SessionTable(const Limits& limits, RuleQuotas& quotas) : limits_(limits), quotas_(quotas) {}

 private:
  struct User {  // while it has a session, or a lease is kept for it
    std::size_t sessions = 0;
    std::size_t locks = 0;  // of all of them, and those that are kept
  };

 public:
  // `within`, if not 0, is the session that this is an owner of, and is closed after it.
  void Open(SessionId session, std::uint32_t uid, std::int32_t pid = 0, SessionId within = 0);
  // Forgets the session. Its locks have been let go before.
  void Close(SessionId session);
  // All false for one that there is not.
  SessionUse UseOf(SessionId session) const;
  bool Has(SessionId session) const { return sessions_.contains(session); }
  std::uint32_t UidOf(SessionId session) const { return sessions_.at(session).uid; }
  std::int32_t PidOf(SessionId session) const { return sessions_.at(session).pid; }

  void EndInput(SessionId session);
  bool InputEnded(SessionId session) const;

  // The session has begun to wait for the lock; until Remove, `name` stays.
  void Add(SessionId session, const std::string& name);
  // It holds the lock now.
  void Granted(SessionId session, const std::string& name);
  void Remove(SessionId session, const std::string& name);
  bool Uses(SessionId session, const std::string& name) const;
  std::vector<std::string> Locks(SessionId session) const;  // in order of name
  // What would be passed by so many more locks, for a person; none if there is room. Quotas apart.
  std::optional<std::string> AtLimit(SessionId session, std::size_t more = 1) const;
  // Reports all locks to the quotas again, after those have changed.
  void CountForQuotas() const;

  // A lease of that lock that is kept for a user, whose session may have closed (rule C9): counts as a
  // lock of that user for as long as it lives. `name` outlives it.
  class Kept {
   public:
    Kept(SessionTable& table, std::uint32_t uid, const std::string& name)
        : table_(table), name_(name), uid_(uid), user_(table.users_[uid_]) {
      const bool is_new = table_.kept_.insert(name_).second;
      CHECK(is_new);
      ++user_.locks;
      table_.quotas_.Count(name_, 1, 0);
    }
    ~Kept() {
      CHECK(user_.locks > 0);
      table_.quotas_.Count(name_, -1, 0);
      --user_.locks;
      table_.kept_.erase(name_);
      table_.ForgetIfIdle(uid_);
    }
    std::uint32_t uid() const { return uid_; }
    Kept(const Kept&) = delete;
    Kept& operator=(const Kept&) = delete;

   private:
    SessionTable& table_;
    const std::string_view name_;
    const std::uint32_t uid_;
    User& user_;
  };

  // All of them for the next process, but for their watches, in the order in which they came; and one
  // of the former process.
  std::vector<record::Session> Save() const;
  void Restore(const record::Session& former);

  // A hold ended without the client, to be reported once at its next unlock or check.
  void Lose(SessionId session, const std::string& name, Losses::Loss loss);
  // With `fence`: only the loss of that hold.
  std::optional<Losses::Loss> TakeLoss(SessionId session, const std::string& name,
                                       std::optional<Fence> fence);

 private:
  struct Session {
    std::uint32_t uid;
    std::int32_t pid;
    User& user;
    Session* within;  // null: none
    bool input_ended = false;
    std::size_t all_locks = 0;  // with those of its owners
    // By their own names; true: it waits for the lock, and does not hold it.
    std::unordered_map<std::string_view, bool> locks{};
    Losses losses{};  // with those of its owners; at most locks_per_session
  };

  // Whose limits count: of an owner the session that it is within.
  static Session& Root(Session& session) { return session.within ? *session.within : session; }
  static const Session& Root(const Session& session) {
    return session.within ? *session.within : session;
  }
  static void Count(Session& session, std::ptrdiff_t locks);
  void ForgetIfIdle(std::uint32_t uid);

  const Limits& limits_;
  RuleQuotas& quotas_;
  std::unordered_set<std::string_view> kept_;  // locks
  std::unordered_map<SessionId, Session> sessions_;
  std::unordered_map<std::uint32_t, User> users_;
};

}  // namespace redlockd::engine
