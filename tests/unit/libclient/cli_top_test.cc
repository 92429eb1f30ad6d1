// redlock top: the page, and the program on a terminal.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <random>
#include <sstream>

#include "libclient/cli/text.h"
#include "libclient/cli/top/page.h"
#include "tests/unit/libclient/cli_fake_daemon.h"
#include "tests/unit/libclient/cli_rows.h"

namespace redlock::cli {
namespace {

using std::chrono::seconds;
using testing::HasSubstr;
using testing::Not;

Sample At(seconds time, std::initializer_list<std::pair<const char*, std::string>> counters) {
  Sample sample;
  sample.at += time;
  sample.nodes.rows = {
      Of({{"node", "1"}, {"address", "a:1"}, {"state", "up"}, {"rtt", "80us"}}),
      Of({{"node", "2"}, {"address", "b:1"}, {"state", "down"}, {"text", "refused"}})};
  sample.nodes.last = Of({{"up", "1"}, {"nodes", "2"}, {"quorum", "2"}});
  for (const auto& [name, value] : counters) {
    sample.stats.rows.push_back(Of({{"name", name}, {"value", value}}));
  }
  sample.list.last = Of({{"holds", "0"}, {"waits", "0"}});
  return sample;
}

void AddHold(Sample& sample, const std::string& lock, const std::string& held) {
  sample.list.rows.push_back(Of({{"lock", lock},
                                 {"state", "held"},
                                 {"left", "9s"},
                                 {"held", held},
                                 {"pid", "12"},
                                 {"uid", "0"},
                                 {"cmd", "cron"}}));
}

void AddWait(Sample& sample, const std::string& lock, const std::string& waited) {
  sample.list.rows.push_back(Of({{"lock", lock}, {"state", "waiting"}, {"waited", waited}}));
}

TEST(TopPage, HasNodesAndLocks) {
  Sample now = At(seconds(1), {{"grants", "7"}});
  AddHold(now, "a", "90s");
  now.list.last = Of({{"holds", "1"}, {"waits", "0"}});
  EXPECT_EQ(PageOf(now, {}, "14:03:07", {}),
            "redlock top, 14:03:07\n"
            "1 held, 0 waiting\n"
            "\n"
            "NODE  ADDRESS  STATE  RTT   WHY\n"
            "1     a:1      up     80us\n"
            "2     b:1      down         refused\n"
            "1 of 2 up, 2 needed\n"
            "\n"
            "LOCK  STATE  FOR    LEFT  PID  UID  COMMAND\n"
            "a     held   1m30s  9.0s  12   0    cron\n");
}

TEST(TopPage, RatesAreThoseSinceThePageBefore) {
  const Sample before = At(seconds(10), {{"grants", "100"}, {"busy", "5"}, {"lost", "1"}});
  const Sample now = At(seconds(12), {{"grants", "350"}, {"busy", "5"}, {"lost", "2"}});
  EXPECT_THAT(PageOf(now, before, "", {}), HasSubstr("\ngrants 125/s   busy 0/s   lost 0.5/s\n"));
  EXPECT_THAT(PageOf(now, {}, "", {}), Not(HasSubstr("/s")));
  // A daemon that has started anew counts from 0.
  const Sample anew = At(seconds(13), {{"grants", "3"}, {"busy", "6"}});
  EXPECT_THAT(PageOf(anew, now, "", {}), HasSubstr("\nbusy 1.0/s\n"));
}

TEST(TopPage, WhatMostWaitForComesFirstThenWhatIsHeldForLongest) {
  Sample now = At(seconds(1), {});
  AddHold(now, "short", "1s");
  AddHold(now, "long", "1h");
  AddHold(now, "hot", "2s");
  AddWait(now, "hot", "300ms");
  AddWait(now, "hot", "4s");
  AddWait(now, "free", "10ms");
  const std::string page = PageOf(now, {}, "", {});
  EXPECT_THAT(page, HasSubstr("LOCK   WAITING  LONGEST  STATE  FOR    LEFT  PID  UID  COMMAND\n"
                              "hot    2        4.0s     held   2.0s   9.0s  12   0    cron\n"
                              "free   1        10ms     free\n"
                              "long                     held   1h00m  9.0s  12   0    cron\n"
                              "short                    held   1.0s   9.0s  12   0    cron\n"))
      << page;
}

TEST(TopPage, FitsTheRoom) {
  Sample now = At(seconds(1), {{"grants", "1"}});
  for (int i = 0; i < 100; ++i) AddHold(now, "lock-" + std::to_string(i), "1s");
  for (const std::size_t lines : {1, 2, 8, 12, 24, 60}) {
    for (const std::size_t places : {1, 10, 40, 200}) {
      const std::string page = PageOf(now, now, "14:03:07", {.places = places, .lines = lines});
      EXPECT_LE(std::count(page.begin(), page.end(), '\n'), static_cast<std::ptrdiff_t>(lines));
      std::istringstream text(page);
      for (std::string line; std::getline(text, line);) {
        EXPECT_LE(Places(line), std::max<std::size_t>(places, 3)) << line;
      }
    }
  }
  const std::string page = PageOf(now, {}, "", {.places = 0, .lines = 24});
  EXPECT_EQ(std::count(page.begin(), page.end(), '\n'), 24) << "all of it is used";
}

TEST(TopPage, TroubleStandsInPlaceOfTheRest) {
  Sample now;
  now.trouble = "no daemon\x1b[2J";
  EXPECT_EQ(PageOf(now, {}, "14:03:07", {}), "redlock top, 14:03:07\nno daemon\\x1B[2J\n");
}

TEST(TopPage, WhateverTheDaemonSaysATerminalObeysNothing) {
  std::mt19937 random(4711);
  const auto bytes = [&random] {
    std::string text(random() % 12, '\0');
    for (char& c : text) c = static_cast<char>(random());
    return text;
  };
  for (int round = 0; round < 300; ++round) {
    Sample now;
    for (Answer* answer : {&now.nodes, &now.stats, &now.list}) {
      for (int i = 0; i < 3; ++i) {
        Row& row = answer->rows.emplace_back();
        for (const char* key : {"lock", "state", "held", "left", "waited", "pid", "uid", "cmd",
                                "as", "note", "node", "address", "text", "name", "value"}) {
          if (random() % 3 != 0) row.Add(key, bytes());
        }
      }
      for (const char* key : {"up", "nodes", "quorum", "holds", "waits"}) {
        answer->last.Add(key, bytes());
      }
    }
    std::string page = PageOf(now, now, "", {.places = random() % 60, .lines = random() % 30});
    std::erase(page, '\n');
    ASSERT_EQ(Printable(page), page);
  }
}

}  // namespace
}  // namespace redlock::cli

