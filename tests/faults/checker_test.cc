// The checker on histories written by hand: what is as it should be, and each thing that is not.
#include "tests/faults/checker.h"

#include <gmock/gmock.h>

#include <sstream>

#include "tests/faults/history.h"

namespace redlockd::test::faults {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::vector<Event> History(const std::string& text) {
  std::vector<Event> events;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (!line.empty()) events.push_back(ParseEvent(line));
  }
  return events;
}

std::vector<std::string> Violations(const std::string& text) {
  std::vector<std::string> found;
  for (const Violation& violation : Check(Tell(History(text))).violations) {
    found.push_back(violation.what);
  }
  return found;
}

Report Judge(const std::string& text) { return Check(Tell(History(text))); }

// Two clients on two hosts, one after the other; the first lets go.
constexpr char kGood[] = R"(
0.000000000 run begin
0.100000000 d1c1 start
0.100000000 d1c1 connect
0.100000000 d2c1 start
0.100000000 d2c1 connect
1.000000000 d1c1 ask id=1 verb=lock lock=a : ttl=2s events=renew
1.010000000 d1c1 answer id=1 verb=lock lock=a is=OK fence=5 deadline=3.000000000 ttl=2s
1.020000000 d2c1 ask id=1 verb=lock lock=a
1.200000000 d1c1 write lock=a fence=5 begin=1.100000000 taken=1 greatest=5 read=0 wrote=11
1.700000000 d1c1 told word=RENEWED lock=a fence=5 deadline=3.600000000
2.000000000 d1c1 release lock=a fence=5
2.000000000 d1c1 ask id=2 verb=unlock lock=a
2.010000000 d1c1 answer id=2 verb=unlock lock=a is=OK
2.100000000 d2c1 answer id=1 verb=lock lock=a is=OK fence=6 deadline=4.090000000 ttl=2s
2.200000000 d2c1 write lock=a fence=6 begin=2.150000000 taken=1 greatest=6 read=11 wrote=21
2.300000000 d2c1 disconnect how=quit
2.300000000 d2c1 ask id=2 verb=quit lock=
2.310000000 d2c1 answer id=2 verb=quit lock= is=OK
3.000000000 run end
)";

// The same with one line in place of the one that begins as it does, up to the id or the word.
std::string With(const std::string& line, const std::string& instead_of) {
  std::string text = kGood;
  const std::size_t at = text.find(instead_of);
  EXPECT_NE(at, std::string::npos) << instead_of;
  text.replace(at, text.find('\n', at) - at, line);
  return text;
}

TEST(Checker, FindsNothingInAGoodHistory) {
  const Report report = Judge(kGood);
  EXPECT_THAT(report.violations, IsEmpty());
  EXPECT_EQ(report.holds, 2u);
  EXPECT_EQ(report.rightful_writes, 2u);
  EXPECT_THAT(report.contended_waits, ElementsAre(10ms, 1080ms));
  EXPECT_EQ(report.lost_updates, 0u);
}

TEST(Checker, FindsAnOverlap) {
  // Granted while the first holds: before its deadline, and before it lets go.
  EXPECT_THAT(Violations(With("1.900000000 d2c1 answer id=1 verb=lock lock=a is=OK fence=6 "
                              "deadline=3.890000000 ttl=2s",
                              "2.100000000 d2c1 answer")),
              ElementsAre(HasSubstr("overlap: d1c1's hold")));
}

TEST(Checker, AHoldEndsAtItsDeadline) {
  // It is never let go; the next comes after the deadline, and then before it.
  std::string text = With("2.000000000 d1c1 told word=JEOPARDY lock=a fence=5 deadline=3.600000000",
                          "2.000000000 d1c1 release");
  text = text.substr(0, text.find("2.000000000 d1c1 ask"));
  EXPECT_THAT(Violations(text + "3.590000000 d1c1 told word=LOST lock=a fence=5 reason=expired\n"
                                "3.610000000 d2c1 answer id=1 verb=lock lock=a is=OK fence=6 "
                                "deadline=5.600000000 ttl=2s\n4.0 run end\n"),
              IsEmpty());
  EXPECT_THAT(Violations(text + "3.550000000 d2c1 answer id=1 verb=lock lock=a is=OK fence=6 "
                                "deadline=5.500000000 ttl=2s\n3.6 run end\n"),
              ElementsAre(HasSubstr("overlap")));
}

