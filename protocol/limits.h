// Limits of the line protocol, version 1. Lengths of names and values are counted decoded.
#pragma once

#include <cstddef>

namespace redlock::protocol {

inline constexpr int kVersion = 1;

// A request line, its line end included.
inline constexpr std::size_t kLineBytes = 4096;
// A line of the daemon, its line end included.
inline constexpr std::size_t kReplyLineBytes = 16384;
// A lock name.
inline constexpr std::size_t kNameBytes = 255;
// The names of one request.
inline constexpr std::size_t kMostNames = 16;
// The value of key=value, either way; the daemon cuts what is longer.
inline constexpr std::size_t kValueBytes = 255;
// The text of an ERR; the daemon cuts what is longer.
inline constexpr std::size_t kTextBytes = 1024;
inline constexpr std::size_t kTagBytes = 32;

}  // namespace redlock::protocol
