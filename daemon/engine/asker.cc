#include "daemon/engine/asker.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace redlockd::engine {
namespace {

const std::string& LockOf(const Answer& answer) {
  const auto* released = std::get_if<Released>(&answer);
  return released ? released->name : std::get<Failed>(answer).name;
}

Fence FenceOf(const Answer& answer) {
  const auto* released = std::get_if<Released>(&answer);
  return released ? released->fence : std::get<Failed>(answer).fence;
}

}  // namespace

std::optional<Answer> JointAnswer::Take(Answer part) {
  const auto lock = std::find(locks_.begin(), locks_.end(), LockOf(part));
  CHECK(lock != locks_.end());
  auto& place = parts_[static_cast<std::size_t>(lock - locks_.begin())];
  CHECK(!place);
  place = std::move(part);
  if (!std::all_of(parts_.begin(), parts_.end(), [](const auto& p) { return p.has_value(); })) {
    return std::nullopt;
  }
  for (const auto& p : parts_) {
    const auto* failed = std::get_if<Failed>(&*p);
    if (failed == nullptr) continue;
    Failed whole = *failed;
    for (const auto& other : parts_) {
      if (&other != &p) whole.also.push_back({.name = LockOf(*other), .fence = FenceOf(*other)});
    }
    return whole;
  }
  Released whole = std::get<Released>(*parts_.front());
  for (auto p = parts_.begin() + 1; p != parts_.end(); ++p) {
    const auto& other = std::get<Released>(**p);
    whole.also.push_back({.name = other.name, .fence = other.fence, .kept = other.kept});
  }
  return whole;
}

void Asker::Reply(Outbox& outbox, Answer answer) const {
  if (!joint) return outbox.Reply(session, request, std::move(answer));
  if (auto whole = joint->Take(std::move(answer))) {
    outbox.Reply(session, request, std::move(*whole));
  }
}

}  // namespace redlockd::engine
