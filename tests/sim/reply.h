#pragma once

#include <cstdint>
#include <ostream>
#include <string>
#include <vector>

namespace redlockd::sim {

// What a Redis server answers (RESP2), as a value.
struct Reply {
  enum class Kind { kNil, kInteger, kString, kStatus, kError, kArray };

  static Reply Integer(std::int64_t integer) {
    return {.kind = Kind::kInteger, .integer = integer};
  }
  static Reply String(std::string text) { return {.kind = Kind::kString, .text = std::move(text)}; }
  static Reply Status(std::string text) { return {.kind = Kind::kStatus, .text = std::move(text)}; }
  // With its code in front: "ERR ...".
  static Reply Error(std::string text) { return {.kind = Kind::kError, .text = std::move(text)}; }

  Kind kind = Kind::kNil;
  std::int64_t integer = 0;
  std::string text{};
  std::vector<Reply> elements{};

  bool operator==(const Reply&) const = default;
};

// As redis-cli shows it, on one line: "text", 5, OK, (nil), (error) ERR ..., [..., ...].
std::ostream& operator<<(std::ostream& out, const Reply& reply);

}  // namespace redlockd::sim
