// A session without I/O: what to send, and what becomes of what has come. One connection serves all
// holds; each hold is an owner of its own in the daemon ("Owners within a session", PROTOCOL.md).
//
// A driver passes on what happened, and when: Connected, ConnectFailed, TakeLine, Ended. After each
// of these, and at NextDue(), it calls Run(), and then does what wants_close(), wants_connect() and
// outgoing() ask for. Answers stand in the Hold; what is for the holders' own functions is left in
// TakeNotices(). Times are ns of CLOCK_BOOTTIME. protocol/CLIENTS.md has the reasons.
//
// Not for several threads: the driver has the mutex.
#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "libclient/request.h"
#include "libclient/session/hold.h"
#include "libclient/session/query.h"
#include "protocol/reply.h"
#include "protocol/request.h"

namespace redlock::client {

class Core {
 public:
  // `jitter` is what is added to a pause, as a part of half of it: 0 to 1.
  explicit Core(std::function<double()> jitter) : jitter_(std::move(jitter)) {}

  // --- The caller
  // wait_ns: 0 is a try, negative is without limit.
  void Lock(const HoldPtr& hold, std::int64_t wait_ns, std::int64_t now);
  // Answers a caller that waits; a hold that was granted stays as it is.
  void Cancel(const HoldPtr& hold);
  // Lets go of all its locks. The answer is REDLOCK_OK, REDLOCK_ELOST or REDLOCK_ENOTHELD.
  // `is_awaited`: a caller waits for it.
  void Release(const HoldPtr& hold, bool is_awaited, std::int64_t now);
  // The answer comes within timeout_ns. A query connects at most once, and is sent at most once.
  void Ask(const QueryPtr& query, std::int64_t timeout_ns, std::int64_t now);
  // Asks by `query` whether all of the hold is held still. The answer is REDLOCK_ELOST if the daemon
  // has forgotten one of its locks.
  void Check(const QueryPtr& query, const HoldPtr& hold, std::int64_t now);
  void Cancel(const QueryPtr& query);

  // --- The driver
  void Run(std::int64_t now);
  // `before`: a time before the attempt to connect.
  void Connected(std::int64_t before);
  void ConnectFailed(int error, const std::string& why, std::int64_t now);
  void TakeLine(std::string_view line, std::int64_t now);
  // The page of this connection, which came before the answer that it came with; null: none.
  void TakePage(std::shared_ptr<const Page> page) { page_ = std::move(page); }
  void Ended(int error, const std::string& why, std::int64_t now);

  std::int64_t NextDue() const;
  bool wants_connect() const { return wants_connect_; }
  // The driver closes the connection, but not before park_until() if the other side broke the
  // protocol: a daemon releases the locks of a session that is closed.
  bool wants_close() const { return wants_close_; }
  std::int64_t park_until() const { return park_until_; }
  void Closed() { wants_close_ = false; }
  std::string TakeOutgoing() { return std::exchange(outgoing_, {}); }
  using Notices = std::vector<std::pair<HoldPtr, HoldNotice>>;
  Notices TakeNotices() { return std::exchange(notices_, {}); }
  bool has_notices() const { return !notices_.empty(); }
  // Every reference to a hold that the core gives up. The driver drops them without the mutex: the
  // last one destroys what the holder's functions captured, and that may call the session.
  using Gone = std::vector<HoldPtr>;
  Gone TakeGone() { return std::exchange(gone_, {}); }

 private:
  enum class State { kClosed, kGreeting, kOpen };
  enum class What { kLock, kUnlock, kQuery, kQuiet };
  struct Pending {
    What what;
    HoldPtr hold;                          // of kLock and kUnlock
    QueryPtr query;                        // of kQuery
    HeldLock* checked = nullptr;           // of kQuery, if that checks a hold: one of its locks
    std::vector<protocol::Reply> grant{};  // of kLock: a line for each name
    bool abandoned = false;  // nobody waits for the lock any more: a grant is given back
  };
  // A lock that is held on this connection.
  struct Attached {
    HoldPtr hold;
    HeldLock* lock;
  };

  // Requests (core.cc)
  void Send(protocol::Request request, What what, const HoldPtr& hold);
  void SendQuietly(protocol::Request request) { Send(std::move(request), What::kQuiet, nullptr); }
  void SendLock(const HoldPtr& hold, std::int64_t now);
  void SendUnsent(std::int64_t now);
  Problem CheckSeveral(const protocol::Request& request) const;
  protocol::Request LockRequest(const Hold& hold, std::int64_t now) const;
  static protocol::Request UnlockRequest(const Hold& hold, const HeldLock& lock);
  static void AddOwner(const Hold& hold, protocol::Request* request);
  void Answer(Hold& hold, int error, const std::string& text);
  void Fail(const HoldPtr& hold, int error, const std::string& text);
  void FailOrRetry(const HoldPtr& hold, int error, const std::string& text, std::int64_t now);
  void ReleaseRest(const HoldPtr& hold);
  void FinishRelease(const HoldPtr& hold, int error, const std::string& text);

