#pragma once

#include <cstdint>
#include <cstdio>
#include <string>

#include "tests/sim/timeline.h"

namespace redlockd::sim {

// What happened: printed for a person to read, or added up to a digest. Two programs whose digests
// of a world are equal did the same in it, at the same times. Costs nothing while it is off: what
// is to be said is made only if it is said.
class Trace {
 public:
  enum class Mode { kOff, kPrint, kDigest };

  Trace(const Timeline& timeline, Mode mode) : timeline_(timeline), mode_(mode) {}

  template <class Say>
  void operator()(const Say& say) {
    if (mode_ == Mode::kPrint) Print(say());
    if (mode_ == Mode::kDigest) Add(say());
  }

  // Of all that was said so far.
  std::uint64_t Digest() const { return digest_; }

 private:
  void Print(const std::string& text) const {
    std::printf("%9.3fms  %s\n", static_cast<double>(timeline_.now().count()) / 1e6, text.c_str());
  }
  void Add(const std::string& text) {
    for (const char c : std::to_string(timeline_.now().count()) + text) {
      // FNV-1a, 64 bits: http://www.isthe.com/chongo/tech/comp/fnv/
      digest_ = (digest_ ^ static_cast<unsigned char>(c)) * 0x100000001b3;
    }
  }

  const Timeline& timeline_;
  const Mode mode_;
  std::uint64_t digest_ = 0xcbf29ce484222325;
};

}  // namespace redlockd::sim
