// What the sessions read out of the protocol's lines.
#include "libclient/wire.h"

#include <gtest/gtest.h>

#include "libclient/include/redlock/redlock.h"

namespace redlock::client {
namespace {

protocol::Reply Parse(const std::string& line) {
  return std::get<protocol::Reply>(protocol::ParseReply(line));
}

TEST(Wire, KnowsTheErrors) {
  EXPECT_EQ(ErrorNumber("not-held"), REDLOCK_ENOTHELD);
  EXPECT_EQ(ErrorNumber("too-late-today"), REDLOCK_EUNKNOWN);
  EXPECT_STREQ(ErrorText(REDLOCK_ENOTHELD), "not held");
  EXPECT_STREQ(ErrorText(12345), "no such error");
}

TEST(Wire, TakesNoHalfNumber) {
  std::int64_t value = 0;
  EXPECT_TRUE(ParseInteger("9223372036854775807", &value));
  EXPECT_EQ(value, INT64_MAX);
  for (const char* text : {"", "-1", "12 ", "1x", "9223372036854775808"}) {
    EXPECT_FALSE(ParseInteger(text, &value)) << text;
  }
}

TEST(Wire, AFieldThatCannotBeReadIsNone) {
  const protocol::Reply line = Parse("* DRAINING within=1500ms fence=7 pid=12(gone)");
  EXPECT_EQ(DurationField(line, "within"), 1'500'000'000);
  EXPECT_EQ(IntegerField(line, "fence"), 7);
  EXPECT_EQ(IntegerField(line, "pid"), 0);
  EXPECT_EQ(IntegerField(line, "deadline"), 0);
  EXPECT_EQ(DurationField(line, "fence"), 7'000'000'000) << "seconds, as everywhere";
  EXPECT_EQ(DurationField(line, "pid"), 0);
}

TEST(Wire, KnowsItsGreeting) {
  EXPECT_TRUE(IsGreeting(Parse("* HELLO redlockd 1 caps=x")));
  EXPECT_FALSE(IsGreeting(Parse("* HELLO redlockd 2 caps=x")));
  EXPECT_FALSE(IsGreeting(Parse("* HELLO")));
  EXPECT_FALSE(IsGreeting(Parse("* GOODBYE redlockd 1")));
}

TEST(Wire, AClockIsOursIfItMayBe) {
  EXPECT_EQ(ClockOffset(0, 100, 200), 0) << "it does not say";
  EXPECT_EQ(ClockOffset(100, 100, 200), 0);
  EXPECT_EQ(ClockOffset(200, 100, 200), 0);
  EXPECT_EQ(ClockOffset(201, 100, 200), 101);
  EXPECT_EQ(ClockOffset(99, 100, 200), -1);
}

TEST(Wire, DeadlinesStayInRange) {
  EXPECT_EQ(ToOwnClock(500, 100), 400);
  EXPECT_EQ(ToOwnClock(50, 100), 1) << "0 would be none";
  EXPECT_EQ(ToOwnClock(INT64_MAX - 5, -10), INT64_MAX);
}

}  // namespace
}  // namespace redlock::client
