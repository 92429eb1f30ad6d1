#pragma once

#include <string>

#include "daemon/engine/counters.h"
#include "daemon/engine/effects.h"
#include "daemon/engine/outbox.h"
#include "daemon/engine/session_table.h"

namespace redlockd::engine {

struct Waiter;

// The one door by which a request to lock is answered: with the lock, or with why not. What comes of a
// stand-in goes to the request for several locks that it stands in for, which is answered once.
class Requests {
 public:
  Requests(SessionTable& sessions, Outbox& outbox, Counters& counters)
      : sessions_(sessions), outbox_(outbox), counters_(counters) {}

  // The session holds the lock now.
  void Grant(const Waiter& waiter, Granted granted);
  // It holds all that it asked for, each of which was granted to a stand-in.
  void GrantAll(SessionId session, RequestId request, Granted granted);
  // It does not get it, and does not wait.
  void Refuse(SessionId session, RequestId request, Failed failed);
  // The session does not wait for it any more.
  void Refuse(const Waiter& waiter, Failed failed);
  void Refuse(const Waiter& waiter, const std::string& lock, Failure failure, std::string text);

 private:
  SessionTable& sessions_;
  Outbox& outbox_;
  Counters& counters_;
};

}  // namespace redlockd::engine
