#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace redlockd::sim {

// What worlds must come to, or they show nothing of the rules about it: hand-offs, lingering, and
// the queue of daemons. Counted from outside, by what daemons ask, hear and answer.
enum class Reached : std::uint8_t {
  kHandOff,       // a lease passed to the next in line (rule B2)
  kRetake,        // a lease that lingered was taken (rule E1)
  kBlock,         // the next block of fences was asked for (rule B3)
  kRenewedFirst,  // ... or the lease renewed, for one who waits for that (rule C10)
  kNotTurn,       // a node refused by its queue (rule E6.2)
  kStand,         // a daemon far from its turn asked for its place only (rule E8.3)
  kCameNext,      // it heard when it would be its turn if the first does not come (rule E8.7)
  kStayedOut,     // a wait asked without registering (rule E6.6)
  kBackStop,      // the queue was passed (rule E6.9)
  kHintUsed,      // a hint made a daemon act (rule E5)
  kHintLost,
  kPlainHeld,  // a client of plain Redlock had the lock
  kKept,       // a lock stayed taken after its hold (rule I2)
  kBroken,     // a client was told that its hold was broken
  kNamed,      // the holder on another host was shown (rule E11)
  kSet,        // several locks were granted together (rule G1)
  kAside,      // a set waited by a stand for one of its locks (rule G5)
  kJoined,     // a session joined those who share a lock (rule F9)
  kRestarted,  // a daemon went on with what its former process knew (rules H)
};
inline constexpr std::array kReachedWords = {
    "hand-offs",
    "lingering leases taken",
    "blocks asked for",
    "renewals for the next in line",
    "refusals by a queue",
    "stands in a queue",
    "next ones heard",
    "rounds out of the queue",
    "back-stops",
    "hints acted on",
    "hints lost",
    "holds of plain clients",
    "locks kept after their hold",
    "holds broken",
    "holders elsewhere shown",
    "sets granted",
    "stands aside",
    "sessions that joined others",
    "restarts with all that was known",
};

class ReachedCounts {
 public:
  void operator()(Reached what) { ++counts_.at(static_cast<std::size_t>(what)); }
  std::uint64_t Of(std::size_t what) const { return counts_.at(what); }

 private:
  std::array<std::uint64_t, kReachedWords.size()> counts_{};
};

}  // namespace redlockd::sim
