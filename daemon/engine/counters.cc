#include "daemon/engine/counters.h"

namespace redlockd::engine {
namespace {

using enum CounterRow::Kind;

template <auto Field>
constexpr CounterRow Row(std::string_view name, CounterRow::Kind kind, std::string_view help) {
  return {name, kind, help,
          [](const Counters& counters) -> std::uint64_t { return counters.*Field; }};
}

constexpr CounterRow kTable[] = {
    Row<&Counters::holds>("holds", kGauge, "locks held on this host"),
    Row<&Counters::waits>("waits", kGauge, "requests that wait for a lock"),
    Row<&Counters::kept>("kept", kGauge, "locks that stay taken after their hold, see `list`"),
    Row<&Counters::attempts>("attempts", kCounter, "attempts to get a lock from the nodes"),
    Row<&Counters::grants>("grants", kCounter, "locks given to clients"),
    Row<&Counters::one_round_grants>("one-round-grants", kCounter,
                                     "attempts that succeeded in their first round"),
    Row<&Counters::confirmed_grants>("confirmed-grants", kCounter,
                                     "attempts that succeeded in a later round"),
    Row<&Counters::handoffs>(
        "handoffs", kCounter,
        "grants of a lease that the host had already, from the holder before or lingering"),
    Row<&Counters::unlocks>("unlocks", kCounter, "holds that ended by `unlock`"),
    Row<&Counters::session_ends>("session-ends", kCounter,
                                 "holds that ended because their session closed"),
    Row<&Counters::renewals>("renewals", kCounter,
                             "renewals of a lease that a majority of the nodes took"),
    Row<&Counters::heals>("heals", kCounter,
                          "nodes that missed or lost a lease and were given it again"),
    Row<&Counters::jeopardies>("jeopardies", kCounter, "times a hold came into danger"),
    Row<&Counters::lost>("lost", kCounter, "holds that ended without their client"),
    Row<&Counters::lost_expired>("lost-expired", kCounter,
                                 "holds that ended at the deadline of their lease"),
    Row<&Counters::lost_max_hold>("lost-max-hold", kCounter, "holds that ended at their max-hold"),
    Row<&Counters::lost_drain>("lost-drain", kCounter,
                               "holds that ended because the daemon stopped"),
    Row<&Counters::lost_broken>("lost-broken", kCounter,
                                "holds that ended because an administrator broke them"),
    Row<&Counters::busy>("busy", kCounter, "requests for a lock that failed with `busy`"),
    Row<&Counters::timeouts>("timeouts", kCounter,
                             "requests for a lock that failed with `timeout`"),
    Row<&Counters::no_turn>("no-turn", kCounter, "requests for a lock that failed with `no-turn`"),
    Row<&Counters::no_quorum>("no-quorum", kCounter,
                              "requests for a lock that failed with `no-quorum`"),
    Row<&Counters::split_votes>("split-votes", kCounter,
                                "attempts that failed because no host got a majority"),
    Row<&Counters::new_names>(
        "new-names", kCounter,
        "names that nobody on this host had asked for within `safety.fence_life`"),
};

}  // namespace

std::span<const CounterRow> CounterTable() { return kTable; }

}  // namespace redlockd::engine
