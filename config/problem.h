#pragma once

#include <compare>
#include <string>

namespace redlockd::config {

// A place in a file, both counted from 1.
struct Position {
  int line = 1;
  int column = 1;
  auto operator<=>(const Position&) const = default;
};
inline constexpr Position kWholeFile{0, 0};

// A mistake, or something the administrator should know.
struct Problem {
  Position at;
  std::string key;   // as an administrator writes it: "lease.ttl", "nodes[2].address"; may be empty
  std::string what;  // "expected ..., found ..."
};

}  // namespace redlockd::config
