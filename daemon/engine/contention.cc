#include "daemon/engine/contention.h"

#include <algorithm>
#include <chrono>

#include "daemon/engine/owner_value.h"

namespace redlockd::engine {
namespace {

// The back-off doubles this often: to 16 round trips (rule E7).
constexpr unsigned kMaxDoublings = 4;
constexpr Duration kAfterExpiry = std::chrono::milliseconds(2);  // rule C11

}  // namespace

Contention::Contention(const Timing& timing, Agenda& agenda, Observer& observer)
    : timing_(timing),
      want_(timing),
      attempt_alarm_(agenda, [&observer](Time) { observer.Touch(); }),
      cooldown_alarm_(agenda, [&observer](Time) { observer.Touch(); }),
      release_alarm_(agenda, [&observer](Time) { observer.Touch(); }),
      quorum_alarm_(agenda, [&observer](Time now) { observer.OnOutOfPatience(now); }) {}

bool Contention::OnFreed(NodeIndex node, std::size_t majority) {
  freed_.set(node);
  return freed_.count() >= majority;
}

Duration Contention::OnFailed(Time now, bool reached, const Ballot* ballot, const Demand& demand,
                              const Odds& odds) {
  if (reached) {
    OnQuorum();
  } else if (!no_quorum_since_) {
    no_quorum_since_ = now;
  }
  failures_ = ballot ? ballot->Failures() : NodeFailures();
  // A node that voted for this attempt is free for this daemon, and publishes no hint of it.
  if (ballot) freed_ |= ballot->Voted();
  want_.OnRoundFailed(now, reached, ballot && ballot->OnlyQueue());
  return UntilNext(now, reached, ballot, demand, odds);
}

// A holder in sight is waited for (rule C11); votes that were split are fought for again at once,
// at odds that grow (rule E7), until it looks as if there were a holder after all.
Duration Contention::UntilNext(Time now, bool reached, const Ballot* ballot, const Demand& demand,
                               const Odds& odds) {
  const std::string holder = reached ? ballot->Holder() : "";
  const bool is_split = reached && holder.empty();
  const bool in_haste = demand.tries > 0 || demand.first_in_haste;
  if (!is_split && demand.tries > 0) {
    splits_ = 0;
    // A lease of another daemon may have no holder: it knows now that the lock is wanted, and lets
    // go of it at once.
    if (ParseOwnerValue(holder)) {
      return std::max<Duration>(std::chrono::milliseconds(1), now - demand.first_try_since);
    }
    if (demand.first_is_try) return timing_.TryPatience(odds.round_trip);
  }
  const Duration interval = timing_.retry_interval;
  const auto jitter = static_cast<std::uint64_t>(interval.count());
  const Duration poll = interval / 2 + Duration(odds.random.Below(jitter));
  if (!reached) return poll;
  // It was let go while this round was under way.
  if (freed_.count() >= Majority(odds.nodes)) return Duration(0);
  // Where the queue alone refuses, on all nodes, it is the turn of another, who hears of it.
  const bool others_turn = ballot->OnlyQueue() && ballot->Votes() == 0;
  if (is_split && (in_haste || (!others_turn && splits_ <= kMaxDoublings))) {
    return AfterSplit(in_haste, odds);
  }
  splits_ = 0;
  return std::min(poll, ballot->ShortestLeft().value_or(poll) + kAfterExpiry);
}

Duration Contention::AfterSplit(bool in_haste, const Odds& odds) {
  const auto most = static_cast<std::uint64_t>(odds.round_trip.count())
                    << std::min(splits_++, kMaxDoublings);
  const Duration delay(odds.random.Below(most));
  // Its entry is to stay fresh, and its last round is to come soon (rule E10).
  return in_haste ? std::min(delay, timing_.TryPatience(odds.round_trip) / 4) : delay;
}

void Contention::OnQuorum() {
  no_quorum_since_.reset();
  quorum_alarm_.Clear();
}

void Contention::Stop() {
  attempt_alarm_.Clear();
  OnQuorum();
  splits_ = 0;
}

}  // namespace redlockd::engine
