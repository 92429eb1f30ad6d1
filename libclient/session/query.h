// One question to the daemon through a session, from the wish to ask it to its answer. It is sent at
// most once: it may change something (`break`). The core changes it, under the mutex of the session.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "libclient/reply.h"
#include "libclient/session/hold.h"
#include "protocol/request.h"

namespace redlock::client {

struct Query : Awaited {
  // Without a verb nothing is asked: the answer is that there is a connection.
  explicit Query(protocol::Request words = {}) : request(std::move(words)) {}

  protocol::Request request;
  HoldPtr checked{};  // instead of a request: whether it is held still

  // The answer. is_from_daemon: the daemon's; else the error and the text are of this side.
  redlock_reply reply{};
  bool is_from_daemon = false;

  // The rest is the core's.
  std::int64_t sent_ns = 0;    // 0: it is not sent
  std::size_t unanswered = 0;  // how many requests of it are
};
using QueryPtr = std::shared_ptr<Query>;

// The queries that are not answered.
class Queries {
 public:
  // To be answered until query->due_ns.
  void Add(const QueryPtr& query);
  bool has_unsent() const { return !unsent_.empty(); }
  // In their order.
  std::list<QueryPtr> TakeUnsent() { return std::exchange(unsent_, {}); }

  // Answers the caller.
  void Finish(const QueryPtr& query);
  void Fail(const QueryPtr& query, int error, const std::string& text);
  void FailUnsent(int error, const std::string& text);

  std::int64_t NextDue() const;
  // The first that is due; null if there is none.
  QueryPtr FirstDue(std::int64_t now) const;

 private:
  std::list<QueryPtr> unsent_;
  std::set<std::pair<std::int64_t, QueryPtr>> due_;
};

}  // namespace redlock::client
