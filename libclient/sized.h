// Structs of the C interface that begin with their size, as a caller of another version has them.
// Members are only ever added at the end, so of two versions the shorter is the beginning of the
// longer. A new member must not lie within the padding of the version before it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>

namespace redlock::client {

// No version will be longer; a size beyond that was never set.
inline constexpr std::size_t kLongest = 4096;

// First: the struct as the first version had it.
template <typename First>
bool IsSized(std::size_t size) {
  return size >= sizeof(First) && size <= kLongest;
}

// What a caller gives us, into *known, which has the defaults of what a shorter one does not say.
// False if a longer one sets what this version does not know: it must not be ignored.
template <typename Struct>
bool TakeSized(const Struct& given, Struct* known) {
  const auto* bytes = reinterpret_cast<const unsigned char*>(&given);
  const auto* const end = bytes + given.size;
  std::memcpy(known, bytes, std::min(given.size, sizeof(Struct)));
  known->size = sizeof(Struct);
  return given.size <= sizeof(Struct) ||
         std::all_of(bytes + sizeof(Struct), end, [](unsigned char byte) { return byte == 0; });
}

// What we give a caller: as much as it has room for. What a longer one has besides is left as it
// is.
template <typename Struct>
void GiveSized(Struct known, Struct* wanted) {
  known.size = wanted->size;
  std::memcpy(wanted, &known, std::min(known.size, sizeof(Struct)));
}

}  // namespace redlock::client
