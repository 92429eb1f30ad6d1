#include "protocol/duration.h"

#include <array>
#include <charconv>
#include <cstdint>

namespace redlock::protocol {
namespace {

struct Unit {
  std::string_view word;
  std::int64_t ns;
};

// Greatest first: formatting takes the first that divides.
constexpr std::array<Unit, 6> kUnits{{
    {"h", 3'600'000'000'000},
    {"m", 60'000'000'000},
    {"s", 1'000'000'000},
    {"ms", 1'000'000},
    {"us", 1'000},
    {"ns", 1},
}};

}  // namespace

std::optional<Duration> ParseDuration(std::string_view text) {
  // Unsigned, so that a sign is not taken for part of the number.
  std::uint64_t count = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, count);
  if (error != std::errc()) return std::nullopt;
  const std::string_view word(rest, static_cast<std::size_t>(end - rest));
  if (word.empty() && count == 0) return Duration::zero();
  for (const Unit& unit : kUnits) {
    if (unit.word != word) continue;
    if (count > static_cast<std::uint64_t>(INT64_MAX / unit.ns)) return std::nullopt;
    return Duration(static_cast<std::int64_t>(count) * unit.ns);
  }
  return std::nullopt;
}

std::optional<Duration> ParseWait(std::string_view text) {
  if (text == "forever") return kForever;
  return ParseDuration(text);
}

std::string FormatDuration(Duration duration) {
  if (duration == kForever) return "forever";
  const std::int64_t ns = duration.count();
  if (ns == 0) return "0s";
  for (const Unit& unit : kUnits) {
    if (ns % unit.ns == 0) return std::to_string(ns / unit.ns).append(unit.word);
  }
  return {};  // not reached: 1 ns divides everything
}

}  // namespace redlock::protocol
