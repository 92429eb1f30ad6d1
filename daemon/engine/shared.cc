#include "daemon/engine/shared.h"

#include <utility>

#include "daemon/engine/owner_value.h"

namespace redlockd::engine {

Shared::Shared(EngineOptions o, Random& r, NodeTable::Observer& of_nodes,
               ReleaseTable::Observer& of_releases)
    : options(std::move(o)),
      random(r),
      nodes(options, random, agenda, outbox, of_nodes),
      quotas(options.limits.quotas),
      sessions(options.limits, quotas),
      gate(options.attempts),
      releases(nodes, sessions, agenda, outbox, of_releases),
      new_names(options.limits, quotas, options.timing.fence_life, random),
      rests(options.linger, options.timing),
      histograms(options.linger),
      requests(sessions, outbox, counters),
      watches(sessions, outbox) {}

std::string Shared::OwnerOf(AttemptNumber attempt) const {
  return OwnerValue(options.instance, attempt, options.host);
}

}  // namespace redlockd::engine
