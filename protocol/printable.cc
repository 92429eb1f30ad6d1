#include "protocol/printable.h"

#include <array>
#include <cstdint>

namespace redlock::protocol {
namespace {

bool IsContinuation(char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }

struct Character {
  std::size_t length = 0;  // in bytes; 0: no UTF-8
  std::uint32_t point = 0;
};

Character FirstOf(std::string_view bytes) {
  constexpr std::array<std::uint32_t, 5> kLeast{0, 0, 0x80, 0x800, 0x10000};  // of each length
  const auto first = static_cast<unsigned char>(bytes[0]);
  if (first < 0x80) return {1, first};
  const std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc0 ? 2 : 0;
  if (length == 0 || bytes.size() < length) return {};
  std::uint32_t point = first & (0xff >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) {
    if (!IsContinuation(bytes[i])) return {};
    point = point << 6 | (static_cast<unsigned char>(bytes[i]) & 0x3f);
  }
  const bool is_surrogate = point >= 0xd800 && point < 0xe000;
  if (first >= 0xf8 || point < kLeast[length] || is_surrogate || point > 0x10ffff) return {};
  return {length, point};
}

struct Range {
  std::uint32_t first;
  std::uint32_t last;
};

// What a terminal obeys instead of showing it.
constexpr std::array<Range, 6> kObeyed{{
    {0x00, 0x1f},      // C0
    {0x7f, 0x9f},      // DEL, C1
    {0x061c, 0x061c},  // Arabic letter mark
    {0x200e, 0x200f},  // left-to-right and right-to-left mark
    {0x2028, 0x202e},  // line and paragraph separator; embeddings and overrides of direction
    {0x2066, 0x2069},  // isolates of direction
}};

bool IsObeyed(std::uint32_t point) {
  for (const Range& range : kObeyed) {
    if (point >= range.first && point <= range.last) return true;
  }
  return false;
}

void AppendEscaped(std::string_view bytes, std::string& out) {
  constexpr char kDigits[] = "0123456789ABCDEF";
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    out += "\\x";
    out += kDigits[byte >> 4];
    out += kDigits[byte & 15];
  }
}

}  // namespace

std::size_t CharacterLength(std::string_view bytes) { return FirstOf(bytes).length; }

bool IsUtf8(std::string_view bytes) {
  while (!bytes.empty()) {
    const std::size_t length = CharacterLength(bytes);
    if (length == 0) return false;
    bytes.remove_prefix(length);
  }
  return true;
}

std::string Printable(std::string_view bytes) {
  std::string out;
  while (!bytes.empty()) {
    const Character character = FirstOf(bytes);
    const std::size_t length = character.length == 0 ? 1 : character.length;
    if (character.length == 0 || IsObeyed(character.point)) {
      AppendEscaped(bytes.substr(0, length), out);
    } else {
      out += bytes.substr(0, length);
    }
    bytes.remove_prefix(length);
  }
  return out;
}

}  // namespace redlock::protocol
