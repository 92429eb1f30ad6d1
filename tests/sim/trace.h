#pragma once

#include <cstdio>
#include <string>

#include "tests/sim/timeline.h"

namespace redlockd::sim {

// What happened, for a person to read. Costs nothing while it is off: what is to be said is made
// only if it is said.
class Trace {
 public:
  explicit Trace(const Timeline& timeline) : timeline_(timeline) {}

  void TurnOn() { on_ = true; }
  template <class Say>
  void operator()(const Say& say) {
    if (on_) Line(say());
  }

 private:
  void Line(const std::string& text) const {
    std::printf("%9.3fms  %s\n", static_cast<double>(timeline_.now().count()) / 1e6, text.c_str());
  }

  const Timeline& timeline_;
  bool on_ = false;
};

}  // namespace redlockd::sim
