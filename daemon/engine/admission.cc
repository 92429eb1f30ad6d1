#include "daemon/engine/admission.h"

#include <utility>

namespace redlockd::engine {

std::optional<Failed> Admission::WhyNot(Time now, const LockRequested& request) {
  const auto because = [&](Failure failure, std::string text) {
    return Failed{.failure = failure, .name = request.name, .text = std::move(text)};
  };
  const Timing& timing = shared_.options.timing;
  const Duration ttl = request.ttl.value_or(timing.ttl);
  if (ttl < timing.MinTtl() || ttl > timing.max_ttl) {
    return because(Failure::kBadTtl, "expected a ttl of " + ToText(timing.MinTtl()) + " to " +
                                         ToText(timing.max_ttl) + ", found " + ToText(ttl));
  }
  if (shared_.draining) return because(Failure::kDraining, "the daemon is stopping");
  if (auto used = WhyUsed(request, request.name)) return used;
  for (const std::string& name : request.also) {
    if (auto used = WhyUsed(request, name)) return used;
  }
  if (auto limit = AtLimit(request)) return limit;
  if (auto limit = WhyNotNew(now, request, request.name)) return limit;
  for (const std::string& name : request.also) {
    if (auto limit = WhyNotNew(now, request, name)) return limit;
  }
  return std::nullopt;
}

// The session would wait for itself.
std::optional<Failed> Admission::WhyUsed(const LockRequested& request,
                                         const std::string& name) const {
  if (!shared_.sessions.Uses(request.session, name)) return std::nullopt;
  return Failed{.failure = Failure::kDeadlock,
                .name = name,
                .text = "this session already holds it or waits for it"};
}

std::optional<Failed> Admission::AtLimit(const LockRequested& request) {
  if (auto limit = shared_.sessions.AtLimit(request.session, 1 + request.also.size())) {
    return Failed{.failure = Failure::kLimit, .name = request.name, .text = std::move(*limit)};
  }
  // Each counts for those after it, as they may be of one rule.
  const auto name = [&](std::size_t place) -> const std::string& {
    return place == 0 ? request.name : request.also[place - 1];
  };
  std::optional<Failed> limit;
  std::size_t counted = 0;
  for (;; ++counted) {
    if (auto quota = shared_.quotas.WhyNoLock(name(counted))) {
      limit = Failed{.failure = Failure::kLimit, .name = name(counted), .text = std::move(*quota)};
      break;
    }
    if (counted == request.also.size()) break;
    shared_.quotas.Count(name(counted), 1, 0);
  }
  while (counted > 0) shared_.quotas.Count(name(--counted), -1, 0);
  return limit;
}

// Rule C14: the name counts as an old one, or the user may have one more. Last, when nothing else is
// against it.
std::optional<Failed> Admission::WhyNotNew(Time now, const LockRequested& request,
                                           const std::string& name) {
  const std::uint32_t uid = shared_.sessions.UidOf(request.session);
  auto limit = shared_.new_names.Admit(now, uid, name);
  shared_.counters.new_names = shared_.new_names.count();
  if (!limit) return std::nullopt;
  return Failed{.failure = Failure::kLimit, .name = name, .text = std::move(*limit)};
}

Failed Admission::NotHeld(SessionId session, const std::string& lock, std::optional<Fence> fence) {
  if (const auto loss = shared_.sessions.TakeLoss(session, lock, fence)) {
    return Failed{.failure = Failure::kLost,
                  .name = lock,
                  .fence = loss->fence,
                  .reason = loss->reason,
                  .text = "the hold ended before it was released"};
  }
  return Failed{.failure = Failure::kNotHeld, .name = lock, .text = "not held by this session"};
}

}  // namespace redlockd::engine
