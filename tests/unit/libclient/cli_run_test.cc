// redlock run without a terminal and without a deadline that comes near.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <map>

#include "protocol/duration.h"
#include "tests/unit/libclient/cli_fake_daemon.h"

namespace redlockd::test {
namespace {

using redlock::protocol::Field;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr Duration kFar = 1h;

// A run whose lock is granted at once, far from its deadline.
class CliRun : public testing::Test {
 protected:
  // Its exit code, with the lock let go at the end.
  Exit Run(const std::vector<std::string>& args) {
    Process redlock(daemon_.Redlock(args));
    FakeSession session = daemon_.Accept();
    session.Grant(kFar, "1h");
    session.TakeUnlock();
    output_ = redlock.ReadToEnd();
    EXPECT_TRUE(session.IsAtEnd());
    return redlock.Wait();
  }

  FakeDaemon daemon_;
  std::string output_;
};

TEST_F(CliRun, TheCommandsOwnExitCode) {
  EXPECT_EQ(Run({"run", "job", "--", "true"}), ExitCode(0));
  EXPECT_THAT(output_, IsEmpty());
  EXPECT_EQ(Run({"run", "job", "--", "sh", "-c", "exit 7"}), ExitCode(7));
  EXPECT_EQ(Run({"run", "job", "--", "sh", "-c", "kill -9 $$"}), ExitCode(137));
}

TEST_F(CliRun, AsksForWhatTheOptionsSay) {
  Process redlock(daemon_.Redlock({"run", "-w", "2.5", "--ttl", "8s", "--max-hold", "1h", "--note",
                                   "a b", "the job", "--", "true"}));
  FakeSession session = daemon_.Accept();
  const auto request = session.Read();
  EXPECT_EQ(request.verb, "lock");
  EXPECT_THAT(request.args, ElementsAre("the job"));
  std::map<std::string, std::string> options;
  for (const Field& option : request.options) options[option.key] = option.value;
  // What is left of it, now that we are connected.
  const auto wait = redlock::protocol::ParseDuration(options["wait"]);
  options.erase("wait");
  ASSERT_TRUE(wait.has_value());
  EXPECT_LE(*wait, 2500ms);
  EXPECT_GT(*wait, 0s);
  EXPECT_THAT(options, testing::UnorderedElementsAre(
                           testing::Pair("ttl", "8s"), testing::Pair("max-hold", "1h"),
                           testing::Pair("note", "a b"), testing::Pair("events", "renew")));
}

TEST_F(CliRun, WaitsForEverByDefaultAndNotAtAllWithN) {
  Process waits(daemon_.Redlock({"run", "job", "--", "true"}));
  FakeSession first = daemon_.Accept();
  EXPECT_THAT(first.Read().options, ElementsAre(Field{"events", "renew"}));
  Process does_not(daemon_.Redlock({"run", "-n", "job", "--", "true"}));
  FakeSession second = daemon_.Accept();
  EXPECT_THAT(second.Read().options, testing::Contains(Field{"wait", "0s"}));
}

TEST_F(CliRun, TheEnvironmentAndTheStandardStreamsOfTheCommand) {
  Process redlock(
      daemon_.Redlock({"run", "a b", "-c",
                       "echo $REDLOCK_NAME, $REDLOCK_FENCE, $REDLOCK_HELD; cat; echo e >&2"}),
      {.env = {{"SHELL", "/bin/sh"}, {"REDLOCK_HELD", "outer=1"}}, .input = Process::Input::kPipe});
  FakeSession session = daemon_.Accept();
  session.Grant(kFar, "1h");
  redlock.Write("from outside\n");
  redlock.CloseInput();
  session.TakeUnlock();
  EXPECT_EQ(redlock.ReadToEnd(),
            "a b, 1764010002123456, outer=1 a%20b=1764010002123456\nfrom outside\ne\n");
  EXPECT_EQ(redlock.Wait(), ExitCode(0));
}

TEST_F(CliRun, TheCommandInheritsTheSessionsSocketAndNoOtherDescriptorOfOurs) {
  const std::string look =
      "for f in /proc/$$/fd/*; do test ${f##*/} -lt 3 || readlink $f; done; true";
  const std::string own = RunProgram({"sh", "-c", look}).output;  // that the test was given
  EXPECT_EQ(Run({"run", "job", "--", "sh", "-c", look}), ExitCode(0));
  ASSERT_THAT(output_, testing::StartsWith(own));
  EXPECT_THAT(output_.substr(own.size()), testing::MatchesRegex("socket:[^\n]*\n"));
  for (const char* option : {"-o", "--close"}) {
    EXPECT_EQ(Run({"run", option, "job", "--", "sh", "-c", look}), ExitCode(0));
    EXPECT_EQ(output_, own) << option;
  }
}

TEST_F(CliRun, TheCommandLeadsAProcessGroupOfItsOwn) {
  EXPECT_EQ(Run({"run", "job", "--", "sh", "-c",
                 "read -r pid _ _ _ pgrp _ </proc/self/stat; test $pid = $pgrp"}),
            ExitCode(0));
}

// From /proc: the masks of blocked and of ignored signals.
constexpr char kMasks[] = "grep -E '^Sig(Blk|Ign)' /proc/self/status";

TEST_F(CliRun, TheCommandHasTheSignalMaskThatWeWereGiven) {
  const std::string without = RunProgram({"sh", "-c", kMasks}).output;
  EXPECT_EQ(Run({"run", "job", "--", "sh", "-c", kMasks}), ExitCode(0));
  EXPECT_EQ(output_, without);
}

TEST_F(CliRun, ASignalIgnoredBeforeStaysIgnored) {
  const std::string ignoring = "trap '' HUP PIPE CHLD; ";
  const std::string without = RunProgram({"sh", "-c", ignoring + kMasks}).output;
  std::string run;
  for (const std::string& word : daemon_.Redlock({"run", "job", "--"})) run += word + " ";
  Process redlock(
      {"sh", "-c", ignoring + "exec " + run + "sh -c \"kill -HUP $$; " + kMasks + "\""});
  FakeSession session = daemon_.Accept();
  session.Grant(kFar, "1h");
  session.TakeUnlock();
  EXPECT_EQ(redlock.ReadToEnd(), without);
  EXPECT_EQ(redlock.Wait(), ExitCode(0));
}

TEST_F(CliRun, WhatCannotBeExecuted) {
  EXPECT_EQ(Run({"run", "job", "--", "no-such-command"}), ExitCode(127));
  EXPECT_THAT(output_, HasSubstr("cannot execute no-such-command: No such file or directory"));
  EXPECT_EQ(Run({"run", "job", "--", "/"}), ExitCode(126));
  EXPECT_EQ(Run({"run", "-q", "job", "--", "no-such-command"}), ExitCode(127));
  EXPECT_THAT(output_, IsEmpty());
}

TEST_F(CliRun, TheLockEndsWithTheCommandNotWithWhatItLeavesBehind) {
  const std::string pid_file = daemon_ / "pid";
  EXPECT_EQ(
      Run({"run", "job", "--", "sh", "-c", "sleep 1000 >/dev/null 2>&1 & echo $! >" + pid_file}),
      ExitCode(0));
  const pid_t left = std::stoi(ReadFile(pid_file));
  EXPECT_NE(StateOf(left), 0);
  kill(left, SIGKILL);
  EXPECT_TRUE(Eventually([&] { return StateOf(left) == 0; }));
}

TEST_F(CliRun, VerboseTellsTheFence) {
  EXPECT_EQ(Run({"run", "-v", "job", "--", "true"}), ExitCode(0));
  EXPECT_THAT(output_,
              testing::ContainsRegex("^redlock: got job after .*, fence 1764010002123456"));
}

TEST_F(CliRun, AnUnlockThatIsNotAnsweredHoldsUpForAMomentOnly) {
  Process redlock(daemon_.Redlock({"run", "job", "--", "sh", "-c", "exit 3"}));
  FakeSession session = daemon_.Accept();
  session.Grant(kFar, "1h");
  EXPECT_EQ(session.Read().verb, "unlock");
  EXPECT_EQ(redlock.Wait(), ExitCode(3));
}

// --- The lock is not had

struct Refusal {
  const char* answer;
  int code;
};

class CliRunRefused : public testing::TestWithParam<Refusal> {};

TEST_P(CliRunRefused, ExitCode) {
  FakeDaemon daemon;
  for (const bool with_code : {false, true}) {
    std::vector<std::string> args{"run", "job", "--", "touch", daemon / "ran"};
    if (with_code) args.insert(args.begin() + 1, {"-q", "-E", "9"});
    Process redlock(daemon.Redlock(args));
    FakeSession session = daemon.Accept();
    session.Answer(session.Read(), std::string("ERR ") + GetParam().answer + " lock=job :held so");
    const std::string output = redlock.ReadToEnd();
    const bool busy = GetParam().code == 75;
    EXPECT_EQ(redlock.Wait(), test::ExitCode(with_code && busy ? 9 : GetParam().code));
    if (with_code) {
      EXPECT_THAT(output, IsEmpty());
    } else {
      EXPECT_THAT(output, testing::StartsWith("redlock: job: "));
      EXPECT_THAT(output, testing::EndsWith(": held so\n"));
    }
  }
  EXPECT_NE(access((daemon / "ran").c_str(), F_OK), 0);
}

// cron sends by mail what a job says, and a lock that is taken is no failure then.
TEST(CliRunBusy, WithExitCodeZeroATakenLockIsReportedOnlyIfAsked) {
  FakeDaemon daemon;
  for (const bool verbose : {false, true}) {
    for (const bool busy : {false, true}) {
      std::vector<std::string> args{"run", "-n", "-E", "0", "job", "--", "true"};
      if (verbose) args.insert(args.begin() + 1, "-v");
      Process redlock(daemon.Redlock(args));
      FakeSession session = daemon.Accept();
      session.Answer(session.Read(),
                     busy ? "ERR busy lock=job :held so" : "ERR no-quorum lock=job");
      EXPECT_EQ(redlock.ReadToEnd().empty(), busy && !verbose);
      EXPECT_EQ(redlock.Wait(), test::ExitCode(busy ? 0 : 68));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Codes, CliRunRefused,
                         testing::Values(Refusal{"busy", 75}, Refusal{"timeout", 75},
                                         Refusal{"no-turn", 67}, Refusal{"no-quorum", 68},
                                         Refusal{"limit", 69}, Refusal{"bad-name", 64},
                                         Refusal{"bad-request", 64}, Refusal{"internal", 70}));

TEST_F(CliRun, NoDaemon) {
  TempDir dir;
  const Ran ran = RunProgram({REDLOCKD_TEST_REDLOCK, "--socket", dir / "none", "run", "-n", "-E",
                              "9", "job", "--", "true"});
  EXPECT_EQ(ran.exit, ExitCode(69));
}

// Where systemd keeps the socket, the next daemon has who connects again.
TEST_F(CliRun, ADaemonThatStopsIsFollowedByAnother) {
  Process redlock(daemon_.Redlock({"run", "-w", "60", "job", "--", "sh", "-c", "exit 3"}));
  FakeSession first = daemon_.Accept();
  first.Answer(first.Read(), "ERR draining lock=job");
  FakeSession next = daemon_.Accept();
  next.Grant(kFar, "1h");
  next.TakeUnlock();
  EXPECT_EQ(redlock.ReadToEnd(), "");
  EXPECT_EQ(redlock.Wait(), ExitCode(3));
}

TEST_F(CliRun, ADaemonThatStopsAndIsTheSameStillRefuses) {
  Process redlock(daemon_.Redlock({"run", "job", "--", "true"}));
  for (int i = 0; i < 2; ++i) {
    FakeSession session = daemon_.Accept();
    session.Answer(session.Read(), "ERR draining lock=job :it stops");
  }
  EXPECT_THAT(redlock.ReadToEnd(), testing::EndsWith(": it stops\n"));
  EXPECT_EQ(redlock.Wait(), ExitCode(69));
}

TEST_F(CliRun, ADaemonThatDiesWhileWeWait) {
  Process redlock(daemon_.Redlock({"run", "job", "--", "true"}));
  for (int i = 0; i < 2; ++i) {
    FakeSession session = daemon_.Accept();
    session.Read();
    session.Close();
  }
  EXPECT_EQ(redlock.Wait(), ExitCode(69));
}

TEST_F(CliRun, ABoundedWaitOutlastsALackOfQuorumAndSaysSoOnce) {
  Process redlock(daemon_.Redlock({"run", "-w", "60", "job", "--", "sh", "-c", "exit 3"}));
  for (int i = 0; i < 3; ++i) {
    FakeSession session = daemon_.Accept();
    session.Answer(session.Read(), "ERR no-quorum lock=job :two nodes are away");
  }
  FakeSession next = daemon_.Accept();
  next.Grant(kFar, "1h");
  next.TakeUnlock();
  const std::string said = redlock.ReadToEnd();
  EXPECT_THAT(said, testing::EndsWith(": two nodes are away; still waiting\n"));
  EXPECT_EQ(said.find('\n'), said.size() - 1) << "once";
  EXPECT_EQ(redlock.Wait(), ExitCode(3));
}

// Between two tries a signal does what it did when redlock began.
TEST_F(CliRun, ASignalEndsAWaitBetweenTwoTries) {
  Process redlock(daemon_.Redlock({"run", "-w", "60", "job", "--", "true"}));
  FakeSession session = daemon_.Accept();
  session.Answer(session.Read(), "ERR no-quorum lock=job :two nodes are away");
  redlock.ReadUntil("still waiting");
  redlock.Signal(SIGTERM);
  EXPECT_EQ(redlock.Wait(), test::KilledBy(SIGTERM));
}

TEST_F(CliRun, ACommandAfterSeveralTriesHasTheSignalsThatRedlockFound) {
  const std::vector<std::string> show = {"grep", "-E", "^Sig(Blk|Ign)", "/proc/self/status"};
  const std::string plain = RunProgram(show).output;
  std::vector<std::string> args{"run", "-w", "60", "job", "--"};
  args.insert(args.end(), show.begin(), show.end());
  Process redlock(daemon_.Redlock(args));
  for (int i = 0; i < 2; ++i) {
    FakeSession session = daemon_.Accept();
    session.Answer(session.Read(), "ERR no-quorum lock=job");
  }
  FakeSession next = daemon_.Accept();
  next.Grant(kFar, "1h");
  next.TakeUnlock();
  EXPECT_THAT(redlock.ReadToEnd(), testing::EndsWith(plain));
  EXPECT_EQ(redlock.Wait(), ExitCode(0));
}

TEST_F(CliRun, ABoundedWaitWithoutAQuorumEndsWithItsCode) {
  const Duration begin = BootTime();
  Process redlock(daemon_.Redlock({"run", "-w", "0.3", "job", "--", "true"}));
  FakeSession session = daemon_.Accept();
  session.Answer(session.Read(), "ERR no-quorum lock=job :all are away");
  EXPECT_THAT(redlock.ReadToEnd(), testing::EndsWith(": all are away\n"));
  EXPECT_EQ(redlock.Wait(), ExitCode(68));
  EXPECT_GE(BootTime() - begin, 300ms);
}

TEST_F(CliRun, AKillAfterThatDoesNotFitTheTtl) {
  Process redlock(
      daemon_.Redlock({"run", "--kill-after", "6s", "job", "--", "touch", daemon_ / "ran"}));
  FakeSession session = daemon_.Accept();
  session.Grant(10s, "10s");
  EXPECT_THAT(redlock.ReadToEnd(), HasSubstr("--kill-after is 6s: expected 100ms to 5s"));
  EXPECT_EQ(redlock.Wait(), ExitCode(64));
  EXPECT_TRUE(session.IsAtEnd());
  EXPECT_NE(access((daemon_ / "ran").c_str(), F_OK), 0);
}

class CliRunWaitEnds : public testing::TestWithParam<int> {};

TEST_P(CliRunWaitEnds, BySignal) {
  FakeDaemon daemon;
  Process redlock(daemon.Redlock({"run", "job", "--", "true"}));
  FakeSession session = daemon.Accept();
  session.Read();
  redlock.Signal(GetParam());
  EXPECT_EQ(redlock.Wait(), ExitCode(128 + GetParam()));
  EXPECT_TRUE(session.IsAtEnd());
}

INSTANTIATE_TEST_SUITE_P(Signals, CliRunWaitEnds,
                         testing::Values(SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2));

// --- Signals while the command runs

class CliRunForwards : public testing::TestWithParam<std::pair<const char*, int>> {};

TEST_P(CliRunForwards, ToTheWholeGroup) {
  const auto& [name, number] = GetParam();
  FakeDaemon daemon;
  // The command and its child each say that they got it.
  const std::string trap = std::string("trap 'echo got; exit 5' ") + name + "; echo ready; ";
  const std::string loop = "while :; do sleep 0.01; done";
  Process redlock(daemon.Redlock(
      {"run", "job", "--", "bash", "-c",
       "(" + trap + loop + ") & trap 'wait; exit 5' " + name + "; " + "echo ready; " + loop}));
  FakeSession session = daemon.Accept();
  session.Grant(kFar, "1h");
  EXPECT_EQ(redlock.ReadLine(), "ready");
  EXPECT_EQ(redlock.ReadLine(), "ready");
  redlock.Signal(number);
  redlock.ReadUntil("got\n");
  session.TakeUnlock();
  EXPECT_EQ(redlock.Wait(), ExitCode(5));
}

INSTANTIATE_TEST_SUITE_P(Signals, CliRunForwards,
                         testing::Values(std::pair("TERM", SIGTERM), std::pair("INT", SIGINT),
                                         std::pair("HUP", SIGHUP), std::pair("QUIT", SIGQUIT),
                                         std::pair("USR1", SIGUSR1), std::pair("USR2", SIGUSR2),
                                         std::pair("WINCH", SIGWINCH)));

TEST_F(CliRun, ACommandThatDiesOfAForwardedSignal) {
  Process redlock(daemon_.Redlock({"run", "job", "--", "sh", "-c", "echo ready; exec sleep 1000"}));
  FakeSession session = daemon_.Accept();
  session.Grant(kFar, "1h");
  EXPECT_EQ(redlock.ReadLine(), "ready");
  redlock.Signal(SIGTERM);
  session.TakeUnlock();
  EXPECT_EQ(redlock.Wait(), ExitCode(128 + SIGTERM));
}

TEST_F(CliRun, WithoutATerminalStopAndContinueReachTheCommandAlone) {
  Process redlock(daemon_.Redlock({"run", "job", "--", "sh", "-c", "echo $$; exec sleep 1000"}));
  FakeSession session = daemon_.Accept();
  session.Grant(kFar, "1h");
  const pid_t command = std::stoi(redlock.ReadLine());
  kill(command, SIGSTOP);
  ASSERT_TRUE(Eventually([&] { return StateOf(command) == 'T'; }));
  redlock.Signal(SIGCONT);
  EXPECT_TRUE(Eventually([&] { return StateOf(command) == 'S'; }));
  EXPECT_TRUE(Eventually([&] { return StateOf(redlock.pid()) == 'S'; }));
  redlock.Signal(SIGTERM);
  session.TakeUnlock();
  EXPECT_EQ(redlock.Wait(), ExitCode(128 + SIGTERM));
}

}  // namespace
}  // namespace redlockd::test
