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
  if (shared_.sessions.Uses(request.session, request.name)) {
    return because(Failure::kDeadlock, "this session already holds it or waits for it");
  }
  if (auto limit = AtLimit(now, request)) return because(Failure::kLimit, std::move(*limit));
  return std::nullopt;
}

// The name is counted last, when nothing else is against it.
std::optional<std::string> Admission::AtLimit(Time now, const LockRequested& request) {
  if (auto limit = shared_.sessions.AtLimit(request.session)) return limit;
  if (auto quota = shared_.quotas.WhyNoLock(request.name)) return quota;
  const std::uint32_t uid = shared_.sessions.UidOf(request.session);
  auto limit = shared_.new_names.Admit(now, uid, request.name);
  shared_.counters.new_names = shared_.new_names.count();
  return limit;
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
