#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "daemon/engine/effects.h"
#include "daemon/engine/outbox.h"
#include "daemon/engine/state.h"

namespace redlockd::engine {

// The answer to an unlock of several locks: what becomes of each is answered for by itself, and when that is
// known of all, the session gets one answer (rule G3).
class JointAnswer {
 public:
  // `locks` in the order in which they are answered; they are released by now on this host.
  explicit JointAnswer(std::vector<std::string> locks)
      : parts_(locks.size()), locks_(std::move(locks)) {}
  // From the former process, and for the next.
  explicit JointAnswer(const record::Joint& former);
  record::Joint Save() const;

  // `part` is a Released of one of them, or Failed. Once for each. Returns the whole once it is the last
  // that was missing: the failure of the first lock that has one, or else Released.
  std::optional<Answer> Take(Answer part);

 private:
  std::vector<std::optional<Answer>> parts_;
  const std::vector<std::string> locks_;
};

// Who asked for the release of a lock, and waits for what becomes of that. If the session has closed, nobody
// is answered.
struct Asker {
  SessionId session;
  RequestId request;
  Fence fence;                           // of the hold that is over
  std::shared_ptr<JointAnswer> joint{};  // of several locks; else none

  // With a Released, or a Failed, of the lock.
  void Reply(Outbox& outbox, Answer answer) const;
  record::Asker Save() const;
};

// Makes the askers that the former process left: those of one request have one answer.
class FormerAskers {
 public:
  std::optional<Asker> Restore(const std::optional<record::Asker>& former);

 private:
  std::map<std::pair<SessionId, RequestId>, std::shared_ptr<JointAnswer>> joint_;
};

}  // namespace redlockd::engine
