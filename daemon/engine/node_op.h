#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "daemon/engine/types.h"

// What the engine asks of a node, and what a node may answer. The room that carries an op to a node
// (daemon/redis) adds what belongs to the connection (run_id) and to the set (key prefix, max_ttl,
// fence_window, quarantine, fence_life).
namespace redlockd::engine {

// How an acquire stands to the queue of daemons that want the lock (rules E6.2, E8.2, E8.3).
enum class Queueing : std::uint8_t {
  kNone,       // registers nothing; refused where another daemon has a fresh entry (rule E6.8)
  kIfRefused,  // the first round of a want: registers where it is refused
  kAlways,     // a later round: registers, also where it gets the vote
  kStand,      // registers, and learns whether it would get the vote; never sets the key
  kIgnore,     // passes the queue, leaves entries alone (rules B3, C6, E6.9)
};

// Longer than anything lives; NodeAnswer::left of a key that never goes by itself.
inline constexpr Duration kNoExpiry = std::chrono::hours(24 * 365 * 10);

// Redis ops of one lock: `lock` is the name without the key prefix.
struct AcquireOp {  // rule A2; also heals (rule C6) and takes a new block (rule B3)
  std::string lock{};
  std::string owner{};  // instance ":" attempt ":" host (rule A1)
  Duration ttl;
  Fence proposal;  // p of rule A2
  Fence block = 1;
  Queueing queueing = Queueing::kNone;
  // Of the want; for those that register. The node gives its entry a life (rule E8.2).
  Stamp stamp = 0;                 // rule E6.1
  Duration grace{0};               // how long this daemon may take to come once it is called
  Duration most_life = kNoExpiry;  // a shorter life than the node's is enough (rule E10)
};
// Rule G1: takes several locks, all of them or none.
struct ClaimOp {
  struct Name {
    std::string lock{};
    std::string owner{};
    Fence proposal;
    Fence block = 1;
  };
  std::vector<Name> names{};  // 1..kMostNames, no lock twice
  Duration ttl;
  // As of an acquire, but no stand, and the same for all names. One that registers where it is refused
  // does so in all queues as soon as one name is busy, or not its turn.
  Queueing queueing = Queueing::kNone;
  Stamp stamp = 0;
  Duration grace{0};
  Duration most_life = kNoExpiry;
};
// Rules F2, F6, F8: joins those who share the lock; also heals. Draws no fence: all who share it have the last
// that was given out. It stands in the queue as an acquire does, but only one who does not share the lock is
// in its way.
struct ShareOp {
  std::string lock{};
  std::string owner{};
  Duration ttl;
  Fence proposal;  // of the fence that counts as the last where none is stored
  Queueing queueing = Queueing::kNone;
  Stamp stamp = 0;
  Duration grace{0};
  Duration most_life = kNoExpiry;
};
// Rule F8: who has the lock for himself after that gets a greater fence.
struct RaiseOp {
  std::string lock{};
  std::string owner{};  // of one who shares it
  Fence fence;
};
struct ConfirmOp {  // rules A4, A6
  std::string lock{};
  std::string owner{};
  Fence fence;  // T of rule A4
  Fence block = 1;
};
struct RenewOp {  // rule C5: compare and lengthen
  std::string lock{};
  std::string owner{};
  Duration ttl;
};
struct ReleaseOp {  // rule C4: compare and delete; runs in quarantine too
  std::string lock{};
  std::string owner{};
  bool leave = false;  // the owner's daemon also leaves the queue (rule E6.3)
  // The lock whose link it takes: the first of the claim that it takes back (rule C4); empty: its own.
  std::string link{};
};
struct BreakOp {  // rule I3: ends that owner's lease; runs in quarantine too
  std::string lock{};
  std::string owner{};
  bool at_once = false;  // the key is not kept from the others for the time that it has left
  Duration ttl{0};       // for a key that would never go by itself
};
struct InspectOp {  // changes nothing: who has it, for how long, and the stored fence
  std::string lock{};
  // Where another daemon has it, that one is asked by a hint who holds it (rule E11).
  std::string asker{};  // the instance of this daemon
  InquiryNumber inquiry = 0;
};

// Who holds a lock, as its own daemon knows it.
struct HolderFacts {
  Fence fence = 0;
  Duration held{0};  // so far
  std::int32_t pid = 0;
  std::uint32_t uid = 0;
  std::string note{};
  bool operator==(const HolderFacts&) const = default;
};
// The answer to another daemon that asked for them (rule E11), by a hint.
struct NameHolderOp {
  std::string asker{};  // its instance
  InquiryNumber inquiry = 0;
  std::optional<HolderFacts> holder{};  // none: nobody holds it at the moment
};

// Ops of the node itself.

// Asks for the node's facts (INFO) and introduces this daemon to the sentinel (rules D1, D3, D5,
// D8, D10): a sentinel of another run is in quarantine from now; `node_id` and `set` are stored
// where there are none yet.
struct ProbeOp {
  // What another node is to this daemon.
  struct Sighting {
    std::string node_id;
    std::string run_id;
    std::optional<Duration> heard_ago;  // none: only asks whether another daemon reaches another
    bool operator==(const Sighting&) const = default;
  };

