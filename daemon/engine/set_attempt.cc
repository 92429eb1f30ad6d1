#include "daemon/engine/set_attempt.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "daemon/engine/owner_value.h"
#include "daemon/engine/rounds.h"

namespace redlockd::engine {

SetAttempt::SetAttempt(Shared& shared, std::vector<SetPlace*> places, Duration ttl,
                       AttemptGate::Pass pass)
    : shared_(shared), places_(std::move(places)), owners_(places_.size()) {
  CHECK(!places_.empty());
  for (SetPlace* place : places_) {
    place->Begin(ttl, places_.front()->name());
    attempts_.emplace_back(std::move(pass));  // the first has it
  }
  number_ = places_.front()->claim().lease()->attempt();
}

// --- asking -------------------------------------------------------------------------------------

// Rule G4: one stamp for all names, later than what was seen in the queue of any, and than those of this daemon's
// sets before.
void SetAttempt::Learn(Want& want, Stamp clock) const {
  want.OnSeen(shared_.last_set_stamp, clock);
  for (const SetPlace* place : places_) {
    const Contention* of_lock = place->acquisition().contention();
    if (of_lock) want.OnSeen(of_lock->want().greatest(), clock);
  }
}

NodeSet SetAttempt::AskForAll(Time now, Contention& contention, const Demand& demand) {
  const NodeSet voters = shared_.nodes.Voters();
  const Stamp clock = shared_.Clock(now);
  Want& want = contention.want();
  Learn(want, clock);
  const Queueing queueing = Rounds::QueueingOf(now, clock, want, demand, false);
  shared_.last_set_stamp = std::max(shared_.last_set_stamp, want.stamp());
  ClaimOp claim{.names = {},
                .ttl = places_.front()->claim().lease()->ttl(),
                .queueing = queueing,
                .stamp = want.stamp(),
                .grace = shared_.Grace(),
                .most_life = Rounds::MostLife(queueing, demand, shared_)};
  for (std::size_t i = 0; i < places_.size(); ++i) {
    const Claim& of = places_[i]->claim();
    const Fence proposal = of.fences().Proposal(clock);
    const Duration linger = shared_.options.linger.Of(of.lock());
    const bool is_to_be_handed_off = linger > Duration(0) || places_[i]->WaitersInLine() > 1;
    if (attempts_[i].first_rounds() == 0 && is_to_be_handed_off) {
      attempts_[i].AskForBlock(FenceBlock::SizeFrom(clock, proposal, shared_.options.timing));
    }
    of.lease()->BeginRound(now);
    of.lease()->AskedToTake(voters);
    attempts_[i].BeginFirstRound(now, shared_.options.nodes, voters);
    claim.names.push_back({.lock = of.lock(),
                           .owner = shared_.OwnerOf(of.lease()->attempt()),
                           .proposal = proposal,
                           .block = attempts_[i].block()});
  }
  owners_.assign(places_.size(), {});
  refused_.clear();
  contention.OnRound();
  want.OnAsked(voters, queueing);
  const std::uint32_t round = places_.front()->claim().lease()->round();
  shared_.outbox.Ask(voters, Ticket{Ticket::Kind::kClaim, round, number_, now}, std::move(claim));
  return voters;
}

// All are confirmed, also those whose fence is agreed on: that is the one which is confirmed then.
void SetAttempt::AskToConfirm(Time now) {
  const NodeSet voters = shared_.nodes.Voters();
  for (std::size_t i = 0; i < places_.size(); ++i) {
    attempts_[i].BeginConfirmRound(shared_.options.nodes, voters);
    places_[i]->claim().AskToConfirm(now, voters, attempts_[i].confirmed(), attempts_[i].block());
  }
}

void SetAttempt::Stand(Time now, Contention& contention) {
  CHECK(places_.size() == 1);
  const NodeSet voters = shared_.nodes.Voters();
  const Stamp clock = shared_.Clock(now);
  Learn(contention.want(), clock);
  const Queueing queueing = contention.want().NextStand(clock);
  shared_.last_set_stamp = std::max(shared_.last_set_stamp, contention.want().stamp());
  Claim& claim = places_.front()->claim();
  claim.lease()->BeginRound(now);
  attempts_.front().BeginStand(now, shared_.options.nodes, voters);
  contention.OnRound();
  contention.want().OnAsked(voters, queueing);
  claim.AskToTake(now, voters,
                  {.purpose = Ticket::Kind::kStand,
                   .proposal = 0,
                   .block = 1,
                   .queueing = queueing,
                   .stamp = contention.want().stamp(),
                   .grace = shared_.Grace()});
}

// --- hearing ------------------------------------------------------------------------------------

bool SetAttempt::IsNewest(const Ticket& ticket) const {
  const bool is_of_this = ticket.kind == Ticket::Kind::kClaim
                              ? Ticket::Kind::kAttempt == attempts_.front().asks()
                              : ticket.kind == attempts_.front().asks();
  return is_of_this && ticket.round == places_.front()->claim().lease()->round();
}

std::size_t SetAttempt::PlaceOf(const std::string& lock) const {
  const auto at = std::find_if(places_.begin(), places_.end(),
                               [&lock](const SetPlace* place) { return place->name() == lock; });
  CHECK(at != places_.end());
  return static_cast<std::size_t>(at - places_.begin());
}

bool SetAttempt::OnAnswer(const std::string& lock, const NodeAnswer& answer) {
  if (!IsNewest(answer.ticket)) return false;
  const bool votes = shared_.nodes.Votes(answer.node);
  if (answer.ticket.kind != Ticket::Kind::kClaim) {
    const std::size_t place = PlaceOf(lock);
    if (answer.verdict == Verdict::kBusy) owners_[place][answer.node] = answer.text;
    attempts_[place].OnAnswer(answer, votes);
    return true;
  }
  if (answer.verdict != Verdict::kOk) NoteRefusal(answer);
  for (std::size_t i = 0; i < places_.size(); ++i) {
    // Where one is refused none is taken: the node has voted for none.
    if (answer.verdict != Verdict::kOk) {
      attempts_[i].OnAnswer(answer, votes);
    } else {
      CHECK(answer.names.size() == places_.size());
      NodeAnswer of = answer.names[i];
      of.node = answer.node;
      attempts_[i].OnAnswer(of, votes);
    }
  }
  return true;
}

void SetAttempt::NoteRefusal(const NodeAnswer& answer) {
  if (answer.names.size() != places_.size()) return;
  refused_[answer.node] = answer.which;
  // A key that this owner had of a round before may be there still where it is not this name that is refused.
  const bool is_first = attempts_.front().first_rounds() == 1;
  for (std::size_t i = 0; i < places_.size(); ++i) {
    const NodeAnswer& of = answer.names[i];
    const bool is_refused = of.verdict == Verdict::kBusy || of.verdict == Verdict::kNotTurn;
    if (is_refused || (is_first && of.verdict == Verdict::kTurn)) {
      places_[i]->claim().lease()->OnRefused(answer.node);
    }
    if (of.verdict != Verdict::kBusy) continue;
    owners_[i][answer.node] = of.text;
    if (IsOfPlainClient(of.text)) shared_.rests.MeetPlainClient(places_[i]->name());
  }
}

bool SetAttempt::OnSilence(const std::string& lock, const NodeSilence& silence) {
  if (!IsNewest(silence.ticket)) return false;
  if (silence.ticket.kind != Ticket::Kind::kClaim) {
    attempts_[PlaceOf(lock)].OnSilence(silence);
  } else {
    for (Attempt& attempt : attempts_) attempt.OnSilence(silence);
  }
  return true;
}

// --- what comes of it ---------------------------------------------------------------------------

Attempt::Result SetAttempt::Judge() const {
  using Result = Attempt::Result;
  std::map<Result, std::size_t> count;
  for (const Attempt& attempt : attempts_) ++count[attempt.Judge()];
  // What one has not got, none gets: nothing that the others may yet hear matters then.
  for (const Result result : {Result::kAgain, Result::kNoQuorum, Result::kRefused, Result::kOpen}) {
    if (count.contains(result)) return result;
  }
  return count.contains(Result::kConfirm) ? Result::kConfirm : count.begin()->first;
}

void SetAttempt::Win(Time now, const Want& want) {
  for (std::size_t i = 0; i < places_.size(); ++i) {
    places_[i]->Win(now, attempts_[i].ballot().Agreed(), attempts_[i].block(), want);
  }
}

std::string SetAttempt::HolderOf(std::size_t place) const {
  std::map<std::string, std::size_t> count;
  for (const auto& [node, owner] : owners_[place]) {
    if (++count[owner] >= shared_.majority()) return owner;
  }
  return {};
}

std::size_t SetAttempt::Refused() const {
  std::size_t first = places_.size();
  for (const auto& [node, place] : refused_) {
    if (!HolderOf(place).empty()) return place;
    first = std::min(first, place);
  }
  return first < places_.size() ? first : 0;
}

void SetAttempt::FailVotes(const std::string& why) {
  for (Attempt& attempt : attempts_) attempt.ballot().FailVotes(why);
}

}  // namespace redlockd::engine
