// `redlock run` where it hurts: killed, stopped from the keyboard, and the daemon killed under it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/daemon.h"

namespace redlockd::test {
namespace {

using testing::HasSubstr;

class RedlockRunTest : public testing::Test {
 protected:
  std::vector<std::string> Command(const std::vector<std::string>& args) {
    std::vector<std::string> argv = {REDLOCKD_TEST_REDLOCK, "--socket", world_.daemon.socket()};
    argv.insert(argv.end(), args.begin(), args.end());
    return argv;
  }
  std::size_t Holds() { return GetNumber(observer_.Ask("list"), "holds"); }
  static bool Dead(pid_t pid) { return StateOf(pid) == '\0' || StateOf(pid) == 'Z'; }
  static pid_t ReadPid(Process& process) { return std::stoi(process.ReadLine()); }

  World world_{3, {.more = "drain_time: 500ms\n"}};
  LineClient observer_ = world_.Connect();
};

// Says its pid and stays; exec, so that the pid is that of what stays.
constexpr char kStay[] = "echo $$; exec sleep 1000";

TEST_F(RedlockRunTest, RunsUnderTheLock) {
  const Ran ran = RunProgram(
      Command({"run", "a", "--", "sh", "-c", "echo $REDLOCK_NAME $REDLOCK_FENCE; exit 5"}));
  EXPECT_EQ(ran.exit, ExitCode(5));
  EXPECT_THAT(ran.output, testing::ContainsRegex("^a [0-9]+\n$"));
  EXPECT_TRUE(Eventually([&] { return Holds() == 0; }));
}

TEST_F(RedlockRunTest, IsBusyOrTimesOut) {
  observer_.Ask("lock a");
  EXPECT_EQ(RunProgram(Command({"run", "-n", "a", "--", "true"})).exit, ExitCode(75));
  EXPECT_EQ(RunProgram(Command({"run", "-w", "0.1", "-E", "9", "a", "--", "true"})).exit,
            ExitCode(9));
}

TEST_F(RedlockRunTest, ALockThatItRunsUnderIsRefusedAtOnce) {
  const auto nested = [&](const std::string& inner) {
    return RunProgram(Command({"run", "a", "--", REDLOCKD_TEST_REDLOCK, "--socket",
                               world_.daemon.socket(), "run", "b", "--", REDLOCKD_TEST_REDLOCK,
                               "--socket", world_.daemon.socket(), "run", inner, "--", "true"}));
  };
  for (const char* inner : {"a", "b"}) {
    const Ran ran = nested(inner);
    EXPECT_EQ(ran.exit, ExitCode(64)) << inner;
    EXPECT_THAT(ran.output, HasSubstr("already runs under this lock")) << inner;
  }
  EXPECT_EQ(nested("c").exit, ExitCode(0));
}

TEST_F(RedlockRunTest, SeveralShareALock) {
  Process first(Command({"run", "-s", "a", "--", "sh", "-c", kStay}));
  ReadPid(first);
  Process second(Command({"run", "--shared", "a", "--", "sh", "-c", kStay}));
  ReadPid(second);
  EXPECT_EQ(Holds(), 2u);
  EXPECT_EQ(RunProgram(Command({"run", "-n", "a", "--", "true"})).exit, ExitCode(75));
  EXPECT_THAT(RunProgram(Command({"list"})).output, HasSubstr("held shared"));
  EXPECT_THAT(RunProgram(Command({"show", "a"})).output,
              HasSubstr("a is shared by this host, 2 readers (3/3 nodes)"));
  EXPECT_THAT(RunProgram(Command({"show", "--json", "a"})).output, HasSubstr("\"readers\": 2"));
}

TEST_F(RedlockRunTest, WhatLocksHoldUpIsTold) {
  Process here(Command({"run", "a", "--", "sh", "-c", kStay}));
  ReadPid(here);
  Process waiting(Command({"run", "-v", "a", "--", "true"}));
  EXPECT_THAT(waiting.ReadLine(),
              testing::ContainsRegex("waiting for a: held on this host by pid "
                                     "[0-9]+ \\(redlock\\) of uid [0-9]+ for "));
  for (std::size_t i = 0; i < 3; ++i) world_.nodes[i].Command({"RPUSH", "b", "no lock"});
  Process in_vain(Command({"run", "b", "--", "true"}));
  EXPECT_THAT(in_vain.ReadLine(),
              HasSubstr("'(a list)', and no expiry: nobody gets the lock before"));
}

TEST_F(RedlockRunTest, KilledItsChildDiesAndTheNextHolds) {
  Process run(Command({"run", "a", "--", "sh", "-c", kStay}));
  const pid_t child = ReadPid(run);
  LineClient waiter = world_.Connect();
  EXPECT_EQ(waiter.Brief("trylock a"), "ERR busy");
  waiter.Send("lock a");
  run.Signal(SIGKILL);
  EXPECT_EQ(Brief(waiter.Answer()), "OK");
  EXPECT_TRUE(Eventually([&] { return Dead(child); }));
}

// The next holder comes when all of it is dead, not only the process that redlock has started.
TEST_F(RedlockRunTest, KilledWithItsGroupAllThatItsCommandStartedDiesBeforeTheNextHolds) {
  Process run(Command({"run", "a", "--", "bash", "-c",
                       "(trap '' TERM HUP; exec 64>&-; echo $BASHPID; exec sleep 1000) & wait"}));
  const pid_t left = ReadPid(run);
  LineClient waiter = world_.Connect();
  waiter.Send("lock a");
  ASSERT_TRUE(Eventually([&] { return GetNumber(observer_.Ask("list"), "waits") == 1; }));
  kill(-run.pid(), SIGKILL);
  EXPECT_EQ(Brief(waiter.Answer()), "OK");
  EXPECT_TRUE(Dead(left));
}

// What has left the command's group is not killed. As with flock it keeps the lock, which is
// renewed for it.
TEST_F(RedlockRunTest, KilledWhatLeftItsGroupKeepsTheLockForLongerThanTheTtl) {
  Process run(Command({"run", "--ttl", "600ms", "a", "--", "sh", "-c",
                       "setsid sh -c 'echo $$; exec sleep 1000' & wait"}));
  const pid_t left = ReadPid(run);
  run.Signal(SIGKILL);
  run.Wait();
  LineClient other = world_.Connect();
  EXPECT_EQ(other.Brief("lock a wait=2s"), "ERR timeout");
  EXPECT_FALSE(Dead(left));
  other.Send("lock a");
  kill(left, SIGKILL);
  EXPECT_EQ(Brief(other.Answer()), "OK");
}

TEST_F(RedlockRunTest, WhatAFinishedCommandLeavesBehindDoesNotKeepTheLock) {
  Process run(Command(
      {"run", "a", "--", "sh", "-c", "setsid sleep 1000 </dev/null >/dev/null 2>&1 & echo $!"}));
  const pid_t left = ReadPid(run);
  EXPECT_EQ(run.Wait(), ExitCode(0));
  LineClient other = world_.Connect();
  EXPECT_EQ(other.Brief("lock a"), "OK");
  EXPECT_FALSE(Dead(left));
  kill(left, SIGKILL);
}

TEST_F(RedlockRunTest, WithAStoppedDaemonABoundedWaitIsOverInTime) {
  world_.daemon.process().Freeze();
  const Duration begin = BootTime();
  EXPECT_EQ(RunProgram(Command({"run", "-w", "0.5", "a", "--", "true"})).exit, ExitCode(69));
  EXPECT_LT(BootTime() - begin, 5s);
  world_.daemon.process().Resume();
  EXPECT_TRUE(Eventually([&] { return Holds() == 0; }));
}

TEST_F(RedlockRunTest, WithItsDaemonStoppedItEndsTheChildBeforeTheDeadline) {
  Process run(Command({"run", "--ttl", "1s", "a", "--", "sh", "-c", kStay}));
  const pid_t child = ReadPid(run);
  world_.daemon.process().Freeze();
  EXPECT_EQ(run.Wait(), ExitCode(79));
  EXPECT_TRUE(Dead(child));
  world_.daemon.process().Resume();
}

TEST_F(RedlockRunTest, InATimeNamespaceALeaseIsAsLongAsElsewhere) {
  for (const char* offset : {"100000", "-20"}) {
    std::vector<std::string> argv{"unshare", "--time", "--boottime", offset};
    if (RunProgram({"unshare", "--time", "--boottime", offset, "true"}).exit != ExitCode(0)) {
      GTEST_SKIP() << "no time namespace here";
    }
    for (const std::string& word :
         Command({"run", "--ttl", "600ms", "a", "--", "sh", "-c", "sleep 1.5; exit 5"})) {
      argv.push_back(word);
    }
    EXPECT_EQ(RunProgram(argv).exit, ExitCode(5)) << offset;
  }
}

TEST_F(RedlockRunTest, StoppedFromTheKeyboardItKeepsTheLockAndGoesOn) {
  Process shell(
      {"bash", "--norc", "-i"},
      {.env = {{"PS1", "ready>"}, {"REDLOCK_SOCKET", world_.daemon.socket()}}, .terminal = true});
  shell.ReadUntil("ready>");
  shell.Write(
      std::string(REDLOCKD_TEST_REDLOCK) +
      "  run --ttl 1s a -- sh -c 'echo p\"\"id=$$; while read -r x; do echo got-$x; done'\n");
  shell.ReadUntil("pid=");  // not the echo of the command, which has quotes in it
  const pid_t child = ReadPid(shell);
  shell.Write("one\n");
  shell.ReadUntil("got-one");  // it works at the terminal

  shell.Write("\x1a");  // ^Z
  shell.ReadUntil("Stopped");
  shell.ReadUntil("ready>");
  EXPECT_TRUE(Eventually([&] { return StateOf(child) == 'T'; }));
  LineClient other = world_.Connect();
  EXPECT_EQ(other.Brief("lock a wait=1500ms"), "ERR timeout") << "longer than its ttl";

  shell.Write("fg\n");
  shell.ReadUntil("sh -c");
  shell.Write("two\n");
  shell.ReadUntil("got-two");
  shell.Write("\x03");  // ^C
  shell.ReadUntil("ready>");
  EXPECT_TRUE(Eventually([&] { return Holds() == 0; }));
  shell.Write("echo co''de=$?\n");
  shell.ReadUntil("code=130");
}

TEST_F(RedlockRunTest, WithItsDaemonKilledItEndsTheChildBeforeTheDeadline) {
  // The child notes the times at which it lives, until it is killed: it ignores TERM.
  TempDir dir;
  const std::string alive = dir / "alive";
  Process run(Command({"run", "--ttl", "1s", "a", "--", "sh", "-c",
                       "trap '' TERM; echo $$; while :; do cut -d' ' -f1 /proc/uptime >" + alive +
                           ".new && mv " + alive + ".new " + alive + "; done"}));
  const pid_t child = ReadPid(run);
  ASSERT_TRUE(Eventually([&] { return !ReadFile(alive).empty(); }));
  observer_.Ask("list");
  const Duration last_told = Duration(GetNumber(observer_.rows().at(0), "deadline"));
  world_.daemon.Kill();
  EXPECT_EQ(run.Wait(), ExitCode(79));
  EXPECT_TRUE(Eventually([&] { return Dead(child); }));
  // It may have been told of one more renewal after we looked, of a third of the ttl or so.
  const double end = std::chrono::duration<double>(last_told + 400ms).count();
  EXPECT_LT(std::stod(ReadFile(alive)), end);
}

TEST_F(RedlockRunTest, WithItsDaemonKilledTheChildGetsTermInTime) {
  Process run(Command({"run", "--ttl", "2s", "a", "--", "sh", "-c",
                       "trap 'echo term; exit 0' TERM; echo ready; while :; do sleep 0.02; done"}));
  run.ReadUntil("ready");
  world_.daemon.Kill();
  run.ReadUntil("term");
  EXPECT_EQ(run.Wait(), ExitCode(79));
}

TEST_F(RedlockRunTest, TheDaemonBackInTimeDoesNotGiveItTheLockBack) {
  Process run(Command({"run", "--ttl", "2s", "a", "--", "sh", "-c", kStay}));
  const pid_t child = ReadPid(run);
  world_.daemon.Kill();
  world_.daemon.Start();
  // The lease on the nodes runs out, and so must the child; then the lock is free.
  EXPECT_EQ(run.Wait(), ExitCode(79));
  EXPECT_TRUE(Dead(child));
  EXPECT_EQ(world_.Connect().Brief("lock a"), "OK");
}

TEST_F(RedlockRunTest, WithoutADaemonItIsUnavailable) {
  world_.daemon.Kill();
  EXPECT_EQ(RunProgram(Command({"run", "a", "--", "true"})).exit, ExitCode(69));
}

TEST_F(RedlockRunTest, WithoutAQuorumItIsUnavailable) {
  for (int i = 0; i < 2; ++i) world_.nodes[i].Kill();
  EXPECT_EQ(RunProgram(Command({"run", "-n", "a", "--", "true"})).exit, ExitCode(68));
}

TEST_F(RedlockRunTest, ABoundedWaitOutlastsADaemonThatIsNotThere) {
  world_.daemon.Kill();
  Process run(Command({"run", "-w", "60", "a", "--", "sh", "-c", "exit 3"}));
  run.ReadUntil("; still waiting");
  world_.daemon.Start();
  EXPECT_EQ(run.Wait(), ExitCode(3));
}

TEST_F(RedlockRunTest, AndADaemonThatIsKilledWhileItWaits) {
  LineClient holder = world_.Connect();
  ASSERT_EQ(holder.Brief("lock a"), "OK");
  Process run(Command({"run", "-w", "60", "a", "--", "sh", "-c", "exit 3"}));
  ASSERT_TRUE(Eventually([&] { return GetNumber(world_.Connect().Ask("list"), "waits") == 1; }));
  world_.daemon.Kill();
  world_.daemon.Start();
  EXPECT_EQ(run.Wait(), ExitCode(3)) << "once the holder's lease is over";
}

TEST_F(RedlockRunTest, ADrainEndsItsChildInTime) {
  Process run(Command({"run", "--ttl", "2s", "a", "--", "sh", "-c", kStay}));
  const pid_t child = ReadPid(run);
  world_.daemon.process().Signal(SIGTERM);
  EXPECT_EQ(run.Wait(), ExitCode(79));
  EXPECT_TRUE(Dead(child));
}

TEST_F(RedlockRunTest, ManyInLineCountWithoutLosingOne) {
  TempDir dir;
  WriteFile(dir / "count", "0");
  const std::string add = "n=$(cat " + (dir / "count") + "); echo $((n + 1)) >" + (dir / "count");
  std::vector<std::unique_ptr<Process>> all;
  for (int i = 0; i < 20; ++i) {
    all.push_back(std::make_unique<Process>(Command({"run", "count", "-c", add})));
  }
  for (auto& process : all) EXPECT_EQ(process->Wait(), ExitCode(0));
  EXPECT_EQ(ReadFile(dir / "count"), "20\n");
}

// The other commands, as a person sees them.
TEST_F(RedlockRunTest, TheOtherCommandsAnswer) {
  observer_.Ask("lock a note=why");
  for (const std::vector<std::string>& args :
       {std::vector<std::string>{"list"}, {"show", "a"}, {"nodes"}, {"stats"}, {"ping"}}) {
    SCOPED_TRACE(args[0]);
    const Ran plain = RunProgram(Command(args));
    EXPECT_EQ(plain.exit, ExitCode(0)) << plain.output;
    std::vector<std::string> with_json = args;
    with_json.push_back("--json");
    const Ran json = RunProgram(Command(with_json));
    EXPECT_EQ(json.exit, ExitCode(0)) << json.output;
    EXPECT_EQ(json.output.front(), '{');
  }
  EXPECT_THAT(RunProgram(Command({"list"})).output, HasSubstr("why"));
  EXPECT_THAT(RunProgram(Command({"nodes"})).output, HasSubstr(world_.nodes[2].Address()));
}

}  // namespace
}  // namespace redlockd::test