  // Queries (core_queries.cc)
  void SendQueries(std::int64_t now);
  void FailDueQueries(std::int64_t now);
  void SendChecks(const QueryPtr& query);
  void SendQuery(const QueryPtr& query, protocol::Request request, HeldLock* checked);
  void TakeQueryAnswer(const QueryPtr& query, HeldLock* checked, const protocol::Reply& line);
  void TakeCheck(const HoldPtr& hold, HeldLock& lock, const protocol::Reply& line, int* error);

  // Time (core.cc)
  void SetDue(const HoldPtr& hold, std::int64_t when);
  void Schedule(const HoldPtr& hold);
  void BeDue(const HoldPtr& hold, std::int64_t now);
  void BeDueUnsent(const HoldPtr& hold);
  void BeDueSent(const HoldPtr& hold);
  void BeDueHeld(const HoldPtr& hold, std::int64_t now);
  void Heartbeat(std::int64_t now);
  void SetHung(bool hangs, std::int64_t now);

  // Lines (core_lines.cc)
  void TakeGreeting(const protocol::Reply& line, std::int64_t now);
  static void TakeRow(Pending& pending, const protocol::Reply& line);
  void TakeAnswer(const protocol::Reply& line, std::int64_t now);
  void TakeLockAnswer(const Pending& pending, const protocol::Reply& line, std::int64_t now);
  bool TakeGrant(const HoldPtr& hold, const std::vector<protocol::Reply>& lines);
  void GiveBack(const Pending& abandoned);
  void TakeEvent(const protocol::Reply& line);
  void TakeDraining(const protocol::Reply& line);

  // Holds (core_lines.cc)
  void SetDeadline(HeldLock& lock, std::int64_t deadline) const;
  void Notify(const HoldPtr& hold, const HeldLock& lock, int type, const std::string& reason = {});
  void Endanger(const HoldPtr& hold, HeldLock& lock, const std::string& why);
  void BeSafe(const HoldPtr& hold, HeldLock& lock);
  void Stop(const HoldPtr& hold, const HeldLock& lock);
  void Lose(const HoldPtr& hold, HeldLock& lock, const std::string& reason);
  void Detach(const HoldPtr& hold, HeldLock& lock);

  // The connection (core.cc)
  void GiveUp(const Pending& pending);
  void Drop(int error, const std::string& why, std::int64_t now);
  bool holds_nothing() const { return attached_.empty(); }

  const std::function<double()> jitter_;
  State state_ = State::kClosed;
  bool wants_connect_ = false;
  bool wants_close_ = false;
  std::int64_t park_until_ = 0;
  std::string outgoing_;
  Notices notices_;
  Gone gone_;

  std::uint64_t last_owner_ = 0;
  std::uint64_t last_tag_ = 0;
  std::map<std::uint64_t, Pending> pending_;  // by tag, sent and not answered
  std::list<HoldPtr> unsent_;                 // in their order
  Queries queries_;
  // Held on this connection, by name and fence.
  std::map<std::pair<std::string, std::uint64_t>, Attached> attached_;
  std::multimap<std::int64_t, HoldPtr> later_;  // to be sent again at that time
  std::set<std::pair<std::int64_t, HoldPtr>> due_;

  bool has_renew_ = false;  // these three of the daemon's caps
  bool has_tasks_ = false;
  bool has_sets_ = false;
  std::shared_ptr<const Page> page_;  // of this connection
  bool is_draining_ = false;
  std::int64_t offset_ns_ = 0;  // the daemon's clock minus ours
  std::int64_t connected_ns_ = 0;
  std::int64_t greeting_due_ns_ = kNever;
  std::int64_t next_attempt_ns_ = 0;
  int failures_ = 0;                // since a request was answered last
  int connect_error_ = REDLOCK_OK;  // of the last of them
  std::string connect_text_;
  std::int64_t last_read_ns_ = 0;
  std::int64_t pinged_ns_ = 0;  // 0: no heartbeat is on its way
  std::int64_t heartbeat_due_ns_ = kNever;
  bool is_hung_ = false;    // it does not answer a ping, and something is held
  bool is_silent_ = false;  // somebody waited in vain, and nothing was read since
};

}  // namespace redlock::client
