#include "daemon/engine/contention.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "daemon/engine/owner_value.h"

namespace redlockd::engine {
namespace {

// The back-off doubles this often: to 16 round trips (rule E7).
constexpr unsigned kMaxDoublings = 4;
constexpr Duration kAfterExpiry = std::chrono::milliseconds(2);  // rule C11
// Those who wait come back to a node that had failed within this time, not all at once (rule E8.10).
constexpr Duration kHealSpread = std::chrono::seconds(1);

}  // namespace

Contention::Contention(const Timing& timing, Agenda& agenda, Observer& observer)
    : timing_(timing),
      want_(timing),
      attempt_alarm_(agenda, [&observer](Time) { observer.Touch(); }),
      cooldown_alarm_(agenda, [&observer](Time) { observer.Touch(); }),
      release_alarm_(agenda, [&observer](Time) { observer.Touch(); }),
      quorum_alarm_(agenda, [&observer](Time now) { observer.OnOutOfPatience(now); }),
      stamp_alarm_(agenda, [&observer](Time) { observer.Touch(); }) {}

void Contention::OnRound() {
  freed_.reset();
  is_called_ = false;
  come_by_.reset();
}

void Contention::OnCalled(Time now, NodeIndex node, std::size_t majority, Duration round_trip) {
  if (want_.StaysOut()) return;
  freed_.set(node);
  is_called_ = true;
  ComeAt(freed_.count() >= majority ? now : now + round_trip);
}

void Contention::ComeAt(Time at) {
  if (want_.StaysOut()) return;
  want_.OnCalled();
  if (BacksOff() && at < *attempt_alarm_.at()) attempt_alarm_.Set(at);
}

// A node says that it is this host's turn (rule E8.4); or that it would be its turn later: then one round
// trip more, when what the first one did is seen (rule E8.7).
void Contention::OnHint(Time now, const NodeHint& hint, std::size_t majority, Duration round_trip) {
  if (hint.kind == NodeHint::Kind::kFree) {
    OnCalled(now, hint.node, majority, round_trip);
  } else {
    ComeAt(now + hint.rest + round_trip);
  }
}

void Contention::OnVoterGained(Time now, Random& random) { ComeWithin(now, kHealSpread, random); }

// Without hints it is to be known as one that hears none, or it is passed over (rule E8.2). Who is far
// from its turn has time for that: a node may have lost all subscriptions at once.
void Contention::OnSubscribed(Time now, bool subscribed, Random& random) {
  const Duration lost = want_.IsNear() ? Duration(0) : timing_.FirstPoll();
  ComeWithin(now, subscribed ? kHealSpread : lost, random);
}

void Contention::ComeWithin(Time now, Duration spread, Random& random) {
  if (want_.Entries().none()) return;
  const Duration in(random.Below(static_cast<std::uint64_t>(spread.count()) + 1));
  // Several locks come together, so that they share a call (rule C16).
  const Time at = std::max(now, Timing::Together(now + in));
  if (!BacksOff()) {
    come_by_ = std::min(at, come_by_.value_or(at));
  } else if (at < *attempt_alarm_.at()) {
    attempt_alarm_.Set(at);
  }
}

Duration Contention::OnFailed(Time now, bool reached, const Ballot* ballot, const Demand& demand,
                              const Odds& odds) {
  if (reached) {
    OnQuorum();
  } else if (!no_quorum_since_) {
    no_quorum_since_ = now;
  }
  failures_ = ballot ? ballot->Failures() : NodeFailures();
  // A node that voted for this attempt, or would have, is free for this daemon and publishes no hint.
  if (ballot) freed_ |= ballot->Free();
  want_.OnRoundFailed(now, reached, ballot && ballot->OnlyQueue());
  const Duration next = UntilNext(now, reached, ballot, demand, odds);
  // Once: where no round can be made it would be due at once for as long as that lasts.
  const std::optional<Time> by = std::exchange(come_by_, std::nullopt);
  return by && reached ? std::min(next, std::max(*by - now, Duration(0))) : next;
}

// A holder in sight is waited for (rule C11); votes that were split are fought for again at once,
// at odds that grow (rule E7), until it looks as if there were a holder after all.
Duration Contention::UntilNext(Time now, bool reached, const Ballot* ballot, const Demand& demand,
                               const Odds& odds) {
  const std::string holder = reached ? ballot->Holder() : "";
  const bool is_split = reached && !odds.is_stand && holder.empty();
  const bool in_haste = demand.tries > 0 || demand.first_in_haste;
  if (!is_split && demand.tries > 0) {
    splits_ = 0;
    // A lease of another daemon may have no holder: it knows now that the lock is wanted, and lets
    // go of it at once.
    if (ParseOwnerValue(holder) || holder == kSharedValue) {
      return std::max<Duration>(std::chrono::milliseconds(1), now - demand.first_try_since);
    }
    if (demand.first_is_try) return timing_.TryPatience(odds.round_trip);
  }
  const Duration interval = reached ? want_.Interval(odds.hears) : timing_.retry_interval;
  const Duration half = interval / 2;
  const Duration poll =
      half + Duration(odds.random.Below(static_cast<std::uint64_t>(half.count())));
  if (!reached) return poll;
  // It was let go while this round was under way.
  if (freed_.count() >= Majority(odds.nodes)) return Duration(0);
  if (is_called_) return std::min(poll, odds.round_trip);
  // Where the queue alone refuses, on all nodes, it is the turn of another, who hears of it.
  const bool others_turn = ballot->OnlyQueue() && ballot->Votes() == 0;
  if (is_split && (in_haste || (!others_turn && splits_ <= kMaxDoublings))) {
    return AfterSplit(in_haste, odds);
  }
  splits_ = 0;
  if (!want_.IsNear()) return poll;
  const Duration left =
      std::min(ballot->ShortestLeft().value_or(poll), ballot->UntilTurn().value_or(poll));
  return std::min(poll, left + kAfterExpiry);
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

void Contention::Stop(Time now, Stamp clock) {
  attempt_alarm_.Clear();
  const Duration ahead = want_.UntilPassed(clock);
  if (ahead > Duration(0)) stamp_alarm_.Set(now + ahead);
  OnQuorum();
  splits_ = 0;
}

}  // namespace redlockd::engine
