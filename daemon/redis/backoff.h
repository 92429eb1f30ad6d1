#pragma once

#include <algorithm>
#include <chrono>
#include <random>

namespace redlockd::redis {

// How long to wait before the next try to connect: doubling to a bound, each wait drawn from its
// upper half so that the links of many daemons do not come back all at once. And how patient that try
// is with a node that is merely slow: a handshake that is begun anew gives it more to do.
class Backoff {
 public:
  static constexpr std::chrono::milliseconds kLeast{20};
  static constexpr std::chrono::milliseconds kMost{1000};
  static constexpr int kMostPatience = 4;

  explicit Backoff(std::minstd_rand::result_type seed) : random_(seed) {}

  std::chrono::nanoseconds Next();
  // By this factor a handshake may take longer than connect_timeout.
  int patience() const { return patience_; }
  // The node took the connection, and did not answer the handshake in time.
  void HandshakeTimedOut() { patience_ = std::min(2 * patience_, kMostPatience); }
  // It is connected.
  void Reset();

 private:
  std::minstd_rand random_;
  std::chrono::nanoseconds bound_ = kLeast;
  int patience_ = 1;
};

}  // namespace redlockd::redis