TEST(Checker, AHoldOutlivesItsDaemonButNotItsClient) {
  const std::string begun = std::string(kGood).substr(0, std::string(kGood).find("2.000000000"));
  const std::string next =
      "2.400000000 d2c1 answer id=1 verb=lock lock=a is=OK fence=6 deadline=4.390000000 ttl=2s\n"
      "2.5 run end\n";
  EXPECT_THAT(Violations(begun +
                         "2.100000000 d1 fault kind=kill-daemon\n"
                         "2.200000000 d1c1 disconnect how=eof\n" +
                         next),
              ElementsAre(HasSubstr("overlap")));
  EXPECT_THAT(Violations(begun + "2.100000000 d1c1 fault kind=kill-client once=1\n" + next),
              IsEmpty());
}

TEST(Checker, FindsAFenceGivenTwice) {
  EXPECT_THAT(Violations(With("2.100000000 d2c1 answer id=1 verb=lock lock=a is=OK fence=5 "
                              "deadline=4.090000000 ttl=2s",
                              "2.100000000 d2c1 answer")),
              testing::Contains(HasSubstr("fence given twice")));
}

TEST(Checker, FindsAFenceThatShrinks) {
  EXPECT_THAT(Violations(With("2.100000000 d2c1 answer id=1 verb=lock lock=a is=OK fence=4 "
                              "deadline=4.090000000 ttl=2s",
                              "2.100000000 d2c1 answer")),
              testing::Contains(HasSubstr("fence shrank")));
}

TEST(Checker, AGrantThatIsReadLateIsNoFenceThatShrinks) {
  // Granted at 1.0, read at 3.1 by a client that was stopped; another had it in between.
  EXPECT_THAT(Violations(R"(
0.000000000 run begin
0.900000000 d1c1 fault kind=stop-client
1.000000000 d1c1 ask id=1 verb=lock lock=a : ttl=500ms
2.000000000 d2c1 ask id=1 verb=lock lock=a : ttl=500ms
2.010000000 d2c1 answer id=1 verb=lock lock=a is=OK fence=6 deadline=2.500000000 ttl=500ms
3.100000000 d1c1 over kind=stop-client
3.100000000 d1c1 answer id=1 verb=lock lock=a is=OK fence=5 deadline=1.500000000 ttl=500ms
3.200000000 run end
)"),
              IsEmpty());
}

TEST(Checker, FindsAStaleWriteTaken) {
  EXPECT_THAT(
      Violations(With("2.400000000 d1c1 write lock=a fence=5 begin=2.350000000 taken=1 greatest=6 "
                      "read=21 wrote=12\n3.000000000 run end",
                      "3.000000000 run end")),
      ElementsAre(HasSubstr("stale write taken")));
  const Report refused =
      Judge(With("2.400000000 d1c1 write lock=a fence=5 begin=2.350000000 taken=0 greatest=6 "
                 "read=21 wrote=12\n3.000000000 run end",
                 "3.000000000 run end"));
  EXPECT_THAT(refused.violations, IsEmpty());
  EXPECT_EQ(refused.refused_writes, 1u);
}

TEST(Checker, FindsAHoldersWriteRefused) {
  EXPECT_THAT(Violations(With("2.200000000 d2c1 write lock=a fence=6 begin=2.150000000 taken=0 "
                              "greatest=7 read=11 wrote=21",
                              "2.200000000 d2c1 write")),
              ElementsAre(HasSubstr("a holder's write was refused")));
}

TEST(Checker, FindsALostUpdate) {
  EXPECT_THAT(Violations(With("2.200000000 d2c1 write lock=a fence=6 begin=2.150000000 taken=1 "
                              "greatest=6 read=0 wrote=21",
                              "2.200000000 d2c1 write")),
              ElementsAre(HasSubstr("lost update of a: d1c1 and d2c1")));
  // By one who writes after the end of its hold it is no more than counted.
  const Report stale =
      Judge(With("2.400000000 d1c1 write lock=a fence=5 begin=2.350000000 taken=0 greatest=6 "
                 "read=11 wrote=12\n3.000000000 run end",
                 "3.000000000 run end"));
  EXPECT_THAT(stale.violations, IsEmpty());
  EXPECT_EQ(stale.lost_updates, 1u);
}

TEST(Checker, FindsAWaiterThatIsNotAnswered) {
  EXPECT_THAT(Violations("0.0 run begin\n1.0 d1c1 connect\n1.0 d1c1 ask id=1 verb=lock lock=a\n"
                         "20.0 d1c1 unanswered id=1\n21.0 run end\n"),
              ElementsAre(HasSubstr("d1c1: no answer after healing")));
}

TEST(Checker, FindsAnswersTooMany) {
  EXPECT_THAT(Violations(With("2.010000000 d1c1 answer id=1 verb=lock lock=a is=busy",
                              "2.010000000 d1c1 answer")),
              ElementsAre(HasSubstr("answered twice")));
  EXPECT_THAT(Violations(With("2.010000000 d1c1 stray : #9 OK", "2.010000000 d1c1 answer")),
              ElementsAre(HasSubstr("nothing asked for")));
}

