// redlock run in whatever state it is started or finds the world: descriptors, signals, a terminal,
// the daemon, namespaces.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <optional>

#include "tests/unit/libclient/cli_fake_daemon.h"

namespace redlockd::test {
namespace {

using testing::HasSubstr;

std::string Quoted(const std::vector<std::string>& argv) {
  std::string line;
  for (const std::string& word : argv) line += " '" + word + "'";
  return line;
}
std::string InShell(const std::vector<std::string>& argv) { return "exec" + Quoted(argv); }

pid_t FirstChildOf(pid_t parent) {
  const std::string pid = std::to_string(parent);
  return std::stoi(ReadFile("/proc/" + pid + "/task/" + pid + "/children"));
}

class CliRunState : public testing::Test {
 protected:
  FakeDaemon daemon_;
};

// --- Descriptors

class CliRunClosed : public testing::TestWithParam<const char*> {};

// What is said to people would go to the daemon if the socket had the number of standard error.
TEST_P(CliRunClosed, NothingOfItGoesToTheDaemon) {
  FakeDaemon daemon;
  const std::string out = daemon / "out";
  Process redlock({"sh", "-c",
                   InShell(daemon.Redlock(
                       {"run", "-v", "job", "--", "sh", "-c",
                        "ls -l /proc/self/fd | grep -c /dev/null >" + out + "; exec sleep 1000"})) +
                       GetParam()});
  FakeSession session = daemon.Accept();
  session.Grant(1h, "10s");
  ASSERT_TRUE(Eventually([&] { return ReadFile(out).ends_with("\n"); }));
  session.Event("JEOPARDY", BootTime() + 1h);
  session.Lost("expired");
  EXPECT_TRUE(session.IsAtEndWithoutAWord());
  EXPECT_EQ(redlock.Wait(), ExitCode(79));
}

INSTANTIATE_TEST_SUITE_P(Each, CliRunClosed,
                         testing::Values(" <&-", " >&-", " 2>&-", " <&- >&-", " >&- 2>&-",
                                         " <&- >&- 2>&-"));

TEST_F(CliRunState, TheCommandGetsDevNullForWhatWasClosed) {
  const std::string out = daemon_ / "out";
  Process redlock(
      {"sh", "-c",
       InShell(daemon_.Redlock({"run", "job", "--", "sh", "-c",
                                "readlink /proc/$$/fd/0 /proc/$$/fd/1 /proc/$$/fd/2 >" + out})) +
           " <&- 2>&-"});
  FakeSession session = daemon_.Accept();
  session.Grant(1h, "1h");
  session.TakeUnlock();
  EXPECT_EQ(redlock.Wait(), ExitCode(0));
  EXPECT_THAT(ReadFile(out), testing::MatchesRegex("/dev/null\n.*\n/dev/null\n"));
}

// The command must be killed though nobody reads what is said about it.
TEST_F(CliRunState, AFullPipeForErrorsHoldsNothingUp) {
  int ends[2];
  ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
  const Fd reader(ends[0]);
  const Fd writer(ends[1]);
  fcntl(ends[1], F_SETFL, O_NONBLOCK);
  const std::string block(4096, 'x');
  while (write(ends[1], block.data(), block.size()) > 0) {
  }
  fcntl(ends[1], F_SETFL, 0);
  Process redlock(
      {"bash", "-c",
       InShell(daemon_.Redlock({"run", "-v", "job", "--", "sh", "-c",
                                "trap '' TERM; echo ready; while :; do sleep 0.01; done"})) +
           " 2>&" + std::to_string(ends[1])},
      {.keep = {ends[1]}});
  FakeSession session = daemon_.Accept();
  session.Grant(1h, "2s");
  redlock.ReadUntil("ready");
  session.Event("JEOPARDY", BootTime() + 1h);
  session.Lost("max-hold");  // TERM, which it ignores, and KILL
  EXPECT_EQ(redlock.Wait(), ExitCode(79));
}

// What could not be said at once is said when there is room.
TEST_F(CliRunState, WhatAFullPipeDidNotTakeIsSaidAtLast) {
  int ends[2];
  ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
  Fd reader(ends[0]);
  Fd writer(ends[1]);
  const std::string full(static_cast<std::size_t>(fcntl(ends[1], F_SETPIPE_SZ, 4096)), 'x');
  ASSERT_EQ(write(ends[1], full.data(), full.size()), static_cast<ssize_t>(full.size()));
  const std::string go = daemon_ / "go";
  Process redlock(
      {"bash", "-c",
       InShell(daemon_.Redlock({"run", "-v", "job", "--", "sh", "-c",
                                "echo ready; until test -e " + go + "; do sleep 0.01; done"})) +
           " 2>&" + std::to_string(ends[1])},
      {.keep = {ends[1]}});
  writer = Fd();
  FakeSession session = daemon_.Accept();
  session.Grant(1h, "1h");
  redlock.ReadUntil("ready");
  std::string taken(full.size(), '\0');
  ASSERT_EQ(read(reader.get(), taken.data(), taken.size()), static_cast<ssize_t>(full.size()));
  WriteFile(go, "");
  session.TakeUnlock();
  EXPECT_EQ(redlock.Wait(), ExitCode(0));
  const ssize_t size = read(reader.get(), taken.data(), taken.size());
  ASSERT_GT(size, 0);
  EXPECT_THAT(taken.substr(0, static_cast<std::size_t>(size)), HasSubstr("redlock: got job"));
}

TEST_F(CliRunState, AStoppedTerminalHoldsNothingUp) {
  Process redlock(daemon_.Redlock({"run", "-v", "job", "--", "sh", "-c",
                                   "trap '' TERM; echo ready; while :; do sleep 0.01; done"}),
                  {.terminal = true});
  FakeSession session = daemon_.Accept();
  session.Grant(1h, "2s");
  redlock.ReadUntil("ready");
  redlock.Write("\x13");  // ^S
  session.Event("JEOPARDY", BootTime() + 1h);
  session.Lost("max-hold");
  EXPECT_EQ(redlock.Wait(), ExitCode(79));
}

// To speak must not kill the wrapper either.
TEST_F(CliRunState, NobodyReadsOrAFileThatMayNotGrow) {
  for (const char* error : {"2> >(exec true)", "2>file"}) {
    Process redlock(
        {"bash", "-c",
         "cd " + (daemon_ / "") + "; ulimit -S -f 0; " +
             InShell(daemon_.Redlock({"run", "-v", "job", "--", "sh", "-c", "exit 6"})) + " " +
             error});
    FakeSession session = daemon_.Accept();
    session.Grant(1h, "1h");
    session.TakeUnlock();
    EXPECT_EQ(redlock.Wait(), ExitCode(6)) << error;
  }
  TempDir dir;
  Process refused(
      {"bash", "-c",
       InShell({REDLOCKD_TEST_REDLOCK, "--socket", dir / "none", "run", "job", "true"}) +
           " 2> >(exec true)"});
  EXPECT_EQ(refused.Wait(), ExitCode(69));
}

// --- Signals

class CliRunSignals : public testing::TestWithParam<const char*> {};

// env(1) sets them before it becomes redlock.
TEST_P(CliRunSignals, TheCommandEndsInTimeAllTheSame) {
  FakeDaemon daemon;
  const std::string alive = daemon / "alive";
  std::vector<std::string> argv{"env", GetParam()};
  for (const std::string& word : daemon.Redlock(
           {"run", "job", "--", "bash", "-c",
            "echo ready; while :; do read -r up _ </proc/uptime; echo $up >" + alive + "; done"})) {
    argv.push_back(word);
  }
  Process redlock(argv);
  FakeSession session = daemon.Accept();
  const Duration deadline = session.Grant(2s, "2s");
  redlock.ReadUntil("ready");
  EXPECT_EQ(redlock.Wait(), ExitCode(79));
  const std::string last = ReadFile(alive);
  if (!last.empty()) {
    EXPECT_LT(std::chrono::duration<double>(std::stod(last)), deadline);
  }
}

TEST_P(CliRunSignals, TheExitCodeIsTheCommandsAllTheSame) {
  FakeDaemon daemon;
  std::vector<std::string> argv{"env", GetParam()};
  for (const std::string& word : daemon.Redlock({"run", "job", "--", "sh", "-c", "exit 7"})) {
    argv.push_back(word);
  }
  Process redlock(argv);
  FakeSession session = daemon.Accept();
  session.Grant(1h, "1h");
  session.TakeUnlock();
  EXPECT_EQ(redlock.Wait(), ExitCode(7));
}

INSTANTIATE_TEST_SUITE_P(States, CliRunSignals,
                         testing::Values("--ignore-signal", "--block-signal", "--default-signal"),
                         [](const auto& info) {
                           const std::string name = info.param + 2;
                           return name.substr(0, name.find('-'));
                         });

// --- The daemon, and the bound of a wait

constexpr Duration kMoment = 500ms;  // after its end, at which a wait is over in any case

TEST_F(CliRunState, AWaitIsOverInTimeThoughTheDaemonDoesNotAnswer) {
  const Duration begin = BootTime();
  Process redlock(daemon_.Redlock({"run", "-w", "1", "job", "--", "touch", daemon_ / "ran"}));
  FakeSession session = daemon_.Accept();
  session.Read();
  EXPECT_THAT(redlock.ReadToEnd(), HasSubstr("job: the daemon does not answer"));
  EXPECT_EQ(redlock.Wait(), ExitCode(69));
  EXPECT_GE(BootTime() - begin, 1s);
  EXPECT_LT(BootTime() - begin, 1s + kMoment + 3s);
  EXPECT_NE(access((daemon_ / "ran").c_str(), F_OK), 0);
}

TEST_F(CliRunState, OrThoughItDoesNotGreet) {
  const Duration begin = BootTime();
  Process redlock(daemon_.Redlock({"run", "-w", "1", "job", "--", "true"}));
  EXPECT_EQ(redlock.Wait(), ExitCode(69));
  EXPECT_LT(BootTime() - begin, 1s + kMoment + 3s);
}

TEST_F(CliRunState, OrThoughItDoesNotAcceptConnections) {
  // Fill the listener's queue.
  std::vector<Fd> others;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  daemon_.socket().copy(address.sun_path, sizeof(address.sun_path) - 1);
  do {
    others.emplace_back(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  } while (connect(others.back().get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) ==
           0);
  const Duration begin = BootTime();
  Process redlock(daemon_.Redlock({"run", "-w", "1", "job", "--", "true"}));
  EXPECT_THAT(redlock.ReadToEnd(), HasSubstr("the daemon does not accept connections"));
  EXPECT_EQ(redlock.Wait(), ExitCode(69));
  EXPECT_LT(BootTime() - begin, 1s + kMoment + 3s);
}

// What the daemon writes is not its protocol: its session is over, but the lock is not let go of
// before the command is dead.
TEST_F(CliRunState, NonsenseOfTheDaemonKeepsTheLockUntilTheCommandIsDead) {
  const std::string alive = daemon_ / "alive";
  Process redlock(
      daemon_.Redlock({"run", "job", "--", "bash", "-c",
                       "trap '' TERM; echo $$; while :; do date >" + alive + "; done"}));
  FakeSession session = daemon_.Accept();
  session.Grant(2s, "2s");
  const pid_t command = std::stoi(redlock.ReadLine());
  session.Send("HTTP/1.1 400 Bad Request");
  EXPECT_TRUE(session.IsAtEnd());
  EXPECT_TRUE(StateOf(command) == 0 || StateOf(command) == 'Z');
  EXPECT_EQ(redlock.Wait(), ExitCode(79));
}

// --- Namespaces

// `unshare options...`, or nothing where that is not permitted.
std::optional<std::vector<std::string>> Unshared(std::vector<std::string> options,
                                                 const std::vector<std::string>& argv) {
  options.insert(options.begin(), "unshare");
  std::vector<std::string> attempt = options;
  attempt.emplace_back("true");
  if (RunProgram(attempt).exit != ExitCode(0)) return std::nullopt;
  options.insert(options.end(), argv.begin(), argv.end());
  return options;
}

class CliRunTimeNamespace : public testing::TestWithParam<const char*> {};

TEST_P(CliRunTimeNamespace, DeadlinesAreConverted) {
  FakeDaemon daemon;
  const std::string go = daemon / "go";
  const auto argv = Unshared(
      {"--time", "--boottime", GetParam()},
      daemon.Redlock({"run", "-v", "job", "--", "bash", "-c",
                      "trap 'echo term; exit' TERM; echo ready; while :; do sleep 0.01; done"}));
  if (!argv) GTEST_SKIP() << "no time namespace here";
  Process redlock(*argv);
  FakeSession session = daemon.Accept();
  Duration deadline = session.Grant(3s, "3s");
  const std::string said = redlock.ReadUntil("ready");
  EXPECT_THAT(said, HasSubstr("the daemon's clock differs from ours by"));
  session.Renew(deadline += 2s);
  redlock.ReadUntil("term");
  EXPECT_GT(BootTime(), deadline - 2s) << "a renewal counts";
  EXPECT_LT(BootTime(), deadline);
  EXPECT_EQ(redlock.Wait(), ExitCode(79));
}

INSTANTIATE_TEST_SUITE_P(Offsets, CliRunTimeNamespace, testing::Values("100000", "-30"),
                         [](const auto& info) {
                           return info.param[0] == '-' ? "Behind" : "Ahead";
                         });

TEST_F(CliRunState, WithoutProc) {
#ifdef REDLOCKD_TEST_SANITIZED
  GTEST_SKIP() << "a sanitizer needs /proc";
#endif
  const std::vector<std::string> run =
      daemon_.Redlock({"run", "job", "--", "sh", "-c", "(echo $$; exec sleep 1000) & wait"});
  const auto argv =
      Unshared({"--mount"}, {"sh", "-c", "mount -t tmpfs none /proc && " + InShell(run)});
  if (!argv) GTEST_SKIP() << "no mount namespace here";
  Process redlock(*argv);
  FakeSession session = daemon_.Accept();
  session.Grant(1h, "1h");
  const pid_t command = std::stoi(redlock.ReadLine());
  redlock.Signal(SIGKILL);
  EXPECT_TRUE(session.IsAtEnd());
  EXPECT_TRUE(StateOf(command) == 0 || StateOf(command) == 'Z');
}

// As the first process of a container it reaps whatever is orphaned there, and signals whose
// default is to end it do so all the same.
class CliRunFirst : public CliRunState {
 protected:
  void Start(const std::string& script) {
    const auto argv =
        Unshared({"--pid", "--fork", "--kill-child", "--mount-proc"},
                 daemon_.Redlock({"run", "--ttl", "2s", "job", "--", "bash", "-c", script}));
    if (!argv) GTEST_SKIP() << "no pid namespace here";
    unshare_.emplace(*argv);
    session_.emplace(daemon_.Accept());
  }
  pid_t First() const { return FirstChildOf(unshare_->pid()); }

  std::optional<Process> unshare_;
  std::optional<FakeSession> session_;
};

TEST_F(CliRunFirst, ItsWaitEndsByTerm) {
  ASSERT_NO_FATAL_FAILURE(Start("true"));
  if (!unshare_) return;
  session_->Read();
  kill(First(), SIGTERM);
  EXPECT_TRUE(session_->IsAtEnd());
  EXPECT_EQ(unshare_->Wait(), ExitCode(128 + SIGTERM));
}

TEST_F(CliRunFirst, ItPassesSignalsOnAndReapsOrphans) {
  ASSERT_NO_FATAL_FAILURE(Start(
      "trap 'exit 5' TERM; test $PPID = 1; for i in 1 2 3; do (setsid true & ) ; done; echo ready; "
      "until ! ps -eo stat= | grep -q Z; do sleep 0.01; done; echo reaped; "
      "while :; do sleep 0.01; done"));
  if (!unshare_) return;
  session_->Grant(1h, "1h");
  unshare_->ReadUntil("reaped");
  kill(First(), SIGTERM);
  session_->TakeUnlock();
  EXPECT_EQ(unshare_->Wait(), ExitCode(5));
}

TEST_F(CliRunFirst, ItEndsTheCommandInTime) {
  ASSERT_NO_FATAL_FAILURE(Start("trap '' TERM; echo ready; while :; do sleep 0.01; done"));
  if (!unshare_) return;
  session_->Grant(2s, "2s");
  EXPECT_EQ(unshare_->Wait(), ExitCode(79));
}

// In many containers nobody reaps what is orphaned: the command stays as a zombie, which is dead.
TEST_F(CliRunState, KilledWhereNobodyReapsItsCommand) {
  const auto argv = Unshared(
      {"--pid", "--fork", "--kill-child", "--mount-proc"},
      {"sh", "-c",
       Quoted(daemon_.Redlock({"run", "job", "--", "sh", "-c", "echo ready; sleep 1000"})) +
           " & exec sleep 1000"});
  if (!argv) GTEST_SKIP() << "no pid namespace here";
  Process all(*argv);
  FakeSession session = daemon_.Accept();
  session.Grant(1h, "1h");
  all.ReadUntil("ready");
  const pid_t first = FirstChildOf(all.pid());
  ASSERT_TRUE(Eventually(
      [&] { return ReadFile("/proc/" + std::to_string(first) + "/comm") == "sleep\n"; }));
  kill(FirstChildOf(first), SIGKILL);
  EXPECT_TRUE(session.IsAtEnd());
}

}  // namespace
}  // namespace redlockd::test
