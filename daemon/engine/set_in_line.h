#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "daemon/engine/attempt_gate.h"
#include "daemon/engine/effects.h"
#include "daemon/engine/types.h"

namespace redlockd::engine {

// A request for several locks, as each of them and its line know it (rules G1, G2): it has a stand-in in the
// line of each, and takes them together when it is first in all. LockSet is one.
class SetInLine {
 public:
  virtual ~SetInLine() = default;

  // Of two, the one that came first has the lesser.
  virtual std::uint64_t number() const = 0;
  // Until when it waits.
  virtual std::optional<Time> until() const = 0;
  // Whether it gets its locks is being decided just now.
  virtual bool IsContended() const = 0;

  // Has it settled at the end of the event that is under way: something of its locks or lines has changed.
  virtual void Touch() = 0;
  // A lock was granted to its stand-in; its session hears of all of them together.
  virtual void OnGranted(Granted granted) = 0;
  // Its stand-in was taken out of the line of a lock without the lock: so it gets none.
  virtual void OnRefused(Failed failed) = 0;

  // What nodes say of one of its locks, while its attempt has that.
  virtual void OnAnswer(Time now, const std::string& lock, const NodeAnswer& answer) = 0;
  virtual void OnSilence(Time now, const std::string& lock, const NodeSilence& silence) = 0;
  // A node calls it, in the queue of a lock that it is first in line for.
  virtual void OnHint(Time now, const NodeHint& hint) = 0;
  // Of its attempt, which is over; once, and then null.
  virtual AttemptGate::Pass TakePass() = 0;
};

}  // namespace redlockd::engine