  std::string node_id{};
  std::string set{};
  // A missing sentinel is written, in quarantine, with this daemon's settings.
  bool may_write = true;
  std::string counted{};   // the run that this daemon has counted the node as; empty: none
  std::string instance{};  // of this daemon
  std::vector<Sighting> sightings{};
};
// Rules D5, D6: the node may have lost something: ready = TIME + quarantine. `witness`: the
// instance of this daemon where all that it has is what its own clock says; then the quarantine
// begins when a second instance says so too.
struct SuspectOp {
  std::string witness{};
};
struct TrustOp {};    // rule D7: ready = TIME, if the node is in quarantine
struct AdoptOp {      // rule D3: write this daemon's settings and set; the greater quarantine
  std::string set{};  // may be empty: not known yet
};

using NodeOp = std::variant<AcquireOp, ClaimOp, ShareOp, ConfirmOp, RaiseOp, RenewOp, ReleaseOp,
                            BreakOp, InspectOp, NameHolderOp, ProbeOp, SuspectOp, TrustOp, AdoptOp>;

// The room that carries ops to a node puts at most this many renewals, or releases, in one call, and
// at most this many acquires, which take longer: so that no node stops for long (rule C16).
inline constexpr std::size_t kMostPerCall = 64;
inline constexpr std::size_t kMostAcquiresPerCall = 16;
// And this many locks are taken together (rule G1).
inline constexpr std::size_t kMostNames = 16;

// Carried with an op and handed back with its answer, so that the engine knows what was answered
// without a table of ops. Opaque to everybody else.
struct Ticket {
  // What was asked for. Four purposes have an acquire: an attempt to get the lock, a place in its
  // queue, healing a node that lost the lease, and the next block of fences.
  enum class Kind : std::uint8_t {
    kAttempt,
    kClaim,  // an attempt to get several locks; the subject is that of the first
    kStand,
    kConfirm,
    kHeal,
    kBlock,
    kRenew,
    kRelease,
    kQuery,
    kHolder,  // nobody waits for the answer
    kProbe,
    kSuspect,
    kTrust
  };
  Kind kind;
  std::uint32_t round = 0;    // which round of the subject asked
  std::uint64_t subject = 0;  // attempt number, or query number
  Time asked;                 // validity counts from here (rule C2)
};

enum class Verdict : std::uint8_t {
  kOk,
  kBusy,     // another owner's key (acquire)
  kNotTurn,  // free, but another daemon is before this one in the queue (acquire, rule E6.2)
  kTurn,     // it might be had, and was not taken: a stand (rule E8.3), a name of a claim (rule G1)
  kNotOwner,  // the key is not this owner's, or is gone (confirm, raise, renew, release, break)
  kPassed,  // confirm: the stored fence is missing or greater than T (rule A6); raise: it is missing
  kSkew,    // the fence would pass this node's TIME + fence_window (rule A6)
  kAmnesia,     // the sentinel was missing or of another run; quarantine has begun (rule D1)
  kQuarantine,  // TIME < ready (rule D1)
  kSettings,    // max_ttl or fence_window differ from the sentinel's (rule D3)
  kError,       // Redis refused the command; `text` is its error
};

// What a probe learned.
struct NodeFacts {
  std::string run_id{};
  std::string version{};
  bool master = true;
  bool cluster = false;
  std::string maxmemory_policy{};
  std::uint64_t evicted_keys = 0;
  // From the sentinel, of a probe only.
  std::string node_id{};   // empty if it has none
  std::string set{};       // empty if it has none
  std::int64_t count = 0;  // of introductions
  enum class Memory : std::uint8_t {
    kNone,  // there is no sentinel
    kNew,   // the node never gave a vote, as far as it and its daemons know
    kUsed,
  } memory = Memory::kNone;
  // Other nodes' ids, of which another daemon reaches another server (rule D10).
  struct Other {
    std::string node_id;
    std::string run_id;
    NodeTime heard;  // when, by the clock of the node that says so
    bool operator==(const Other&) const = default;
  };
  std::vector<Other> others{};
  // Its error where something is to be stored, as it is full, or read-only; empty: it stores.
  std::string refuses{};
  std::string note{};  // what it refuses that can be lived without (rule E5)
  bool operator==(const NodeFacts&) const = default;
};

struct NodeAnswer {
  NodeIndex node = 0;
  Ticket ticket{};
  Verdict verdict = Verdict::kError;
  // 0 if there was none (kError), or if another answer out of the same reply has it: what that says
  // of the node's clock is read once.
  NodeTime node_time = 0;
  // Acquire and claim kOk: s of rule A2; share kOk: the last that was given out. Acquire kBusy, kNotTurn and kTurn, confirm kPassed, inspect: the
  // stored fence, 0 if none.
  Fence fence = 0;
  // kBusy, break and inspect: the key's PTTL. kNotTurn: how long the head may take to come; 0: it was not
  // called. kAmnesia, kQuarantine, and kOk of suspect, trust and adopt: until ready.
  Duration left{0};
  // kBusy, inspect, and kNotOwner of break: the owner value (its first 256 bytes). kNotTurn: the
  // instance at the head. kSettings: what differs. kError: the error.
  std::string text{};
  // Acquire and release: the greatest stamp of another daemon that wants the lock; 0: none does
  // (rules E2, E6.1). Inspect: by how many connections the question who holds it was received.
  Stamp greatest = 0;
  // Acquire: this daemon's place in the lock's queue, from 1; 0: it has none.
  std::uint32_t place = 0;
  // Renew and release: another daemon wants the lock (rule E2).
  bool wanted = false;
  // Renew kNotOwner: this owner's lease was broken here (rule I4).
  bool broken = false;
  std::shared_ptr<const NodeFacts> facts{};  // of a probe; else none

