#include "daemon/host/entropy.h"

#include <sys/random.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>

#include "base/check.h"

namespace redlockd::host {
namespace {

// At most 256 bytes: so few are given whole, or not at all (getrandom(2)).
void Fill(void* bytes, std::size_t size) {
  ssize_t got = 0;
  do {
    got = getrandom(bytes, size, 0);
  } while (got < 0 && errno == EINTR);
  if (got != static_cast<ssize_t>(size)) {
    std::fprintf(stderr, "redlockd: the kernel gives no random bytes: %s\n", std::strerror(errno));
    std::abort();
  }
}

}  // namespace

std::string RandomHex(std::size_t bytes) {
  std::array<unsigned char, 128> raw;
  CHECK(bytes <= raw.size());
  Fill(raw.data(), bytes);
  std::string hex;
  hex.reserve(2 * bytes);
  for (std::size_t i = 0; i < bytes; ++i) {
    hex += "0123456789abcdef"[raw[i] >> 4];
    hex += "0123456789abcdef"[raw[i] & 15];
  }
  return hex;
}

std::uint64_t SystemRandom::Below(std::uint64_t bound) {
  CHECK(bound > 0);
  // The numbers above the last whole multiple of `bound` would favour the small results.
  const std::uint64_t surplus = (std::numeric_limits<std::uint64_t>::max() % bound + 1) % bound;
  const std::uint64_t last = std::numeric_limits<std::uint64_t>::max() - surplus;
  std::uint64_t number = 0;
  do {
    Fill(&number, sizeof number);
  } while (number > last);
  return number % bound;
}

}  // namespace redlockd::host
