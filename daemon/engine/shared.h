#pragma once

#include <cstddef>
#include <string>

#include "daemon/engine/agenda.h"
#include "daemon/engine/attempt_gate.h"
#include "daemon/engine/counters.h"
#include "daemon/engine/histograms.h"
#include "daemon/engine/new_names.h"
#include "daemon/engine/node_table.h"
#include "daemon/engine/options.h"
#include "daemon/engine/outbox.h"
#include "daemon/engine/random.h"
#include "daemon/engine/release_table.h"
#include "daemon/engine/renewal_spread.h"
#include "daemon/engine/requests.h"
#include "daemon/engine/rests.h"
#include "daemon/engine/rule_quotas.h"
#include "daemon/engine/session_table.h"
#include "daemon/engine/waits_for.h"
#include "daemon/engine/watches.h"

namespace redlockd::engine {

// What all locks of an engine share.
struct Shared {
  Shared(EngineOptions options, Random& random, NodeTable::Observer& of_nodes,
         ReleaseTable::Observer& of_releases);

  std::size_t majority() const { return Majority(options.nodes); }
  std::string OwnerOf(AttemptNumber attempt) const;
  // The time by the nodes' clocks; 0: no node is left to ask.
  Stamp Clock(Time now) const { return nodes.ClockOfSet(now).value_or(0); }
  // How long this host may take to come once it is called (rule E8.2).
  Duration Grace() const { return Timing::Grace(nodes.records().SlowTrip()); }
  // How long a try goes on while nobody may hold the lock (rule E10).
  Duration TryPatience() const { return options.timing.TryPatience(nodes.records().RoundTrip()); }

  EngineOptions options;  // Engine::Change changes them in place: read them at each use
  Random& random;
  Agenda agenda;
  Outbox outbox;
  NodeTable nodes;
  RuleQuotas quotas;
  SessionTable sessions;
  AttemptGate gate;  // outlives the passes that releases have
  ReleaseTable releases;
  RenewalSpread renewals;
  NewNames new_names;
  Rests rests;
  Counters counters;
  Histograms histograms;
  Requests requests;
  Watches watches;
  WaitsFor waits_for;
  bool draining = false;  // nothing is granted any more
  // Locks that are to be kept, but a majority has not promised that yet (rule I2).
  std::size_t unsecured = 0;
  AttemptNumber last_attempt = 0;
  Stamp last_set_stamp = 0;   // of a want of several locks (rule G4)
  std::size_t stand_ins = 0;  // in lines, for requests for several locks
};

}  // namespace redlockd::engine
