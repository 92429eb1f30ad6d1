#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "daemon/engine/node_op.h"
#include "daemon/engine/types.h"

// Everything that can happen to the engine. One event, one Step.
namespace redlockd::engine {

// --- from local clients -------------------------------------------------------------------------

struct SessionOpened {
  SessionId session;
  std::uint32_t uid;
  std::int32_t pid = 0;  // of who connected; 0: of another pid namespace
  // Not 0: an owner within that session, which is closed after it. To locks it is a session like any
  // other; what it holds and waits for counts for both.
  SessionId within = 0;
};
// The client will send no more commands (half-close). Its waits for a holder are cancelled; what is
// being asked of the nodes is answered; the session's holds stay until SessionClosed.
struct SessionInputEnded {
  SessionId session;
};
// The client is gone: its holds are released, its waits forgotten. Nothing is answered any more.
struct SessionClosed {
  SessionId session;
};
// The daemon itself gives the session up (unread output): its waits are forgotten, its holds keep
// their keys until their announced deadlines (rule C9). Nothing is answered any more.
struct SessionDropped {
  SessionId session;
};

struct LockRequested {
  SessionId session;
  RequestId request;
  std::string name{};
  std::optional<Duration> wait{};  // none: no limit; 0: a try
  std::optional<Duration> ttl{};   // none: Timing::ttl
  std::optional<Duration> max_hold{};
  Duration min_hold{0};  // at most kMostMinHold, and max_hold
  std::string note{};
  bool renewed_events = false;
  bool wanted_events = false;
  TaskId task{};                 // that waits, and holds it then; none: nobody knows
  Mode mode = Mode::kExclusive;  // kShared: of one lock, without min-hold
  // More locks, of which it gets all or none (rule G1): no name twice, and at most kMostNames in all.
  std::vector<std::string> also{};
};
struct UnlockRequested {
  SessionId session;
  RequestId request;
  std::string name{};
  std::optional<Fence> fence{};
  bool sync = false;  // answer once a quorum has released
  // More locks: none is let go unless all are held. Then there is no fence.
  std::vector<std::string> also{};
};
struct BreakRequested {  // rules I3, I4; the caller has checked that the client may
  SessionId session;
  RequestId request;
  std::string name{};
  std::optional<Fence> fence{};  // of a hold of this host; or else
  std::string owner{};           // as the nodes have it, of any host
  bool at_once = false;          // with `owner`: others need not wait for its last deadline
};
struct CheckRequested {
  SessionId session;
  RequestId request;
  std::string name{};
  std::optional<Fence> fence{};  // given: of any session's hold
};
struct CancelRequested {
  SessionId session;
  RequestId request;
  RequestId target;    // a waiting LockRequested of the same session
  std::string name{};  // its lock
};
struct ShowRequested {
  SessionId session;
  RequestId request;
  std::string name{};
};
struct WatchRequested {
  SessionId session;
  RequestId request;
  std::string name{};  // empty: all locks of this host
};
struct UnwatchRequested {
  SessionId session;
  RequestId request;
  std::string name{};  // empty: whatever the session watches
};
struct TrustEmptyRequested {  // rule D7; the caller has checked that the client may
  SessionId session;
  RequestId request;
};
struct AdoptRequested {  // rule D3; the caller has checked that the client may
  SessionId session;
  RequestId request;
};

// --- from the nodes -----------------------------------------------------------------------------

// A connection to the node is ready. Pending releases are the first thing to go out on it (rule
// C7).
struct NodeLinkUp {
  NodeIndex node;
  NodeFacts facts;  // of INFO; no sentinel facts yet
};
// The last connection to the node is gone, or could not be made.
struct NodeDown {
  NodeIndex node;
  std::string reason{};
};
// The node has confirmed that it sends hints to this daemon, or does so no more (rule E5).
struct NodeSubscribed {
  NodeIndex node;
  bool subscribed;
};
// NodeAnswer, NodeSilence, and the hints NodeHint, HolderAsked and HolderNamed: node_op.h

// What a node answered in one reply, to questions that went to it in one call.
struct NodeAnswers {
  std::vector<NodeAnswer> answers{};
};

// --- from the host ------------------------------------------------------------------------------

struct TimePassed {};
// The sessions of the former process are there: what it left (engine.h) is taken up (rule H3).
struct Resumed {};
// Grant nothing more; holders are notified and have until `until` to release. What is held then
// keeps its keys until its deadline (rule C9).
struct DrainRequested {
  Time until;
};

using Event =
    std::variant<SessionOpened, SessionInputEnded, SessionClosed, SessionDropped, LockRequested,
                 UnlockRequested, BreakRequested, CheckRequested, CancelRequested, ShowRequested,
                 WatchRequested, UnwatchRequested, TrustEmptyRequested, AdoptRequested, NodeLinkUp,
                 NodeDown, NodeAnswer, NodeAnswers, NodeSilence, NodeHint, HolderAsked, HolderNamed,
                 NodeSubscribed, TimePassed, Resumed, DrainRequested>;

}  // namespace redlockd::engine
