#include "protocol/duration.h"

#include <algorithm>
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

std::string_view TakeDigits(std::string_view& text) {
  const std::size_t end = std::min(text.find_first_not_of("0123456789"), text.size());
  const std::string_view digits = text.substr(0, end);
  text.remove_prefix(end);
  return digits;
}

// Without a word it is seconds.
std::optional<std::int64_t> UnitOf(std::string_view word) {
  if (word.empty()) word = "s";
  for (const Unit& unit : kUnits) {
    if (unit.word == word) return unit.ns;
  }
  return std::nullopt;
}

// 0.<digits> of the unit, in ns, rounded down: each digit is a tenth of what follows from it.
std::int64_t PartOf(std::int64_t unit, std::string_view digits) {
  std::int64_t part = 0;
  for (auto c = digits.rbegin(); c != digits.rend(); ++c) part = ((*c - '0') * unit + part) / 10;
  return part;
}

}  // namespace

std::optional<Duration> ParseDuration(std::string_view text) {
  const std::string_view digits = TakeDigits(text);
  std::string_view fraction;
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    fraction = TakeDigits(text);
  }
  if (digits.empty() && fraction.empty()) return std::nullopt;
  const std::optional<std::int64_t> unit = UnitOf(text);
  if (!unit) return std::nullopt;

  std::uint64_t count = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), count);
  if (!digits.empty() && error != std::errc()) return std::nullopt;
  if (count > static_cast<std::uint64_t>(INT64_MAX / *unit)) return std::nullopt;
  const std::int64_t whole = static_cast<std::int64_t>(count) * *unit;
  const std::int64_t part = PartOf(*unit, fraction);
  if (part > INT64_MAX - whole) return std::nullopt;
  return Duration(whole + part);
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
