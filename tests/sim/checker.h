#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "daemon/engine/types.h"
#include "tests/sim/trace.h"

namespace redlockd::sim {

// A promise of redlockd.
enum class Promise : std::uint8_t {
  kExclusion,    // no two hold a lock before their deadlines
  kFences,       // a grant's fence is greater than all before it of that lock
  kTold,         // LOST by the deadline, JEOPARDY before it; no deadline moves back
  kDeath,        // a session that is gone holds nothing and is not renewed for
  kAnswered,     // each request once, in time
  kNothingLeft,  // no key, hold, wait or question stays behind
  kNodesVote,    // nodes that are well vote, and vote again
  kFair,         // daemons get on by turns, and those who poll when a tenure is over
  kWinner,       // of those who try a free lock at about the same time one gets it
  kOneHost,      // a host whose clock goes wrong takes nothing from the others
  kWatched,      // watchers hear of each hold, once when it begins and once when it ends
  kShown,        // what is shown of a holder on another host is true
};
inline constexpr std::size_t kPromises = 12;
const char* ToText(Promise promise);

struct Violation {
  Moment at;
  Promise promise;
  std::string text;
};

std::string ToText(const Violation& violation);

// Looks at the world from outside, in true time, and judges by what clients were told and did,
// never by what an engine thinks. Also plays the resource that the locks protect: it takes a write
// only with a fence that is no less than the greatest it has seen.
class Checker {
 public:
  explicit Checker(const Timeline& timeline) : timeline_(timeline) {}

  void Broken(Promise promise, std::string text) {
    violations_.push_back({timeline_.now(), promise, std::move(text)});
  }

  // The host of this client has a wrong clock: its own holds may overlap with others'.
  void Excuse(std::size_t client) { excused_.insert(client); }
  // An administrator frees what is held by this owner value, and what will be: others may hold it too.
  void ExcuseOwner(const std::string& owner);
  // The lock is granted with this owner value from now on.
  void Leased(const std::string& lock, const std::string& owner) { locks_[lock].owner = owner; }

  // --- what clients were told. A client that may hold a lock is known by the fence it got.
  void Granted(const std::string& lock, engine::Fence fence, std::size_t client, Moment deadline);
  // Someone has it without redlockd, and so without a fence, by a value that only he has.
  void TakenPlainly(const std::string& lock, const std::string& value, Moment deadline);
  void LetGoPlainly(const std::string& lock, const std::string& value);
  // A later deadline was told.
  void Extended(const std::string& lock, engine::Fence fence, Moment deadline);
  // The client was told that it has lost it: nobody else has it before the deadline that it was told
  // (rules C9, I1). `late_is_fine`: its daemon was stopped.
  void Lost(const std::string& lock, engine::Fence fence, bool late_is_fine);
  // A majority keeps it until then, though nobody holds it: so has the daemon answered.
  void Kept(const std::string& lock, engine::Fence fence, std::size_t client, Moment until);
  // --- of locks that may be shared: holds are known by a number, since their fences may be the same.
  // No two hold one at a time, unless both share it; and who shares it has a fence that is no less than those
  // of all who had it for themselves before, and less than theirs who come later (rule F8).
  std::uint64_t GrantedShared(const std::string& lock, engine::Mode mode, engine::Fence fence,
                              std::size_t client, Moment deadline);
  void ExtendedShared(const std::string& lock, std::uint64_t number, Moment deadline);
  void LostShared(const std::string& lock, std::uint64_t number);
  void LetGoShared(const std::string& lock, std::uint64_t number);
  // It read what the lock protects, or wrote it. The resource refuses who reads with a lesser fence than a
  // write came with, and who writes with a lesser one than anybody.
  void UsedShared(const std::string& lock, std::uint64_t number);
  // Pairs that shared a lock at a time.
  std::size_t shared() const { return shared_; }

  // --- what clients did
  void LetGo(const std::string& lock, engine::Fence fence);
  // It wrote to the resource, in the belief that it holds the lock: stale if it does not any more.
  void Wrote(const std::string& lock, engine::Fence fence);

  // The deadline last told, of a hold that has not ended; none otherwise.
  std::optional<Moment> DeadlineOf(const std::string& lock, engine::Fence fence) const;

  const std::vector<Violation>& violations() const { return violations_; }
  std::size_t grants() const { return grants_; }
  std::size_t kept() const { return kept_; }
  // Stale writes that the fence kept out, and those that it did not: nobody had written behind the
  // writer's hold yet, so that there was no greater fence to refuse it by.
  std::size_t stale_refused() const { return stale_refused_; }
  std::size_t stale_taken() const { return stale_taken_; }
  // Pairs of holders at a time, and of these: the later one's fence was greater, so that the
  // resource refuses the other from its first write on.
  std::size_t overlaps() const { return overlaps_; }
  std::size_t fenced_overlaps() const { return fenced_overlaps_; }
  std::size_t fences_twice() const { return fences_twice_; }

 private:
  struct Hold {
    engine::Fence fence;  // 0: taken plainly
    std::string who;
    Moment deadline;
    bool excused = false;
    std::string owner{};
    bool lost = false;
    engine::Mode mode = engine::Mode::kExclusive;
    std::uint64_t number = 0;  // of one of a lock that may be shared
  };
  struct Lock {
    std::string owner{};                          // of the latest lease
    std::vector<Hold> holds;                      // that may not have ended
    std::map<engine::Fence, std::string> fences;  // all that were granted, and their owners
    engine::Fence written = 0;                    // the greatest that a write came with
    engine::Fence shared = 0;                     // the greatest of who shared it
    engine::Fence read = 0;                       // ... and read with it
  };

  std::vector<Hold>::iterator Find(Lock& lock, engine::Fence fence);
  std::vector<Hold>::iterator FindShared(Lock& lock, std::uint64_t number);
  void Enter(const std::string& name, Hold hold);

  const Timeline& timeline_;
  std::set<std::size_t> excused_;
  std::set<std::string> excused_owners_;
  std::map<std::string, Lock> locks_;
  std::vector<Violation> violations_;
  std::uint64_t last_number_ = 0;
  std::size_t shared_ = 0;
  std::size_t grants_ = 0;
  std::size_t kept_ = 0;
  std::size_t stale_refused_ = 0;
  std::size_t stale_taken_ = 0;
  std::size_t overlaps_ = 0;
  std::size_t fenced_overlaps_ = 0;
  std::size_t fences_twice_ = 0;
};

}  // namespace redlockd::sim
