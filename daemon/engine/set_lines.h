#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "daemon/engine/set_place.h"

namespace redlockd::engine {

// The places of a set at all of its locks, in the order asked: whether its turn has come in all their lines, and what
// is in its way; and the lines that pass it over while it stands aside (rules G2, G5). Asks no nodes, but to leave
// their queues.
class SetLines {
 public:
  // Enters all lines in one step. All outlive it, but for the request.
  SetLines(Shared& shared, SetInLine& set, const LockRequested& request,
           const std::vector<Lock*>& locks, Time now);

  std::size_t size() const { return places_.size(); }
  SetPlace& operator[](std::size_t place) { return places_[place]; }
  const SetPlace& front() const { return places_.front(); }
  std::vector<std::string> Names() const;
  // Those that it stands in line for.
  std::vector<SetPlace*> InLine();

  // The first of those where something on this host is in the way; null: none.
  const SetPlace* Blocked() const;
  // What it met last is on this host.
  bool MeetsHere() const;
  // Looks at what is in the way on this host, and returns whether there is something. Nothing is kept for one that
  // waits: a lease that nobody holds is let go then.
  bool LookHere(Time now);
  // Others come first, after a tenure or a release of one.
  bool IsHeldBack() const;
  // All of them are here, and may be handed on.
  bool MayHandOn(Time now, Duration ttl) const;
  void LetGoFree(Time now);

  // The place where it has met one and the same for too long; and when it will have, if that goes on.
  std::optional<std::size_t> MetForLong(Time now) const;
  std::optional<Time> NextForLong() const;
  // It is passed over, but for that place, and leaves the queues of the others: `entries` may have it.
  void StandAside(Time now, std::size_t place, NodeSet entries);
  void ComeBack();
  // The place that it waits for while it stands aside; null: it does not.
  const SetPlace* Aside() const { return aside_ ? &places_[*aside_] : nullptr; }

  // It does not wait any more.
  void Leave(SessionId session);
  void LeaveQueues(Time now, NodeSet entries) const;

 private:
  Shared& shared_;
  std::vector<SetPlace> places_;
  std::optional<std::size_t> aside_;
};

}  // namespace redlockd::engine
