// Durations, wherever people write them (requests, the command line, the configuration): a number,
// with a fraction or without, and a unit if it is not in seconds: "250ms", "10s", "1.5m", "10",
// "0.5". Units: ns us ms s m h. Replies have an integer and a unit.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace redlock::protocol {

using Duration = std::chrono::nanoseconds;

// The wait that never ends; written "forever".
inline constexpr Duration kForever = Duration::max();

// Nothing if `text` is no duration, or one of more than 2^63-1 ns (292 years). Never negative. Less
// than a nanosecond is cut off.
std::optional<Duration> ParseDuration(std::string_view text);

// A duration, or "forever".
std::optional<Duration> ParseWait(std::string_view text);

// In the greatest unit that is exact: "1500ms", "90s", 120 s as "2m", 0 as "0s", kForever as
// "forever". A negative one, as the offset between two clocks, has a '-' in front; ParseDuration()
// does not take that.
std::string FormatDuration(Duration duration);

// What a parse error says was expected.
inline constexpr std::string_view kDurationExpected =
    "a duration, like 5 or 0.5 (seconds), 250ms, 10s, 2m or 1h";

}  // namespace redlock::protocol
