#include <gtest/gtest.h>

#include "libclient/cli/text.h"

namespace redlock::cli {
namespace {

using namespace std::chrono_literals;

TEST(HumanDuration, ShowsWhatMatters) {
  EXPECT_EQ(HumanDuration(0ns), "0ns");
  EXPECT_EQ(HumanDuration(80us + 999ns), "80us");
  EXPECT_EQ(HumanDuration(250ms), "250ms");
  EXPECT_EQ(HumanDuration(9299ms), "9.2s");
  EXPECT_EQ(HumanDuration(59999ms), "59s");
  EXPECT_EQ(HumanDuration(192s), "3m12s");
  EXPECT_EQ(HumanDuration(26h + 4min + 59s), "26h04m");
  EXPECT_EQ(HumanDuration(-3ms), "-3ms");
}

TEST(HumanDuration, ReadsTheWire) {
  EXPECT_EQ(HumanDuration("9234ms"), "9.2s");
  EXPECT_EQ(HumanDuration("-1500us"), "-1ms");
  EXPECT_EQ(HumanDuration("forever"), "forever");
  EXPECT_EQ(HumanDuration(""), "");
}

TEST(ParseSeconds, TakesFractions) {
  EXPECT_EQ(ParseSeconds("10"), 10s);
  EXPECT_EQ(ParseSeconds("0"), 0s);
  EXPECT_EQ(ParseSeconds("0.5"), 500ms);
  EXPECT_EQ(ParseSeconds(".25"), 250ms);
  EXPECT_EQ(ParseSeconds("2."), 2s);
  EXPECT_EQ(ParseSeconds("1.0000000019"), 1s + 1ns);
}

TEST(ParseSeconds, RefusesWhatIsNone) {
  for (const char* text : {"", ".", "abc", "1s", "-1", "1.2.3", "1e3", " 1", "99999999999"}) {
    EXPECT_EQ(ParseSeconds(text), std::nullopt) << text;
  }
}

TEST(Cut, KeepsCharactersWhole) {
  EXPECT_EQ(Cut("backup", 6), "backup");
  EXPECT_EQ(Cut("backups", 6), "bac...");
  EXPECT_EQ(Cut("\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc", 4), "\xc3\xbc...");
}

}  // namespace
}  // namespace redlock::cli
