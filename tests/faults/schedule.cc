#include "tests/faults/schedule.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <random>

namespace redlockd::test::faults {
namespace {

enum class Of { kNode, kProxy, kFilter, kDaemon, kClient };

struct Traits {
  Kind kind;
  std::string_view name;
  Of of;
  int weight;
  Duration shortest, longest;  // zero: it has no duration
};

constexpr Traits kTraits[] = {
    {Kind::kKillEmpty, "kill-empty", Of::kNode, 10, 50ms, 1500ms},
    {Kind::kKillKept, "kill-kept", Of::kNode, 6, 50ms, 1500ms},
    {Kind::kFlushAll, "flushall", Of::kNode, 5, 0s, 0s},
    {Kind::kHang, "hang", Of::kNode, 8, 50ms, 2500ms},
    {Kind::kPause, "client-pause", Of::kNode, 4, 50ms, 1500ms},
    {Kind::kDropClients, "client-kill", Of::kNode, 4, 0s, 0s},
    {Kind::kDropScripts, "script-flush", Of::kNode, 3, 0s, 0s},
    {Kind::kClockForward, "clock-forward", Of::kNode, 3, 0s, 0s},
    {Kind::kClockBack, "clock-back", Of::kNode, 3, 0s, 0s},
    {Kind::kClockFarBack, "clock-far-back", Of::kNode, 3, 300ms, 2500ms},
    {Kind::kClockDrift, "clock-drift", Of::kNode, 3, 2s, 8s},
    {Kind::kCut, "cut", Of::kProxy, 5, 0s, 0s},
    {Kind::kSlowRequests, "slow-requests", Of::kProxy, 5, 200ms, 3s},
    {Kind::kSlowReplies, "slow-replies", Of::kProxy, 5, 200ms, 3s},
    {Kind::kLoseRequests, "lose-requests", Of::kProxy, 6, 100ms, 3s},
    {Kind::kLoseReplies, "lose-replies", Of::kProxy, 6, 100ms, 3s},
    {Kind::kDrip, "drip", Of::kProxy, 3, 100ms, 2s},
    {Kind::kStall, "stall", Of::kProxy, 6, 100ms, 3s},
    {Kind::kDropRequests, "drop-requests", Of::kFilter, 12, 100ms, 4s},
    {Kind::kDropReplies, "drop-replies", Of::kFilter, 12, 100ms, 4s},
    {Kind::kDropBoth, "drop-both", Of::kFilter, 12, 100ms, 4s},
    {Kind::kRefuse, "refuse", Of::kFilter, 6, 100ms, 3s},
    {Kind::kLossy, "lossy", Of::kFilter, 6, 500ms, 4s},
    {Kind::kStopDaemon, "stop-daemon", Of::kDaemon, 9, 100ms, 4s},
    {Kind::kKillDaemon, "kill-daemon", Of::kDaemon, 5, 50ms, 1s},
    {Kind::kDrainDaemon, "drain-daemon", Of::kDaemon, 3, 50ms, 1s},
    {Kind::kStopClient, "stop-client", Of::kClient, 12, 100ms, 4s},
    {Kind::kKillClient, "kill-client", Of::kClient, 8, 0s, 0s},
};

const Traits& TraitsOf(Kind kind) {
  return *std::find_if(std::begin(kTraits), std::end(kTraits),
                       [kind](const Traits& traits) { return traits.kind == kind; });
}

class Maker {
 public:
  explicit Maker(const Plan& plan) : plan_(plan), random_(plan.seed) {}

  std::vector<Fault> Make() {
    for (Duration at = 500ms; at < plan_.lasts - 500ms; at += Gap()) {
      OneIn(12) ? AddAimed(at) : Add(at);
    }
    std::stable_sort(faults_.begin(), faults_.end(),
                     [](const Fault& a, const Fault& b) { return a.begin < b.begin; });
    return std::move(faults_);
  }

 private:
  // What stands in the way of more: until when it does.
  using Busy = std::map<std::pair<std::size_t, std::size_t>, Duration>;

