#include "daemon/engine/set_table.h"

#include <set>
#include <string>

#include "base/check.h"

namespace redlockd::engine {
namespace {

std::vector<std::string> NamesOf(const LockRequested& request) {
  std::vector<std::string> names{request.name};
  names.insert(names.end(), request.also.begin(), request.also.end());
  CHECK(names.size() <= kMostNames);
  CHECK(std::set<std::string>(names.begin(), names.end()).size() == names.size());
  return names;
}

// What a claim was answered, for its lock at that place, as if the node had been asked for that alone.
NodeAnswer AnswerFor(const NodeAnswer& answer, std::size_t place) {
  NodeAnswer of = place < answer.names.size() ? answer.names[place] : answer;
  of.names.clear();
  of.node = answer.node;
  of.ticket = answer.ticket;
  of.ticket.kind = Ticket::Kind::kAttempt;
  of.ticket.subject += place;
  return of;
}

}  // namespace

// --- sessions -----------------------------------------------------------------------------------

void SetTable::Request(Time now, const LockRequested& request) {
  const std::vector<std::string> names = NamesOf(request);
  for (const std::string& name : names) {
    const Lock* lock = locks_.Find(name);
    const auto why = lock ? SetPlace::WhyNotNow(*lock, now) : std::nullopt;
    if (!why) continue;
    // A try of several does not stand in line; nor does one whose client will hear of it no more than once.
    if (request.wait == Duration(0)) {
      return shared_.requests.Refuse(request.session, request.request,
                                     {.failure = Failure::kBusy, .name = name, .text = *why});
    }
    if (auto quota = shared_.quotas.WhyNoWait(name)) {
      return shared_.requests.Refuse(
          request.session, request.request,
          {.failure = Failure::kLimit, .name = name, .text = std::move(*quota)});
    }
    if (shared_.sessions.InputEnded(request.session)) {
      return shared_.requests.Refuse(
          request.session, request.request,
          {.failure = Failure::kCancelled, .name = request.name, .text = kHalfClosed});
    }
  }
  std::vector<Lock*> locks;
  for (const std::string& name : names) locks.push_back(&locks_.FindOrMake(name));
  LockSet::Registry& registry = *this;
  auto& set = sets_[{request.session, request.request}];
  CHECK(!set);
  set = std::make_unique<LockSet>(shared_, registry, request, ++last_, locks, now);
  if (request.wait != Duration(0)) TaskHasMore(request.task);
}

bool SetTable::Cancel(SessionId session, RequestId request) {
  const auto set = sets_.find({session, request});
  return set != sets_.end() && set->second->Cancel();
}

void SetTable::OnInputEnded(Time now, SessionId session) {
  for (auto at = sets_.lower_bound({session, 0}); at != sets_.end() && at->first.first == session;
       ++at) {
    at->second->OnInputEnded(now);
  }
}

void SetTable::OnSessionClosed(SessionId session) {
  for (auto at = sets_.lower_bound({session, 0}); at != sets_.end() && at->first.first == session;
       ++at) {
    at->second->OnSessionClosed();
  }
}

// --- nodes --------------------------------------------------------------------------------------

void SetTable::Asked(AttemptNumber attempt, std::size_t names, NodeSet nodes, LockSet& set) {
  if (nodes.none()) return;
  Claim& claim = claims_.try_emplace(attempt, Claim{&set, names}).first->second;
  claim.unheard += nodes.count();
}

void SetTable::AttemptEnded(AttemptNumber attempt) {
  const auto claim = claims_.find(attempt);
  if (claim != claims_.end()) claim->second.set = nullptr;
  ForgetHeard(attempt);
}

void SetTable::ForgetHeard(AttemptNumber attempt) {
  const auto claim = claims_.find(attempt);
  if (claim == claims_.end() || claim->second.set || claim->second.unheard > 0) return;
  claims_.erase(claim);
}

void SetTable::OnAnswer(Time now, const NodeAnswer& answer) {
  const AttemptNumber attempt = answer.ticket.subject;
  const auto claim = claims_.find(attempt);
  CHECK(claim != claims_.end() && claim->second.unheard > 0);
  --claim->second.unheard;
  for (std::size_t i = 0; i < claim->second.names; ++i) {
    if (Lock* lock = locks_.OfAttempt(attempt + i)) lock->OnAnswer(now, AnswerFor(answer, i));
  }
  if (claim->second.set) claim->second.set->OnAnswer(now, {}, answer);
  ForgetHeard(attempt);
}

void SetTable::OnSilence(Time now, const NodeSilence& silence) {
  const AttemptNumber attempt = silence.ticket.subject;
  const auto claim = claims_.find(attempt);
  CHECK(claim != claims_.end() && claim->second.unheard > 0);
  if (silence.gone) --claim->second.unheard;
  for (std::size_t i = 0; i < claim->second.names; ++i) {
    Lock* lock = locks_.OfAttempt(attempt + i);
    if (!lock) continue;
    NodeSilence of = silence;
    of.ticket.kind = Ticket::Kind::kAttempt;
    of.ticket.subject += i;
    lock->OnSilence(now, of);
  }
  if (claim->second.set) claim->second.set->OnSilence(now, {}, silence);
  ForgetHeard(attempt);
}

void SetTable::OnVotersChanged(Time now, bool gained) {
  for (const auto& [key, set] : sets_) set->acquisition().OnVotersChanged(now, gained);
}

void SetTable::OnSubscribed(Time now, NodeIndex node, bool subscribed) {
  for (const auto& [key, set] : sets_) set->acquisition().OnSubscribed(now, node, subscribed);
}

// --- what follows -------------------------------------------------------------------------------

// One that touches itself again is to find its locks settled.
bool SetTable::SettleTouched(Time now) {
  const auto touched = std::exchange(touched_, {});
  for (LockSet* set : touched) set->Settle(now);
  return !touched.empty();
}

void SetTable::ForgetOver() {
  for (const Key& key : over_) sets_.erase(key);
  over_.clear();
}

}  // namespace redlockd::engine
