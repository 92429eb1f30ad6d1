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

TEST(FormatTime, IsInTheZoneThatIsAskedFor) {
  EXPECT_EQ(FormatTime(1'000'000'000, "%FT%T", gmtime_r), "2001-09-09T01:46:40");
  EXPECT_EQ(FormatTime(0, "%T", gmtime_r), "00:00:00");
}

TEST(Cut, KeepsCharactersWhole) {
  EXPECT_EQ(Cut("backup", 6), "backup");
  EXPECT_EQ(Cut("backups", 6), "bac...");
  EXPECT_EQ(Cut("\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc", 4), "\xc3\xbc...");
}

}  // namespace
}  // namespace redlock::cli