  Duration Between(Duration least, Duration most) {
    return Duration(
        std::uniform_int_distribution<Duration::rep>(least.count(), most.count())(random_));
  }
  std::size_t Below(std::size_t bound) {
    return std::uniform_int_distribution<std::size_t>(0, bound - 1)(random_);
  }
  bool OneIn(std::size_t n) { return Below(n) == 0; }
  // Mostly a few at once; now and then a pause in which all is well.
  Duration Gap() { return OneIn(25) ? Between(2s, 4s) : Between(10ms, 350ms); }

  const Traits& Pick() {
    std::vector<int> weights;
    for (const Traits& traits : kTraits) {
      const bool none = traits.of == (plan_.packet_filter ? Of::kProxy : Of::kFilter);
      weights.push_back(none ? 0 : traits.weight);
    }
    return kTraits[std::discrete_distribution<std::size_t>(weights.begin(),
                                                           weights.end())(random_)];
  }

  void Add(Duration at) {
    const Traits& traits = Pick();
    const Duration longest = std::min(traits.longest, plan_.lasts - at);
    if (longest < traits.shortest) return;
    // Short ones are the more frequent.
    const Duration most = traits.shortest + (longest - traits.shortest) / (OneIn(2) ? 4 : 1);
    Fault fault{.kind = traits.kind, .begin = at, .end = at + Between(traits.shortest, most)};
    if (traits.of == Of::kNode) fault.target = Below(plan_.nodes);
    const bool allowed = traits.of == Of::kNode     ? OfNode(fault)
                         : traits.of == Of::kDaemon ? OfDaemon(fault)
                         : traits.of == Of::kClient ? OfClient(fault)
                                                    : OfLinks(fault);
    if (allowed) faults_.push_back(std::move(fault));
  }

  // A daemon is cut off from some nodes, so that its locks hang on the others; then one of those
  // forgets them. Now only its quarantine keeps another daemon from taking them.
  void AddAimed(Duration at) {
    const Kind kind = plan_.packet_filter ? Kind::kDropBoth : Kind::kStall;
    Fault cut{.kind = kind, .begin = at, .end = at + Between(3s, 6s)};
    Fault loss{.kind = OneIn(2) ? Kind::kFlushAll : Kind::kKillEmpty};
    loss.begin = loss.end = at + Between(1s, 2s);
    if (loss.kind == Kind::kKillEmpty) loss.end += Between(50ms, 400ms);
    if (cut.end > plan_.lasts) return;
    const std::size_t daemon = Below(plan_.daemons), first = Below(plan_.nodes);
    const std::size_t nodes = plan_.nodes / 2;
    for (std::size_t i = 0; i < nodes; ++i) AddLink(cut, {daemon, (first + i) % plan_.nodes});
    loss.target = (first + nodes) % plan_.nodes;
    if (cut.links.size() < nodes || !OfNode(loss)) return;
    for (const Link& link : cut.links) Take(links_, {link.daemon, link.node}, cut);
    faults_.push_back(std::move(cut));
    faults_.push_back(std::move(loss));
  }

  bool OfNode(Fault& fault) {
    if (!Free(nodes_, {fault.target, 0}, fault)) return false;
    if (TakesMemory(fault.kind)) {
      const auto lost = static_cast<std::size_t>(
          std::count_if(votes_again_.begin(), votes_again_.end(),
                        [&](const auto& node) { return node.second > fault.begin; }));
      // Also of the same node: it may be in quarantine from the time before.
      if (lost >= (plan_.nodes - 1) / 2) return false;
      votes_again_[fault.target] = fault.end + kApart;
      if (fault.kind != Kind::kFlushAll) back_[fault.target] = 0s;  // a restart puts it right
      fault.empty = OneIn(2);
    }
    if (fault.kind == Kind::kClockForward) {
      if (fault.begin < may_step_[fault.target]) return false;
      may_step_[fault.target] = fault.begin + kApart;
      fault.amount = Between(200us, 1500us);
    } else if (fault.kind == Kind::kClockBack) {
      fault.amount = Between(1ms, 80ms);
      // With more than a quarter of a second behind the others it does not vote.
      if (back_[fault.target] + fault.amount > 160ms) return false;
      back_[fault.target] += fault.amount;
    } else if (fault.kind == Kind::kClockFarBack) {
      fault.amount = Between(300ms, 1700ms);
    } else if (fault.kind == Kind::kClockDrift) {
      fault.rate = OneIn(2) ? 0.0005 : -0.0005;
    }
    Take(nodes_, {fault.target, 0}, fault);
    return true;
  }

