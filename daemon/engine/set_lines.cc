#include "daemon/engine/set_lines.h"

#include <algorithm>

#include "base/check.h"

namespace redlockd::engine {

SetLines::SetLines(Shared& shared, SetInLine& set, const LockRequested& request,
                   const std::vector<Lock*>& locks, Time now)
    : shared_(shared) {
  places_.reserve(locks.size());
  for (Lock* lock : locks) places_.emplace_back(shared, *lock, set, request, now);
}

std::vector<std::string> SetLines::Names() const {
  std::vector<std::string> names;
  for (const SetPlace& place : places_) names.push_back(place.name());
  return names;
}

std::vector<SetPlace*> SetLines::InLine() {
  std::vector<SetPlace*> in_line;
  for (SetPlace& place : places_) {
    if (!place.IsAside()) in_line.push_back(&place);
  }
  return in_line;
}

// --- what is in the way -------------------------------------------------------------------------

const SetPlace* SetLines::Blocked() const {
  for (const SetPlace& place : places_) {
    if (!place.IsAside() && !place.Obstacle().empty()) return &place;
  }
  return nullptr;
}

bool SetLines::MeetsHere() const {
  return std::any_of(places_.begin(), places_.end(),
                     [](const SetPlace& place) { return place.MeetsHere(); });
}

bool SetLines::LookHere(Time now) {
  CHECK(!aside_);
  if (!Blocked()) {
    for (SetPlace& place : places_) place.NothingHere();
    return false;
  }
  for (SetPlace& place : places_) place.LookHere(now);
  LetGoFree(now);
  return true;
}

bool SetLines::IsHeldBack() const {
  return std::any_of(places_.begin(), places_.end(), [](const SetPlace& place) {
    return !place.IsAside() && place.acquisition().IsHeldBack();
  });
}

bool SetLines::MayHandOn(Time now, Duration ttl) const {
  return std::all_of(places_.begin(), places_.end(), [&](const SetPlace& place) {
    return place.way() == SetPlace::Way::kFree && place.MayHandOn(now, ttl);
  });
}

void SetLines::LetGoFree(Time now) {
  for (SetPlace& place : places_) {
    if (place.way() == SetPlace::Way::kFree) place.LetGo(now);
  }
}

// --- standing aside -----------------------------------------------------------------------------

std::optional<std::size_t> SetLines::MetForLong(Time now) const {
  for (std::size_t i = 0; i < places_.size(); ++i) {
    const auto since = places_[i].met_since();
    if (since && now >= *since + shared_.options.timing.tenure_max) return i;
  }
  return std::nullopt;
}

std::optional<Time> SetLines::NextForLong() const {
  std::optional<Time> first;
  for (const SetPlace& place : places_) {
    const auto since = place.met_since();
    if (since) first = std::min(*since, first.value_or(*since));
  }
  return first ? std::optional(*first + shared_.options.timing.tenure_max) : std::nullopt;
}

void SetLines::StandAside(Time now, std::size_t place, NodeSet entries) {
  CHECK(!aside_);
  for (std::size_t i = 0; i < places_.size(); ++i) {
    if (i == place) continue;
    places_[i].StepAside();
    places_[i].LeaveQueue(now, entries, places_.front().name());
  }
  aside_ = place;
}

void SetLines::ComeBack() {
  CHECK(aside_);
  for (SetPlace& place : places_) {
    if (place.IsAside()) place.ComeBack();
    place.Forget();
  }
  aside_.reset();
}

// --- the end ------------------------------------------------------------------------------------

void SetLines::Leave(SessionId session) {
  for (SetPlace& place : places_) {
    place.Leave();
    shared_.sessions.Remove(session, place.name());
  }
}

void SetLines::LeaveQueues(Time now, NodeSet entries) const {
  const std::string& link = places_[aside_.value_or(0)].name();
  for (std::size_t i = 0; i < places_.size(); ++i) {
    if (aside_.value_or(i) == i) places_[i].LeaveQueue(now, entries, link);
  }
}

}  // namespace redlockd::engine
