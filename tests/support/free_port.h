#pragma once

#include <cstdint>

#include "tests/support/fd.h"

namespace redlockd::test {

// A TCP port of 127.0.0.1 that nobody listens on, kept away from all other tests that use this
// class, of this and other processes, as long as the object lives. So a server may be stopped and
// started again on it. It is below the range that the kernel takes ports of connections from.
class FreePort {
 public:
  FreePort();
  std::uint16_t number() const { return number_; }

 private:
  Fd reservation_;
  std::uint16_t number_ = 0;
};

}  // namespace redlockd::test
