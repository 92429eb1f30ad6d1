// The tools of the integration tests do what they say: else those tests would test nothing.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include "tests/support/process.h"
#include "tests/support/redis_node.h"

namespace redlockd::test {
namespace {

using std::string;

TEST(Process, ReportsHowItEnded) {
  EXPECT_EQ(RunProgram({"sh", "-c", "echo $X; exit 7"}, "", {{"X", "out"}}).exit, ExitCode(7));
  EXPECT_EQ(RunProgram({"sh", "-c", "echo $X; exit 7"}, "", {{"X", "out"}}).output, "out\n");
  Process killed({"sleep", "1000"});
  EXPECT_TRUE(killed.Running());
  killed.Signal(SIGKILL);
  EXPECT_EQ(killed.Wait(), KilledBy(SIGKILL));
  EXPECT_FALSE(killed.Running());
  EXPECT_EQ(Process({"/nothing/here"}).Wait(), ExitCode(127));
}

TEST(Process, HasATerminalOfItsOwn) {
  Process shell({"sh", "-c", "test -t 0 && test -t 1 && echo terminal; cat"}, {.terminal = true});
  EXPECT_EQ(shell.ReadLine(), "terminal");
  shell.Write("to cat\n");
  EXPECT_EQ(shell.ReadLine(), "to cat");  // echoed by the terminal
  EXPECT_EQ(shell.ReadLine(), "to cat");  // by cat: dash on its way to it can swallow a ^C
  shell.Write("\x03");                    // ^C, which the terminal makes a signal
  EXPECT_EQ(shell.Wait(), KilledBy(SIGINT));
}

TEST(Process, DiesWithATestThatIsKilled) {
  // A child that runs a Process and is killed, as ctest would kill a test past its time.
  Fd pids[2];
  int fds[2];
  ASSERT_EQ(pipe(fds), 0);
  pids[0] = Fd(fds[0]);
  pids[1] = Fd(fds[1]);
  const pid_t test = fork();
  if (test == 0) {
    const Process orphan({"sleep", "1000"});
    const pid_t pid = orphan.pid();
    if (write(fds[1], &pid, sizeof pid) != sizeof pid) _exit(1);
    pause();
    _exit(1);
  }
  pid_t orphan = 0;
  ASSERT_EQ(read(fds[0], &orphan, sizeof orphan), static_cast<ssize_t>(sizeof orphan));
  kill(test, SIGKILL);
  waitpid(test, nullptr, 0);
  // Gone, or a zombie where init does not reap.
  EXPECT_TRUE(Eventually([&] { return StateOf(orphan) == '\0' || StateOf(orphan) == 'Z'; }));
}

TEST(RedisNode, StartsEmptyEachTime) {
  RedisNode node;
  EXPECT_EQ(node.Command({"SET", "k", "v"}), "OK");
  EXPECT_EQ(node.Command({"GET", "k"}), "v");
  const std::uint16_t port = node.port();
  node.RestartEmpty();
  EXPECT_EQ(node.port(), port);
  EXPECT_EQ(node.Command({"GET", "k"}), "(nil)");
  EXPECT_EQ(node.Command({"CONFIG", "GET", "maxmemory-policy"}), "maxmemory-policy\nnoeviction");
  EXPECT_EQ(node.Command({"MSET", "x"}).substr(0, 4), "ERR ");
  node.Stop();
  EXPECT_FALSE(node.Running());
}

TEST(RedisNode, HasItsWallClockShifted) {
  RedisNode node({.args = {}, .shifted_clock = true});
  const auto seconds = [&] { return std::stoll(node.Command({"TIME"})); };
  const auto near = [](long long a, long long b) { return std::abs(a - b) <= 60; };
  EXPECT_PRED2(near, seconds(), time(nullptr));
  EXPECT_EQ(node.Command({"SET", "k", "v", "PX", "600000"}), "OK");
  node.ShiftClock(-1h);
  EXPECT_PRED2(near, seconds(), time(nullptr) - 3600);
  EXPECT_EQ(node.Command({"GET", "k"}), "v");
  node.ShiftClock(1h);
  EXPECT_PRED2(near, seconds(), time(nullptr) + 3600);
  EXPECT_EQ(node.Command({"GET", "k"}), "(nil)") << "an expiry does not follow the clock";
}

TEST(RedisNode, HasItsWallClockStopped) {
  RedisNode node({.args = {"--appendonly", "yes"}, .shifted_clock = true});
  node.StopClock(1'700'000'000'000'007us);
  EXPECT_EQ(node.Command({"TIME"}), "1700000000\n7");
  EXPECT_EQ(node.Command({"SET", "k", "v", "PX", "5"}), "OK");
  node.Kill();  // by SIGTERM it would end in a turn of its timer, which stands still too
  node.Start();
  EXPECT_EQ(node.Command({"TIME"}), "1700000000\n7");
  EXPECT_EQ(node.Command({"PTTL", "k"}), "5");
  node.ShiftClock(0s);
  EXPECT_EQ(node.Command({"GET", "k"}), "(nil)");
}

}  // namespace
}  // namespace redlockd::test
