// A client of a run, in a process of its own: takes locks, writes what they protect, lets go, in
// all the ways there are, until SIGTERM; then it waits for what it has asked, lets go and ends.
// Beside the lock that it works under, a session keeps another for as long as it can, so that there
// are always leases that live by being renewed.
//
// What it writes down, and what of it the checker relies on:
//   start                    the process began
//   connect, disconnect      a session; how= close (stamped before it), eof, half-close, quit
//   ask, answer              stamped before the request is sent, after the answer is read
//   told                     an event of the daemon, stamped after it is read
//   release                  stamped before the unlock is sent
//   write                    to both stores; begin= before the first step, its own time after the
//   last dropped                  a request that was not answered in a session that ended in good
//   order stray, unanswered        what must never be done                     its end
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <string_view>

#include "tests/faults/conversation.h"
#include "tests/faults/history.h"
#include "tests/faults/store.h"

namespace redlockd::test::faults {

// The locks that all clients want; each has a slot of the store.
inline constexpr std::string_view kContended[] = {"orders", "stock", "billing", "report"};

// What a client process is told.
struct ClientSetup {
  std::string who;     // "d1c3"
  std::string socket;  // of its daemon
  std::string store;   // path
  std::string journal;
  Duration origin{};  // of the run
  std::uint64_t seed = 0;
};

class Client {
 public:
  explicit Client(const ClientSetup& setup);
  void Run();

 private:
  using Hold = Conversation::Hold;

  void UseSession();
  void Round();
  void TryToKeep();
  void Use(const std::string& lock);
  void AwaitLoss(const Hold& hold);
  void Work(std::size_t slot, Hold& hold);
  void LetGo(const std::string& lock);

  std::size_t Below(std::size_t bound);
  bool OneIn(std::size_t n) { return Below(n) == 0; }
  Duration Between(Duration least, Duration most);
  std::string LockOptions();
  std::string_view AnyEnd();

  const Journal journal_;
  const std::string socket_;
  const std::string own_;   // what the names of its own locks begin with
  const std::string kept_;  // a lock that one client of each daemon wants
  Store store_;
  std::mt19937_64 random_;
  const bool careless_;  // does not look at the clock before it writes
  std::uint64_t last_value_ = 0;
  Conversation daemon_;
};

}  // namespace redlockd::test::faults
