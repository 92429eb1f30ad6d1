#include "daemon/engine/busy.h"

#include <cstdlib>

#include "daemon/engine/timing.h"

namespace redlockd::engine {

std::string ToText(Busy busy, Duration kept) {
  switch (busy) {
    case Busy::kHeldHere:
      return "held on this host";
    case Busy::kKeptHere:
      return "its last hold on this host is over, but it stays taken for another " + ToText(kept);
    case Busy::kLineHere:
      return "other requests on this host are first";
    case Busy::kHeldElsewhere:
      return "held elsewhere";
    case Busy::kSplit:
      return "no majority: other hosts are competing for it";
    case Busy::kGate:
      return "too many lock attempts are in flight";
  }
  std::abort();
}

}  // namespace redlockd::engine
