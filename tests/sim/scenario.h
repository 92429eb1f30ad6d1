#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tests/sim/timeline.h"

namespace redlockd::sim {

// One thing that goes wrong. Which of the fields mean something depends on the kind: see the table
// in scenario.cc, which also has the words for the kinds.
struct Fault {
  enum class Kind : std::uint8_t {
    // A node's process.
    kRestartEmpty,  // dies, is back after `lasts` with nothing in memory
    kRestartKept,   // ... with everything (an append-only file)
    kRestartOld,    // ... with what it had `amount` us before it died (a dump)
    kFlush,         // FLUSHALL
    kHang,          // takes connections and commands, does nothing until it goes on
    kPolicy,        // another maxmemory-policy for a while; nothing is evicted
    kClockStep,     // its clock is set by `amount` us, within what rule D6 allows for
    // A link between a daemon and a node.
    kCut,         // reset; what was on its way to the node still arrives
    kCutEmpty,    // reset; what was on its way is lost
    kDeafNode,    // what the daemon sends arrives when it is over
    kDeafDaemon,  // what the node sends arrives when it is over
    kSlow,        // each way takes `amount` us longer
    // A daemon.
    kKill,        // kill -9, started again after `lasts`
    kStop,        // SIGSTOP or a suspended machine: its clock goes on
    kWrongClock,  // what it takes for the nodes' time is off by up to `amount` us (rule A5)
    kReplace,     // restarted with all that it knows; serves its clients again after `lasts`
    kDrain,       // SIGTERM, holders have `amount` us; started again `lasts` after it has ended
    // What an administrator does.
    kReload,     // a daemon gets other options (Engine::Change): locks linger for `amount` us
    kBreak,      // a daemon breaks the lock that all want, of the owner that a node names
    kBreakNow,   // ... and frees it at once
    kBreakHere,  // ... of its own hold, by its fence
    // A host's clock, beyond what its own daemon stands. What others hold is safe (rule D6).
    kHostStill,  // stands still
    kHostJump,   // is ahead by `amount` us from now on
    kHostRate,   // runs `amount` ppm fast
    // Beyond what redlockd promises to stand (RULES.md, Assumptions).
    kClockJump,  // a node's clock is set forward by `amount` us while leases live
    kEvict,      // a node drops the keys of the locks
    kRate,       // a node's clock runs `amount` ppm fast from the beginning
  };

  Kind kind;
  Moment at{};
  Duration lasts{};
  std::size_t daemon = 0;
  std::size_t node = 0;
  std::int64_t amount = 0;

  bool operator==(const Fault&) const = default;
};

// True if redlockd does not promise exclusion where this happens.
bool BeyondAssumptions(Fault::Kind kind);
// True if this is what an administrator does.
bool IsBreak(Fault::Kind kind);
// True if this is of a host's clock.
bool OfHostClock(Fault::Kind kind);

// How many of the hints that nodes publish arrive (rule E5).
enum class Hints : std::uint8_t { kNone, kSome, kAll };

// Everything that makes a world: what is listed here, and for all else (delays, clock rates, what
// the clients do) the seed. The same scenario always makes the same run.
struct Scenario {
  std::uint64_t seed = 1;
  std::size_t nodes = 3;
  std::size_t daemons = 2;
  std::vector<std::size_t> clients{};  // their numbers; client c belongs to daemon c % daemons
  bool kill_allowed = true;            // CLIENT KILL works (rule C7)
  bool haste = false;                  // all want one lock, for a moment, again and again
  std::size_t attempts = 128;          // engine::EngineOptions::attempts
  Duration linger{};                   // engine::EngineOptions::linger, of all locks
  Duration tenure = std::chrono::seconds(1);  // engine::Timing::tenure_max
  Hints hints = Hints::kAll;
  bool plain = false;           // a client of plain Redlock wants the lock too
  std::size_t sets = 0;         // clients that want several locks at once; number c as of clients
  std::size_t sharers = 0;      // clients that share locks; number c as of clients
  Duration trouble{};           // how long things go wrong
  std::vector<Fault> faults{};  // in order of time, all begin within the trouble

  bool Beyond() const;
  // This daemon's host has a clock that goes wrong.
  bool HasWrongClock(std::size_t daemon) const;
  // Administrators break locks.
  bool HasBreaks() const;
  // Nothing else goes wrong, and on one host only.
  bool OnlyOneHostsClock() const;
  bool operator==(const Scenario&) const = default;
};

// The scenario of a seed.
Scenario MakeScenario(std::uint64_t seed);

std::string ToText(const Fault& fault);
// As text, a line for each fault; lines that begin with # are the story and are not read.
std::string ToText(const Scenario& scenario);
// Throws std::runtime_error with the line's number and what was expected there.
Scenario ParseScenario(std::string_view text);

}  // namespace redlockd::sim