namespace redlockd::test {
namespace {

using testing::HasSubstr;

class CliTop : public testing::Test {
 protected:
  // The questions of one look, answered; `grants` is the counter.
  static void AnswerALook(FakeSession& session, const std::string& grants) {
    auto request = session.Read();
    EXPECT_EQ(request.verb, "nodes");
    session.Answer(request, "OK up=3 nodes=3 quorum=2");
    request = session.Read();
    EXPECT_EQ(request.verb, "stats");
    session.Answer(request, "- name=grants value=" + grants);
    session.Answer(request, "OK");
    request = session.Read();
    EXPECT_EQ(request.verb, "list");
    session.Answer(request, "- lock=job state=held fence=7 held=1s left=9s pid=12 uid=0 cmd=x");
    session.Answer(request, "OK holds=1 waits=0");
  }

  FakeDaemon daemon_;
};

constexpr char kEnter[] = "\x1b[?1049h";
constexpr char kLeave[] = "\x1b[?1049l";

TEST_F(CliTop, LooksAgainUntilQIsTyped) {
  Process top(daemon_.Redlock({"top", "--interval", "100ms"}), {.terminal = true});
  FakeSession session = daemon_.Accept();
  EXPECT_THAT(top.ReadUntil(kEnter), HasSubstr(kEnter));
  AnswerALook(session, "100");
  top.ReadUntil("job ");
  AnswerALook(session, "1000000");
  top.ReadUntil("grants ");
  top.Write("xq");
  EXPECT_THAT(top.ReadToEnd(), HasSubstr(kLeave));
  EXPECT_EQ(top.Wait(), ExitCode(0));
}

TEST_F(CliTop, SurvivesTheDaemon) {
  Process top(daemon_.Redlock({"top", "--interval", "100ms"}), {.terminal = true});
  {
    FakeSession session = daemon_.Accept();
    AnswerALook(session, "100");
    top.ReadUntil("job ");
  }
  top.ReadUntil("connection closed");
  FakeSession session = daemon_.Accept();
  AnswerALook(session, "1");
  top.ReadUntil("job ");
}

TEST_F(CliTop, GivesTheTerminalBackWhenASignalEndsIt) {
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) {
    Process top(daemon_.Redlock({"top"}), {.terminal = true});
    top.ReadUntil(kEnter);
    FakeSession session = daemon_.Accept();
    AnswerALook(session, "1");
    top.ReadUntil("job ");
    top.Signal(number);
    top.ReadUntil(kLeave);
    EXPECT_EQ(top.Wait(), KilledBy(number));
  }
}

TEST_F(CliTop, GivesTheTerminalBackWhileItIsStopped) {
  Process top(daemon_.Redlock({"top"}), {.terminal = true});
  FakeSession session = daemon_.Accept();
  AnswerALook(session, "1");
  top.ReadUntil("job ");
  top.Signal(SIGTSTP);
  top.ReadUntil(kLeave);
  ASSERT_TRUE(Eventually([&] { return StateOf(top.pid()) == 'T'; }));
  top.Resume();
  top.ReadUntil(kEnter);
  AnswerALook(session, "2");
  top.ReadUntil("job ");
}

TEST_F(CliTop, WithoutATerminalItPrintsThePageOnce) {
  Process top(daemon_.Redlock({"top"}));
  FakeSession session = daemon_.Accept();
  AnswerALook(session, "100");
  const std::string page = top.ReadToEnd();
  EXPECT_THAT(page, HasSubstr("3 of 3 up, 2 needed\n"));
  EXPECT_THAT(page, testing::Not(HasSubstr("\x1b")));
  EXPECT_EQ(top.Wait(), ExitCode(0));
}

TEST_F(CliTop, WithoutADaemonAndATerminalItFails) {
  const Ran ran = RunProgram({REDLOCKD_TEST_REDLOCK, "--socket", daemon_ / "none", "top"});
  EXPECT_EQ(ran.exit, ExitCode(69));
  EXPECT_THAT(ran.output, testing::StartsWith("redlock: "));
}

TEST_F(CliTop, RefusesAnIntervalThatIsTooShort) {
  const Ran ran = RunProgram({REDLOCKD_TEST_REDLOCK, "top", "--interval", "99ms"});
  EXPECT_EQ(ran.exit, ExitCode(64));
  EXPECT_THAT(ran.output, HasSubstr("--interval: expected at least 100ms, found 99ms"));
}

}  // namespace
}  // namespace redlockd::test
