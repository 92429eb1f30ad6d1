// What goes wrong in a run, and when: decided by the seed alone, before the run begins.
//
// A schedule stays within what the README asks for ("On these conditions"), so that the checker
// need not allow for anything:
// - Nodes that have lost their memory, or may not vote because they restarted, are a minority at
// any
//   time, their quarantine included. (More would be safe, but nobody would get a lock.)
// - A node's clock is stepped forward by less than the 2 ms that are allowed for, once in the life
//   of a lease, and drifts by half of the 0.1 %. It is stepped back by at most 1.9 s, less than
//   quarantine - 2 x fence_window; one that went back so far that it does not vote any more is put
//   right while the node is down.
// - Everything else (hangs, links, daemons, clients) may hit any number at a time.
// A target has one fault at a time, but different targets have theirs at once.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "tests/support/wait.h"

namespace redlockd::test::faults {

enum class Kind {
  // Of a node.
  kKillEmpty,    // SIGKILL, and started again without its memory
  kKillKept,     // SIGKILL, and started again with its memory (append-only file)
  kFlushAll,     // FLUSHALL
  kHang,         // SIGSTOP
  kPause,        // CLIENT PAUSE
  kDropClients,  // CLIENT KILL TYPE normal
  kDropScripts,  // SCRIPT FLUSH
  kClockForward,
  kClockBack,     // so little that it goes on voting
  kClockFarBack,  // so far that it stops voting; in the end it is restarted with the right time
  kClockDrift,
  // Of links between daemons and nodes; the proxy's.
  kCut,
  kSlowRequests,
  kSlowReplies,
  kLoseRequests,
  kLoseReplies,
  kDrip,   // replies byte by byte
  kStall,  // nothing is forwarded, and all of it afterwards
  // The packet filter's.
  kDropRequests,
  kDropReplies,
  kDropBoth,
  kRefuse,  // answered with a reset
  kLossy,   // three packets in ten are lost
  // Of a daemon.
  kStopDaemon,   // SIGSTOP
  kKillDaemon,   // SIGKILL, and started again
  kDrainDaemon,  // SIGTERM, and started again
  // Of a client.
  kStopClient,  // SIGSTOP
  kKillClient,  // SIGKILL, and another in its place
};
std::string_view Name(Kind kind);
bool IsOfNode(Kind kind);
bool IsOfLinks(Kind kind);
bool IsOfDaemon(Kind kind);
// The node does not vote from its begin until a quarantine after its end.
bool TakesMemory(Kind kind);

struct Link {
  std::size_t daemon = 0, node = 0;
  bool operator==(const Link&) const = default;
};

struct Fault {
  Kind kind{};
  Duration begin{}, end{};  // since the schedule began; equal: it has no duration
  std::size_t target = 0;   // node, daemon or client
  std::vector<Link> links{};
  Duration amount{};   // of a step of a clock, a delay
  double rate = 0;     // of a drift
  bool empty = false;  // of a restart that has another purpose: without its memory
};

struct Plan {
  std::uint64_t seed = 0;
  Duration lasts{};
  std::size_t nodes = 0, daemons = 0, clients = 0;
  bool packet_filter = false;  // links go wrong by the packet filter instead of the proxy
};
// In the order of their begin; all have ended by `lasts`.
std::vector<Fault> MakeSchedule(const Plan& plan);

// With the times that daemons are given in a run.
inline constexpr Duration kMaxTtl = 2s, kQuarantine = 3s;
// Between two times at which a node loses its memory, or its clock is stepped forward.
inline constexpr Duration kApart = kQuarantine + 500ms;

}  // namespace redlockd::test::faults
