#include "tests/faults/history.h"

#include <gtest/gtest.h>

#include <fstream>
#include <stdexcept>

#include "tests/faults/store.h"
#include "tests/support/files.h"

namespace redlockd::test::faults {
namespace {

TEST(History, AnEventIsReadAsItWasWritten) {
  const Event event{.at = 12s + 34ns,
                    .who = "d1c3",
                    .what = "answer",
                    .fields = {{"id", "7"}, {"deadline", "13.500000000"}},
                    .text = "held by pid 12"};
  const std::string line = "12.000000034 d1c3 answer id=7 deadline=13.500000000 : held by pid 12";
  EXPECT_EQ(Format(event), line);
  const Event read = ParseEvent(line);
  EXPECT_EQ(Format(read), line);
  EXPECT_EQ(read.Number("id"), 7u);
  EXPECT_EQ(read.Time("deadline"), 13500ms);
  EXPECT_EQ(read.Get("other"), "");
}

TEST(History, TimesBeforeTheRun) {
  EXPECT_EQ(ToText(-1500ms), "-1.500000000");
  EXPECT_EQ(ParseTime("-1.5"), -1500ms);
  EXPECT_EQ(ParseTime("2"), 2s);
  for (const char* wrong : {"", "x", "1.x", "1 2"})
    EXPECT_THROW(ParseTime(wrong), std::runtime_error);
}

TEST(History, MergesJournalsInOrderAndLeavesOutACutLine) {
  const TempDir dir;
  const Journal one(dir / "one", "d1c1", BootTime()), two(dir / "two", "d2c1", BootTime());
  one.NoteAt(1s, "a", {});
  two.NoteAt(2s, "b", {{"x", "1"}});
  one.NoteAt(3s, "c", {}, "some\ntext");
  std::ofstream(dir / "two", std::ios::app) << "4.0 d2c1 cut of";
  const std::vector<Event> events = ReadJournals(dir.path());
  ASSERT_EQ(events.size(), 3u);
  EXPECT_EQ(events[0].who + events[1].who + events[2].who, "d1c1d2c1d1c1");
  EXPECT_EQ(events[2].text, "some|text");
}

TEST(Store, RefusesALowerFenceThanItHasSeen) {
  const TempDir dir;
  Store store(dir / "store"), same(dir / "store");
  std::uint64_t greatest = 0;
  EXPECT_TRUE(store.Put(0, 5, &greatest));
  EXPECT_TRUE(same.Put(0, 5, &greatest)) << "the holder writes again";
  EXPECT_TRUE(same.Put(0, 7, &greatest));
  EXPECT_FALSE(store.Put(0, 6, &greatest));
  EXPECT_EQ(greatest, 7u);
  EXPECT_TRUE(store.Put(1, 1, &greatest)) << "each slot has its own";
}

}  // namespace
}  // namespace redlockd::test::faults
