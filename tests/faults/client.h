// A client of a run, in a process of its own: takes locks, writes what they protect, lets go, in
// all the ways there are, until SIGTERM; then it waits for what it has asked, lets go and ends.
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
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "tests/faults/history.h"
#include "tests/faults/session.h"
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

// SIGTERM has come; see HeedSigterm.
bool Stopping();
void HeedSigterm();

class Client {
 public:
  explicit Client(const ClientSetup& setup);
  void Run();

 private:
  struct Hold {
    std::string lock;
    std::optional<std::size_t> slot{};  // of the store, if it is a contended one
    std::uint64_t fence = 0;
    Duration deadline{};  // the last that was told, on this host's clock
    bool lost = false;
  };
  struct Request {
    std::string id;  // its tag, where the session has tags
    std::string verb;
    std::string lock;
  };

  bool Connect();
  void UseSession();
  void Round();
  void HoldIt();
  void Work();
  void LetGo();
  void EndSession(std::string_view how);

  std::string Ask(std::string_view verb, const std::string& lock, std::string_view options = {});
  // Takes what the daemon says for so long, or until the request is answered.
  void Listen(Duration for_so_long);
  bool Await(const std::string& id);
  void Take(const Reply& reply);
  void TakeAnswer(const Reply& reply);
  void TakeEvent(const Reply& event);
  bool IsOpen(const std::string& id) const;

  std::size_t Below(std::size_t bound);
  bool OneIn(std::size_t n) { return Below(n) == 0; }
  Duration Between(Duration least, Duration most);
  std::string LockOptions();
  // The value of a key that is a time on the host's clock, as it is written down.
  std::string RunTime(const Reply& reply, std::string_view key) const;

  const ClientSetup setup_;
  const Journal journal_;
  Store store_;
  std::mt19937_64 random_;
  const bool careless_;  // does not look at the clock before it writes
  std::uint64_t last_id_ = 0;
  std::uint64_t last_value_ = 0;
  std::optional<Session> session_;
  bool tags_ = false;
  std::vector<Request> open_;  // in the order in which they were asked
  std::optional<Hold> hold_;
};

}  // namespace redlockd::test::faults
