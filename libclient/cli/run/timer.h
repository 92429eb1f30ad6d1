// A timer on CLOCK_BOOTTIME, which goes on while the machine is suspended, as the lease does.
#pragma once

#include "base/descriptor.h"
#include "libclient/cli/run/guard.h"

namespace redlock::cli {

class Timer {
 public:
  Timer();

  // Polls readable from `at` on, until armed anew; Guard::kNever: does not.
  void Arm(Guard::Time at) const;

  int fd() const { return fd_.get(); }

 private:
  base::Descriptor fd_;
};

}  // namespace redlock::cli
