#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "daemon/engine/effects.h"
#include "daemon/engine/events.h"
#include "daemon/engine/histograms.h"
#include "daemon/engine/options.h"
#include "daemon/engine/random.h"
#include "daemon/engine/state.h"
#include "daemon/engine/types.h"
#include "daemon/engine/views.h"

namespace redlockd::engine {

// The whole of redlockd's locking: which lock is held until when by whom, who waits, what the nodes
// are asked. Owns no socket, no clock, no thread, and does nothing by itself: one event in, effects
// out, the same for the same events, times and random numbers. Not thread-safe.
class Engine {
 public:
  // `random` outlives the engine. `former`: what the daemon's former process left, with which
  // WhyUnusable finds no fault, and whose instance is that of the options. Of the nodes it is known at
  // once; the rest is taken up by Resumed, before which no session opens.
  Engine(EngineOptions options, Random& random, std::unique_ptr<State> former = nullptr);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // Takes one event at time `now`, which never goes back, and appends what follows from it to
  // `effects`. Timers that are due by `now` run before the event, and those it set for now, after.
  void Step(Time now, const Event& event, Effects& effects);

  // From now on these count, in place of what the engine was made with. What is under way goes on: a
  // lease has the ttl that it has, and an alarm that is set rings at its time. Check(timing) finds no
  // fault, and what other daemons and leases rely on has not changed (MayFollow in timing.h).
  //
  // This is no event: nothing follows from it by itself, so it needs no time and has no effects, and
  // it would make each event as large as a list of rules.
  void Change(const Timing& timing, const Linger& linger, const Audit& audit, const Limits& limits);

  // What the next process is to know (rules H). Who saves it to hand it over steps this engine no
  // more; who finds that it cannot be handed over goes on.
  State Save(Time now) const;

  // When to Step with TimePassed at the latest, if nothing else happens before.
  std::optional<Time> NextDeadline() const;

  // After DrainRequested: nothing is held and no release is on its way any more, or the drain's
  // time is over. The process may end.
  bool Drained() const;

  // All false for one that there is not.
  SessionUse UseOf(SessionId session) const;
  std::size_t HoldCount() const;
  std::size_t WaitCount() const;
  // At most `most` rows, from `from` on. Takes time for these, and for the line that `from` is in up
  // to there.
  std::vector<RowView> Rows(Time now, const RowPlace& from, std::size_t most) const;
  std::vector<NodeView> Nodes(Time now) const;
  const Counters& counters() const;
  const Histograms& histograms() const;
  std::vector<QuotaView> Quotas() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace redlockd::engine