  // Claim: for each name, in the order asked, what an acquire of it would be answered; kTurn where it
  // might have been had, and was not taken. None where the node says nothing of names: a refusal by
  // rule D, or an error of the call. The answer itself is kOk where all of them are; else the first
  // that may not be had gives verdict, fence, left and text (rule G6). `greatest` and `place` are
  // the greatest of all names.
  std::vector<NodeAnswer> names{};
  std::size_t which = 0;  // of the names: the first that may not be had, 0 if all may
};

// What one daemon says to another by way of a node (rule E5). It may be lost, late, or delivered
// twice.
struct NodeHint {
  enum class Kind : std::uint8_t {
    kWanted,  // to the lock's holder: the other was refused
    kFree,    // to the head of the lock's queue, which is called: it is its turn on this node
    kNext,    // to the one after it: so much later it will be its turn, if the head does not come
    kBroken,  // to the holder's: that attempt's lease was broken on this node
  };
  NodeIndex node = 0;
  Kind kind = Kind::kWanted;
  std::string lock{};
  Duration rest{0};           // kNext
  AttemptNumber attempt = 0;  // kBroken
};

// Another daemon asks who holds the lock that this one has by that attempt (rule E11).
struct HolderAsked {
  NodeIndex node = 0;
  InquiryNumber inquiry = 0;
  AttemptNumber attempt = 0;
  std::string asker{};  // its instance
  std::string lock{};
};
// What the other daemon says.
struct HolderNamed {
  NodeIndex node = 0;
  InquiryNumber inquiry = 0;
  std::optional<HolderFacts> holder{};  // none: nobody holds it at the moment
};

using Hint = std::variant<NodeHint, HolderAsked, HolderNamed>;

// An op that has no answer (yet).
struct NodeSilence {
  NodeIndex node = 0;
  Ticket ticket{};
  // true: there will never be one; the connection is gone or was never there. false: the command
  // timeout has passed; the answer may still come, or a second silence with gone=true.
  bool gone = false;
  bool unasked = false;  // gone, and it was never sent
};

}  // namespace redlockd::engine
