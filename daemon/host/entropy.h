#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "daemon/engine/random.h"

// Chance from the kernel. Without it neither owner values nor fences' node ids are unique, so that
// a kernel that gives none ends the process at once, with a line on stderr.
namespace redlockd::host {

// Unguessable bytes, in lower-case hex: 2 characters a byte. At most 128 bytes. Any thread.
std::string RandomHex(std::size_t bytes);

// The engine's chance in a running daemon. Not thread-safe.
class SystemRandom : public engine::Random {
 public:
  std::uint64_t Below(std::uint64_t bound) override;
};

}  // namespace redlockd::host
