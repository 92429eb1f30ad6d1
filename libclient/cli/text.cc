#include "libclient/cli/text.h"

#include <cctype>
#include <cstdint>
#include <cstdio>

#include "protocol/duration.h"

namespace redlock::cli {
namespace {

using namespace std::chrono_literals;

template <typename... Args>
std::string Format(const char* format, Args... args) {
  char text[64];
  std::snprintf(text, sizeof(text), format, args...);
  return text;
}

bool IsContinuation(char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }

// The length of the UTF-8 character that `bytes` begins with; 0 if it is none, or a control.
std::size_t CharacterLength(std::string_view bytes) {
  const auto first = static_cast<unsigned char>(bytes[0]);
  if (first < 0x80) return std::iscntrl(first) ? 0 : 1;
  const std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc2 ? 2 : 0;
  if (length == 0 || first > 0xf4 || bytes.size() < length) return 0;
  std::uint32_t point = first & (0xff >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) {
    if (!IsContinuation(bytes[i])) return 0;
    point = point << 6 | (static_cast<unsigned char>(bytes[i]) & 0x3f);
  }
  const std::uint32_t least = length == 2 ? 0xa0 : length == 3 ? 0x800 : 0x10000;  // not U+0080..9F
  const bool is_surrogate = point >= 0xd800 && point < 0xe000;
  return point < least || is_surrogate || point > 0x10ffff ? 0 : length;
}

}  // namespace

std::string HumanDuration(std::chrono::nanoseconds duration) {
  const long long ns = duration.count();
  if (ns < 0) return "-" + HumanDuration(-duration);
  const long long seconds = ns / 1'000'000'000;
  if (duration < 1us) return Format("%lldns", ns);
  if (duration < 1ms) return Format("%lldus", ns / 1000);
  if (duration < 1s) return Format("%lldms", ns / 1'000'000);
  if (duration < 10s) return Format("%lld.%llds", seconds, ns / 100'000'000 % 10);
  if (duration < 60s) return Format("%llds", seconds);
  if (duration < 1h) return Format("%lldm%02llds", seconds / 60, seconds % 60);
  return Format("%lldh%02lldm", seconds / 3600, seconds / 60 % 60);
}

std::string HumanDuration(std::string_view wire) {
  const bool is_negative = wire.starts_with('-');
  const auto duration = protocol::ParseDuration(is_negative ? wire.substr(1) : wire);
  if (!duration) return std::string(wire);
  return (is_negative ? "-" : "") + HumanDuration(*duration);
}

std::string Printable(std::string_view bytes) {
  std::string out;
  while (!bytes.empty()) {
    const std::size_t length = CharacterLength(bytes);
    if (length == 0) {
      out += Format("\\x%02X", static_cast<unsigned char>(bytes[0]));
    } else {
      out += bytes.substr(0, length);
    }
    bytes.remove_prefix(length == 0 ? 1 : length);
  }
  return out;
}

std::optional<std::chrono::nanoseconds> ParseSeconds(std::string_view text) {
  constexpr std::int64_t kMaxSeconds = 9'000'000'000;  // what nanoseconds can count
  std::int64_t ns = 0;
  std::int64_t place = 1'000'000'000;  // of the next digit
  bool in_fraction = false;
  bool has_digit = false;
  for (const char c : text) {
    if (c == '.' && !in_fraction) {
      in_fraction = true;
      continue;
    }
    if (c < '0' || c > '9') return std::nullopt;
    has_digit = true;
    if (in_fraction) {
      place /= 10;
      ns += place * (c - '0');
      continue;
    }
    ns = ns * 10 + place * (c - '0');
    if (ns / 1'000'000'000 > kMaxSeconds / 10) return std::nullopt;
  }
  if (!has_digit) return std::nullopt;
  return std::chrono::nanoseconds(ns);
}

std::size_t Places(std::string_view text) {
  std::size_t places = 0;
  for (const char c : text) places += IsContinuation(c) ? 0 : 1;
  return places;
}

std::string Cut(std::string text, std::size_t places) {
  if (Places(text) <= places) return text;
  while (Places(text) > places - 3) text.pop_back();
  return text + "...";
}

}  // namespace redlock::cli
