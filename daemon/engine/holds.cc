#include "daemon/engine/holds.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace redlockd::engine {

const std::string& Holds::name() const { return First().lock(); }

void Holds::ForEachHolder(const Visit& visit) const {
  const auto goes_on = [&visit](const Hold& hold) {
    return hold.task() == TaskId() || visit(hold.task());
  };
  if (!first_ || !goes_on(*first_) || !others_) return;
  for (const auto& [session, hold] : *others_) {
    if (!goes_on(*hold)) return;
  }
}

Hold* Holds::Find(SessionId session) const {
  if (first_ && first_->session() == session) return first_.get();
  if (!others_) return nullptr;
  const auto found = others_->find(session);
  return found == others_->end() ? nullptr : found->second.get();
}

Hold* Holds::WithFence(Fence fence) const {
  Hold* found = nullptr;
  ForEach([&](Hold& hold) {
    if (!found && hold.fence() == fence) found = &hold;
  });
  return found;
}

Hold& Holds::First() const {
  CHECK(first_);
  return *first_;
}

void Holds::LetGo(Time now, const Hold& hold) {
  Claim& claim = hold.claim();
  End(hold);
  Time announced = claim.owed();
  ForEach([&](const Hold& other) { announced = std::max(announced, other.Announced()); });
  claim.schedule().SetAnnounced(announced);
  Plan(now);
}

bool Holds::CanGain() const {
  bool can_gain = false;
  ForEach([&](const Hold& hold) { can_gain |= hold.CanGain(); });
  return can_gain;
}

void Holds::MoveDeadlines(Time now) const {
  ForEach([now](Hold& hold) { hold.MoveDeadline(now); });
  if (others_) Plan(now);
}

void Holds::Plan(Time now) const {
  Time end = Time::max();
  ForEach([&](const Hold& hold) { end = std::min(end, hold.deadline()); });
  First().claim().PlanHolds(now, end, CanGain());
}

Hold& Holds::Add(std::unique_ptr<Hold> hold) {
  CHECK(!Find(hold->session()));
  if (!first_) {
    first_ = std::move(hold);
    return *first_;
  }
  if (!others_) others_ = std::make_unique<std::map<SessionId, std::unique_ptr<Hold>>>();
  return *others_->emplace(hold->session(), std::move(hold)).first->second;
}

void Holds::End(const Hold& hold) {
  CHECK(Find(hold.session()) == &hold);
  if (&hold != first_.get()) {
    others_->erase(hold.session());
  } else if (others_) {
    first_ = std::move(others_->begin()->second);
    others_->erase(others_->begin());
  } else {
    first_.reset();
  }
  if (others_ && others_->empty()) others_.reset();
}

}  // namespace redlockd::engine
