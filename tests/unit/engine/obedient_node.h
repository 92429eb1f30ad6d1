#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "daemon/engine/node_op.h"
#include "daemon/engine/timing.h"
#include "tests/unit/engine/want_queue.h"

namespace redlockd::engine {

// A node that does what the rules ask of one, in memory: what the scripts do on a real one.
class ObedientNode {
 public:
  const std::string& set() const { return set_; }  // that its sentinel names
  explicit ObedientNode(std::string run_id) : run_id_(std::move(run_id)) {}

  // Carries out `op` of a daemon with the settings `timing`, at the true time `now`, on a
  // connection that knows this node as `run_id`; `hears`: it hears what is published to it. The
  // answer has no node index and no ticket yet.
  NodeAnswer Run(Time now, const Timing& timing, const std::string& run_id, const NodeOp& op,
                 bool hears = true);
  // What it has published to daemons since it was asked last (rule E5). No node index yet.
  struct Published {
    std::string instance;
    Hint hint;
  };
  std::vector<Published> TakePublished() { return std::exchange(published_, {}); }

  // Loses everything and is another process from now on.
  void Restart(std::string run_id);
  void Flush();  // loses everything
  void TrustEmpty(Time now, const Timing& timing);

  NodeFacts Info() const;  // without what the sentinel says
  NodeTime Clock(Time now) const;
  // What its key says at `now`: the owner value that has the lock, or that it is shared.
  std::optional<std::string> OwnerOf(Time now, const std::string& lock);
  bool IsShared(Time now, const std::string& lock, const std::string& by);
  std::optional<Fence> StoredFence(Time now, const std::string& lock);
  void Forget(const std::string& lock) { keys_.erase(lock); }
  void ForgetFence(const std::string& lock) { fences_.erase(lock); }
  void Put(Time now, const std::string& lock, const std::string& owner, Duration ttl);
  void PutFence(Time now, const std::string& lock, Fence fence) {
    fences_[lock] = {fence, Clock(now) + 60'000'000};
  }
  // An entry of another daemon, fresh for `life`, however often it is called.
  void PutWant(Time now, const std::string& lock, const std::string& instance, Stamp stamp,
               Duration life);
  void LeaveWant(const std::string& lock, const std::string& instance) {
    wants_[lock].Leave(instance);
  }
  // The stamp of that daemon's fresh entry; 0: it has none.
  Stamp WantOf(Time now, const std::string& lock, const std::string& instance);

  Duration clock_off{0};  // how far its clock is ahead of the others'
  bool master = true;
  bool cluster = false;
  std::string maxmemory_policy = "noeviction";
  std::string refuses;  // why it stores nothing: the introduction says so, acquires are errors
  std::uint64_t evicted_keys = 0;
  std::int64_t count = 0;               // of introductions
  std::set<std::string> hears_nothing;  // daemons that are not subscribed
  // The settings of its sentinel; none if it has none.
  std::optional<Duration> MaxTtl() const {
    return sentinel_ ? std::optional(sentinel_->max_ttl) : std::nullopt;
  }
  const std::string& id() const { return node_id_; }

 private:
  struct Sentinel {
    std::string run;
    NodeTime ready;
    Duration max_ttl, fence_window, quarantine;
    Duration bound{0};  // what votes under other settings ask for
    bool voted = false;
    Duration Bound(NodeTime now) const { return now < ready ? bound : Duration(0); }
  };
  struct Key {
    std::string owner;
    NodeTime until;
  };
  struct Stored {
    Fence fence;
    NodeTime until;
  };
  struct Call;
  struct Asked;

  NodeAnswer Do(const Call& call, const AcquireOp& op);
  NodeAnswer Do(const Call& call, const ClaimOp& op);
  NodeAnswer Do(const Call& call, const ShareOp& op);
  NodeAnswer Do(const Call& call, const RaiseOp& op);
  NodeAnswer Do(const Call& call, const ConfirmOp& op);
  NodeAnswer Do(const Call& call, const RenewOp& op);
  NodeAnswer Do(const Call& call, const ReleaseOp& op);
  NodeAnswer Do(const Call& call, const BreakOp& op);
  NodeAnswer Do(const Call& call, const InspectOp& op);
  NodeAnswer Do(const Call& call, const NameHolderOp& op);
  NodeAnswer Do(const Call& call, const ProbeOp& op);
  void Compare(const Call& call, const ProbeOp& op, const ProbeOp::Sighting& sighting,
               NodeFacts& facts);
  NodeAnswer Do(const Call& call, const SuspectOp& op);
  NodeAnswer Do(const Call& call, const TrustOp& op);
  NodeAnswer Do(const Call& call, const AdoptOp& op);
  std::optional<NodeAnswer> Check(const Call& call);  // rule D
  void BeginQuarantine(const Call& call, Duration quarantine, Duration bound);
  void QuarantineAgain(const Call& call);
  bool IsUsed() const;
  void Expire(NodeTime now);
  void Look(const Call& call, Asked& asked);
  void Register(const Call& call, Asked& asked);
  void NotTaken(const Call& call, Asked& asked);
  void HintToHolder(const AcquireOp& op, const std::string& holder, std::uint32_t place,
                    const std::optional<WantQueue::Other>& first);
  NodeAnswer Take(const Call& call, const Asked& asked);
  NodeAnswer Share(const Call& call, const Asked& asked);
  // Until when the owner shares the lock; 0: it does not.
  NodeTime SharedUntil(NodeTime now, const std::string& lock, const std::string& owner) const;
  void Join(NodeTime now, const std::string& lock, const std::string& owner, Duration ttl);
  // Whether the owner shared it, and whether the lock is free by that.
  std::pair<bool, bool> Part(NodeTime now, const std::string& lock, const std::string& owner);
  NodeAnswer BreakShared(const Call& call, const BreakOp& op);
  void CallNext(const Call& call, const BreakOp& op, bool is_free);
  void HintToSharers(const AcquireOp& op, std::uint32_t place);
  Fence FloorOf(const Call& call, const std::string& lock) const;
  static Fence Latest(const Call& call, Fence stored);
  static NodeTime LifeOf(const Call& call, Fence fence);
  WantQueue::Publish PublisherOf(const std::string& lock);

  std::string run_id_;
  std::optional<Sentinel> sentinel_;
  std::string node_id_, set_;
  std::string witness_;  // and when it said that the clock has moved
  NodeTime witnessed_ = 0;
  std::string was_;  // the run that a daemon counted it as before it forgot
  struct Sighting {
    std::string run, instance;
    NodeTime heard;
  };
  std::map<std::string, Sighting> sightings_;  // of the other nodes, by their ids
  std::map<std::string, Key> keys_;
  // Of each lock that is shared: who shares it, until when.
  std::map<std::string, std::map<std::string, NodeTime>> shares_;
  std::map<std::string, Stored> fences_;
  std::map<std::string, WantQueue> wants_;
  std::vector<Published> published_;
};

// TIME of a node whose clock is right, at Time 0.
inline constexpr NodeTime kNodeEpoch = 1'700'000'000'000'000;

}  // namespace redlockd::engine
