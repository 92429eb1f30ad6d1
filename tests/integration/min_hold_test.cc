// `redlock run --min-hold`, as cron starts it on several hosts: three daemons on the same nodes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <random>

#include "tests/support/daemon.h"

namespace redlockd::test {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

// Longer than any test takes: that it ends nobody is to see.
constexpr char kLong[] = "1h";

class MinHoldTest : public testing::Test {
 protected:
  MinHoldTest() {
    for (Daemon* host : hosts_) host->WaitForNodes(5);
  }
  static std::vector<std::string> Run(const Daemon& host, const std::vector<std::string>& args) {
    std::vector<std::string> argv = {REDLOCKD_TEST_REDLOCK, "--socket", host.socket(), "run"};
    argv.insert(argv.end(), args.begin(), args.end());
    return argv;
  }
  // Runs the job, once in each period named so; the job says that it has run.
  static std::vector<std::string> Nightly(const Daemon& host, const std::string& period,
                                          const std::string& job = "echo ran") {
    return Run(host, {"-n", "-E", "0", "--min-hold", kLong, period, "-c", job});
  }
  // Nodes that keep the key for longer than its lease is.
  std::size_t Keep(const std::string& key) {
    std::size_t count = 0;
    for (std::size_t i = 0; i < world_.nodes.size(); ++i) {
      count += std::stoll(world_.nodes[i].Command({"PTTL", key})) > 3'000'000;
    }
    return count;
  }

  World world_{5, {.more = "drain_time: 500ms\n"}};
  Daemon second_{world_.nodes.Addresses()};
  Daemon third_{world_.nodes.Addresses()};
  std::array<Daemon*, 3> hosts_{&world_.daemon, &second_, &third_};
};

TEST_F(MinHoldTest, AJobRunsOnOneHostInEachPeriod) {
  std::mt19937 random(1);
  std::map<const Daemon*, int> runs;
  for (int period = 0; period < 40; ++period) {
    const std::string name = "nightly-" + std::to_string(period);
    std::shuffle(hosts_.begin(), hosts_.end(), random);
    std::vector<std::unique_ptr<Process>> jobs;
    for (const Daemon* host : hosts_) {
      jobs.push_back(std::make_unique<Process>(Nightly(*host, name)));
      // Some start when the first job has long ended.
      if (random() % 2 == 0) jobs.back()->Wait();
    }
    std::size_t ran = 0;
    for (std::size_t i = 0; i < jobs.size(); ++i) {
      EXPECT_EQ(jobs[i]->Wait(), ExitCode(0));
      const bool did = jobs[i]->ReadToEnd() == "ran\n";
      ran += did;
      runs[hosts_[i]] += did;
    }
    ASSERT_EQ(ran, 1u) << name;
  }
  EXPECT_EQ(runs.size(), 3u);
}

TEST_F(MinHoldTest, TheDaemonsRestartChangesNothing) {
  ASSERT_EQ(RunProgram(Nightly(world_.daemon, "a")).output, "ran\n");
  EXPECT_EQ(world_.daemon.Stop(), ExitCode(0));
  EXPECT_EQ(Keep("a"), 5u);
  world_.daemon.Start();
  for (const Daemon* host : hosts_) {
    const Ran again = RunProgram(Nightly(*host, "a"));
    EXPECT_EQ(again.exit, ExitCode(0));
    EXPECT_EQ(again.output, "");
  }
}

// The daemon stops while the job runs: it is lost, but nobody runs it again.
TEST_F(MinHoldTest, AJobThatTheDaemonsStopEndsIsNotRunAgain) {
  Process job(Nightly(world_.daemon, "a", "echo ran; sleep 1000"));
  EXPECT_EQ(job.ReadLine(), "ran");
  EXPECT_EQ(world_.daemon.Stop(), ExitCode(0));
  EXPECT_EQ(job.Wait(), ExitCode(79));
  EXPECT_EQ(Keep("a"), 5u);
  EXPECT_EQ(RunProgram(Nightly(second_, "a")).output, "");
}

TEST_F(MinHoldTest, TheDeathOfTheWrapperChangesNothing) {
  Process job(Nightly(world_.daemon, "a", "echo ran; sleep 1000"));
  EXPECT_EQ(job.ReadLine(), "ran");
  job.Signal(SIGKILL);
  EXPECT_TRUE(Eventually([&] { return world_.daemon.Stat("kept") == 1; }));
  EXPECT_TRUE(Eventually([&] { return Keep("a") == 5; }));
  world_.daemon.Kill();
  EXPECT_EQ(RunProgram(Nightly(second_, "a")).output, "");
}

TEST_F(MinHoldTest, AMinorityOfTheNodesMayDieMeanwhile) {
  world_.nodes[0].Kill();
  ASSERT_EQ(RunProgram(Nightly(world_.daemon, "a")).output, "ran\n");
  EXPECT_TRUE(Eventually([&] {
    std::size_t count = 0;
    for (std::size_t i = 1; i < 5; ++i) {
      count += std::stoll(world_.nodes[i].Command({"PTTL", "a"})) > 3'000'000;
    }
    return count == 4;
  }));
  world_.nodes[1].Kill();
  EXPECT_EQ(RunProgram(Nightly(second_, "a")).output, "");
}

TEST_F(MinHoldTest, IsShownAndEnds) {
  LineClient here = world_.Connect(), there = second_.Connect();
  const Duration begin = BootTime();
  ASSERT_EQ(here.Brief("lock a min-hold=1s"), "OK");
  const Reply released = here.Ask("unlock a sync");
  EXPECT_EQ(Brief(released), "OK");
  EXPECT_THAT(Get(released, "kept"), testing::MatchesRegex("[0-9]+ms"));
  here.Ask("list");
  ASSERT_EQ(here.rows().size(), 1u);
  EXPECT_EQ(Get(here.rows()[0], "state"), "kept");
  EXPECT_THAT(
      RunProgram({REDLOCKD_TEST_REDLOCK, "--socket", world_.daemon.socket(), "list"}).output,
      HasSubstr("kept"));
  EXPECT_EQ(there.Brief("trylock a"), "ERR busy");
  EXPECT_EQ(there.Brief("lock a"), "OK");
  EXPECT_GE(BootTime(), begin + std::chrono::seconds(1));
  EXPECT_TRUE(Eventually([&] { return world_.daemon.Stat("kept") == 0; }));
}

TEST_F(MinHoldTest, IsRefusedWhereItCannotBe) {
  const Ran ran = RunProgram(
      Run(world_.daemon, {"--min-hold", "2m", "--max-hold", "1m", "a", "--", "echo", "ran"}));
  EXPECT_EQ(ran.exit, ExitCode(64));
  EXPECT_THAT(ran.output, HasSubstr("min-hold: expected at most max-hold, 1m, found 2m"));
  const Ran long_ran = RunProgram(Run(world_.daemon, {"--min-hold", "25h", "a", "--", "true"}));
  EXPECT_EQ(long_ran.exit, ExitCode(64));
  EXPECT_THAT(long_ran.output, HasSubstr("min-hold: expected at most 24h"));
}

}  // namespace
}  // namespace redlockd::test
