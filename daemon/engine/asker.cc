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

// A lock has a part where it is answered for; what the answer says of other locks it does not say yet.
JointAnswer::JointAnswer(const record::Joint& former) : JointAnswer(former.locks) {
  for (const record::Part& part : former.parts) {
    const auto whole = part.has_failed ? Take(Failed{.failure = Failure::kNoQuorum,
                                                     .name = part.lock,
                                                     .fence = part.fence,
                                                     .text = part.text})
                                       : Take(Released{part.lock, part.fence, part.kept});
    CHECK(!whole);
  }
}

record::Joint JointAnswer::Save() const {
  record::Joint joint{.locks = locks_};
  for (const auto& part : parts_) {
    if (!part) continue;
    record::Part& saved = joint.parts.emplace_back();
    saved.lock = LockOf(*part);
    saved.fence = FenceOf(*part);
    if (const auto* released = std::get_if<Released>(&*part)) {
      saved.kept = released->kept;
    } else {
      saved.has_failed = true;
      saved.text = std::get<Failed>(*part).text;
    }
  }
  return joint;
}

record::Asker Asker::Save() const {
  return {.session = session,
          .request = request,
          .fence = fence,
          .joint = joint ? std::optional(joint->Save()) : std::nullopt};
}

std::optional<Asker> FormerAskers::Restore(const std::optional<record::Asker>& former) {
  if (!former) return std::nullopt;
  Asker asker{former->session, former->request, former->fence};
  if (former->joint) {
    auto& joint = joint_[{former->session, former->request}];
    if (!joint) joint = std::make_shared<JointAnswer>(*former->joint);
    asker.joint = joint;
  }
  return asker;
}

void Asker::Reply(Outbox& outbox, Answer answer) const {
  if (!joint) return outbox.Reply(session, request, std::move(answer));
  if (auto whole = joint->Take(std::move(answer))) {
    outbox.Reply(session, request, std::move(*whole));
  }
}

}  // namespace redlockd::engine