  bool OfDaemon(Fault& fault) {
    fault.target = Below(plan_.daemons);
    // One restarts at a time. Where all have forgotten which node is which, nobody can give a node
    // that has forgotten it too its id back (rule D8).
    const bool restarts = fault.kind != Kind::kStopDaemon;
    if (!Free(daemons_, {fault.target, 0}, fault)) return false;
    if (restarts && fault.begin < may_restart_) return false;
    if (restarts) may_restart_ = fault.end + kApart;
    Take(daemons_, {fault.target, 0}, fault);
    return true;
  }

  bool OfClient(Fault& fault) {
    fault.target = Below(plan_.clients);
    if (!Free(clients_, {fault.target, 0}, fault)) return false;
    Take(clients_, {fault.target, 0}, fault);
    return true;
  }

  // One daemon or all, one node or several or all: so a partition may be partial, and one-sided.
  bool OfLinks(Fault& fault) {
    const std::size_t daemon = Below(plan_.daemons);
    const bool all_daemons = OneIn(6);
    std::size_t nodes = OneIn(6) ? plan_.nodes : 1 + Below(plan_.nodes / 2 + (OneIn(4) ? 1 : 0));
    // One daemon without a minority can live so for long.
    if (!all_daemons && nodes <= plan_.nodes / 2 && fault.end > fault.begin) {
      fault.end = std::min(fault.end + Between(0s, 6s), plan_.lasts);
    }
    const std::size_t first = Below(plan_.nodes);
    for (; nodes > 0; --nodes) {
      for (std::size_t d = 0; d < plan_.daemons; ++d) {
        if (all_daemons || d == daemon) AddLink(fault, {d, (first + nodes) % plan_.nodes});
      }
    }
    for (const Link& link : fault.links) Take(links_, {link.daemon, link.node}, fault);
    fault.amount = fault.kind == Kind::kDrip ? Between(500us, 3ms) : Between(5ms, 300ms);
    return !fault.links.empty();
  }

  // Unless it has another fault.
  void AddLink(Fault& fault, const Link& link) const {
    if (Free(links_, {link.daemon, link.node}, fault)) fault.links.push_back(link);
  }

  static bool Free(const Busy& busy, const Busy::key_type& target, const Fault& fault) {
    const auto found = busy.find(target);
    return found == busy.end() || found->second < fault.begin;
  }
  static void Take(Busy& busy, const Busy::key_type& target, const Fault& fault) {
    busy[target] = fault.end + 100ms;
  }

  const Plan& plan_;
  std::mt19937_64 random_;
  std::vector<Fault> faults_;
  Busy nodes_, daemons_, clients_, links_;
  std::map<std::size_t, Duration> votes_again_, may_step_, back_;  // by node
  Duration may_restart_{};
};

}  // namespace

std::string_view Name(Kind kind) { return TraitsOf(kind).name; }
bool IsOfNode(Kind kind) { return TraitsOf(kind).of == Of::kNode; }
bool IsOfLinks(Kind kind) {
  return TraitsOf(kind).of == Of::kProxy || TraitsOf(kind).of == Of::kFilter;
}
bool IsOfDaemon(Kind kind) { return TraitsOf(kind).of == Of::kDaemon; }
bool TakesMemory(Kind kind) {
  return kind == Kind::kKillEmpty || kind == Kind::kKillKept || kind == Kind::kFlushAll ||
         kind == Kind::kClockFarBack;
}

std::vector<Fault> MakeSchedule(const Plan& plan) { return Maker(plan).Make(); }

}  // namespace redlockd::test::faults
