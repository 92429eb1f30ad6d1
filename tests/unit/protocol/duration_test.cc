#include "protocol/duration.h"

#include <gtest/gtest.h>

#include <random>

namespace redlock::protocol {
namespace {

using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::nanoseconds;
using std::chrono::seconds;

TEST(Duration, ParsesANumberAndAUnit) {
  const struct {
    const char* text;
    Duration duration;
  } kCases[] = {
      {"7ns", nanoseconds(7)},      {"30us", microseconds(30)},
      {"250ms", milliseconds(250)}, {"10s", seconds(10)},
      {"2m", minutes(2)},           {"1h", hours(1)},
      {"0", Duration(0)},           {"0ms", Duration(0)},
      {"007s", seconds(7)},         {"9223372036854775807ns", Duration::max()},
      {"1.5s", milliseconds(1500)}, {"0.25m", seconds(15)},
      {".5ms", microseconds(500)},  {"2.s", seconds(2)},
      {"1.9ns", nanoseconds(1)},
  };
  for (const auto& c : kCases) EXPECT_EQ(ParseDuration(c.text), c.duration) << c.text;
}

// As flock takes them, and sleep.
TEST(Duration, IsInSecondsWithoutAUnit) {
  const struct {
    const char* text;
    Duration duration;
  } kCases[] = {
      {"10", seconds(10)},
      {"0", Duration(0)},
      {"0.5", milliseconds(500)},
      {".25", milliseconds(250)},
      {"2.", seconds(2)},
      {"1.0000000019", seconds(1) + nanoseconds(1)},
      {"9223372036.854775807", Duration::max()},
  };
  for (const auto& c : kCases) EXPECT_EQ(ParseDuration(c.text), c.duration) << c.text;
}

TEST(Duration, AFractionIsCutOffExactly) {
  // A third of an hour, to more digits than count; and what is just below a whole.
  EXPECT_EQ(ParseDuration("0.3333333333333333333333333333h"), nanoseconds(1'199'999'999'999));
  EXPECT_EQ(ParseDuration("0.9999999999999999999999999999h"), nanoseconds(3'599'999'999'999));
  EXPECT_EQ(ParseDuration("0.000000001"), nanoseconds(1));
  EXPECT_EQ(ParseDuration("0.0000000009"), nanoseconds(0));
  EXPECT_EQ(ParseDuration("2562047.7880152155019444h"), Duration::max() - nanoseconds(1));
  EXPECT_EQ(ParseDuration("2562047.8h"), std::nullopt);
}

TEST(Duration, RefusesAnythingElse) {
  for (const char* text : {"",
                           "s",
                           ".",
                           ".s",
                           "1.2.3",
                           "1e3",
                           "1,5",
                           "-1",
                           "-1s",
                           "+1s",
                           "10 s",
                           "1m30s",
                           "10S",
                           "10sec",
                           "ms10",
                           "0x1s",
                           "1s ",
                           " 1s",
                           "forever",
                           "9223372036854775808ns",
                           "9223372036.854775808",
                           "99999999999",
                           "2562048h",
                           "99999999999999999999s"}) {
    EXPECT_EQ(ParseDuration(text), std::nullopt) << text;
  }
}

TEST(Duration, AWaitMayBeForever) {
  EXPECT_EQ(ParseWait("forever"), kForever);
  EXPECT_EQ(ParseWait("0"), Duration(0));
  EXPECT_EQ(ParseWait("3s"), seconds(3));
  EXPECT_EQ(ParseWait("Forever"), std::nullopt);
}

TEST(Duration, FormatsInTheGreatestExactUnit) {
  const struct {
    Duration duration;
    const char* text;
  } kCases[] = {
      {seconds(10), "10s"},         {milliseconds(1500), "1500ms"},
      {seconds(90), "90s"},         {seconds(120), "2m"},
      {hours(25), "25h"},           {nanoseconds(1001), "1001ns"},
      {microseconds(137), "137us"}, {Duration(0), "0s"},
      {kForever, "forever"},        {-milliseconds(3), "-3ms"},
  };
  for (const auto& c : kCases) EXPECT_EQ(FormatDuration(c.duration), c.text);
}

TEST(Duration, WhatIsFormattedIsParsedBack) {
  std::mt19937_64 random(20261124);
  const std::int64_t units[] = {
      1, 1'000, 1'000'000, 1'000'000'000, 60'000'000'000, 3'600'000'000'000};
  for (int i = 0; i < 10'000; ++i) {
    const std::int64_t unit = units[random() % 6];
    const Duration duration(static_cast<std::int64_t>(random() % 1'000'000) * unit);
    ASSERT_EQ(ParseDuration(FormatDuration(duration)), duration) << FormatDuration(duration);
  }
}

}  // namespace
}  // namespace redlock::protocol
