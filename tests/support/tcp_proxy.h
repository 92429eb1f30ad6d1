#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <list>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/fd.h"
#include "tests/support/free_port.h"
#include "tests/support/wait.h"

namespace redlockd::test {

// A link between the daemon and one node that can be made bad: a TCP proxy on 127.0.0.1, run by a
// thread of its own. Starts as a good link. All calls may be made at any time; they act on what has
// not been forwarded yet.
class TcpProxy {
 public:
  enum Direction { kToServer = 0, kToClient = 1 };

  explicit TcpProxy(std::uint16_t server_port);
  TcpProxy(const TcpProxy&) = delete;
  TcpProxy& operator=(const TcpProxy&) = delete;
  ~TcpProxy();

  std::string Address() const { return "127.0.0.1:" + std::to_string(port_.number()); }

  // Every byte arrives this much later, also if the two ways change in between.
  void Delay(Direction direction, Duration delay);
  // Bytes are taken and never arrive, while on. A connection that has lost some delivers nothing
  // more that way, also when it is off again: TCP has no gaps, it has dead connections.
  void Lose(Direction direction, bool on);
  // Single bytes, each this much after the last; zero ends it.
  void Drip(Direction direction, Duration per_byte);
  // Nothing is forwarded either way, while on; afterwards all of it is.
  void Pause(bool on);
  // Resets every connection that is open now.
  void Cut();
  // As a middlebox that forgets connections: all bytes of those that are open now are lost from now
  // on, silently. New ones are good.
  void Forget();
  // New connections lead to these servers, in turn: as a name that was changed, or that has several
  // addresses, or a balancer.
  void LeadTo(std::vector<std::uint16_t> server_ports);
  std::size_t Accepted() const { return accepted_; }  // connections, so far

 private:
  struct Link;
  struct Way {
    Duration delay{};
    Duration per_byte{};
    bool lose = false;
  };

  void Run();
  void Accept();
  template <typename Change>
  void Apply(Change change);

  FreePort port_;
  Fd listener_;
  Fd wake_;  // eventfd: the settings have changed
  std::mutex mutex_;
  std::array<Way, 2> ways_;  // these under mutex_
  std::vector<std::uint16_t> server_ports_;
  bool forget_ = false;
  bool paused_ = false;
  bool cut_ = false;
  bool stop_ = false;
  std::list<Link> links_;  // of the thread, as the next one
  std::atomic<std::size_t> accepted_ = 0;
  std::thread thread_;
};

}  // namespace redlockd::test