TEST(Checker, FindsAnAnswerThatShouldNotBe) {
  EXPECT_THAT(Violations(With("2.010000000 d1c1 answer id=2 verb=unlock lock=a is=internal",
                              "2.010000000 d1c1 answer")),
              ElementsAre(HasSubstr("unlock a was answered internal")));
}

TEST(Checker, FindsASessionThatTheDaemonEnded) {
  const std::string text =
      "0.0 run begin\n1.0 d1c1 connect\n1.0 d1c1 ask id=1 verb=lock lock=a\n"
      "2.0 d1c1 disconnect how=eof\n3.0 run end\n";
  EXPECT_THAT(Violations(text), ElementsAre(HasSubstr("the daemon ended the session")));
  EXPECT_THAT(Violations("0.0 run begin\n0.5 d1 fault kind=kill-daemon\n" + text.substr(14)),
              IsEmpty());
}

// LOST after the deadline of 3.6, and never.
TEST(Checker, FindsALossToldLateOrNever) {
  std::string text = kGood;
  text = text.substr(0, text.find("2.000000000"));
  const std::string late = "5.100000000 d1c1 told word=LOST lock=a fence=5 reason=expired\n";
  const std::string end = "9.000000000 run end\n";
  EXPECT_THAT(Violations(text + late + end), ElementsAre(HasSubstr("told LOST 1.5")));
  EXPECT_THAT(Violations(text + end), ElementsAre(HasSubstr("never told LOST")));
  // Not where it was the daemon or the client that could not.
  for (const std::string who : {"d1", "d1c1"}) {
    const std::string stopped = "2.000000000 " + who + " fault kind=stop\n";
    const std::string resumed = "5.090000000 " + who + " over kind=stop\n";
    EXPECT_THAT(Violations(text + stopped + resumed + late + end), IsEmpty());
  }
  const Report soon =
      Judge(text + "3.650000000 d1c1 told word=LOST lock=a fence=5 reason=expired\n" + end);
  EXPECT_THAT(soon.violations, IsEmpty());
  EXPECT_EQ(soon.late_losses, 1u);
}

TEST(Checker, FindsADeadlineThatMovedBack) {
  EXPECT_THAT(Violations(With("1.700000000 d1c1 told word=JEOPARDY lock=a fence=5 "
                              "deadline=2.900000000",
                              "1.700000000 d1c1 told")),
              ElementsAre(HasSubstr("moved back")));
}

TEST(Checker, FindsADeadlineThatIsTooFar) {
  EXPECT_THAT(Violations(With("2.100000000 d2c1 answer id=1 verb=lock lock=a is=OK fence=6 "
                              "deadline=4.110000000 ttl=2s",
                              "2.100000000 d2c1 answer")),
              ElementsAre(HasSubstr("more than a ttl away")));
}

// A command under `redlock run` holds while it is seen alive.
constexpr char kSection[] = R"(
0.000000000 run begin
1.000000000 d1run start
1.000000000 d1run run lock=a
1.010000000 d1run section lock=a fence=5
1.020000000 d1run beat lock=a fence=5 begin=1.020000000 taken=1 greatest=5
2.020000000 d1run beat lock=a fence=5 begin=2.020000000 taken=1 greatest=5
)";

TEST(Checker, FindsACommandThatRanTooLong) {
  const auto granted = [](const std::string& at) {
    return at + " d2c1 ask id=1 verb=lock lock=a : ttl=500ms\n" + at +
           " d2c1 answer id=1 verb=lock lock=a is=OK fence=6 deadline=2.900000000 ttl=500ms\n" +
           "3.0 run end\n";
  };
  EXPECT_THAT(Violations(kSection + granted("2.500000000")), IsEmpty());
  const std::string lives_on =
      "2.600000000 d1run beat lock=a fence=5 begin=2.600000000 taken=1 greatest=5\n";
  const auto late = [&](const std::string& more) {
    std::string text = granted("2.500000000");
    return text.insert(text.find("3.0 run end"), lives_on + more);
  };
  EXPECT_THAT(Violations(kSection + late("")), ElementsAre(HasSubstr("overlap: d1run's hold")));
  const Report stalled =
      Judge(kSection + late("2.700000000 run stalled from=2.300000000 for=0.4\n"));
  EXPECT_THAT(stalled.violations, IsEmpty());
  EXPECT_EQ(stalled.excused, 1u);
}

TEST(Checker, PassesOnWhatTheRunSays) {
  EXPECT_THAT(Violations("0.0 run begin\n1.0 run problem : processes are left\n2.0 run end\n"),
              ElementsAre("run: processes are left"));
}

}  // namespace
}  // namespace redlockd::test::faults
