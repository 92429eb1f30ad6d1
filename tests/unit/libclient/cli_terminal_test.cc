// redlock run on a terminal, started by a shell with job control.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <sstream>

#include "tests/unit/libclient/cli_fake_daemon.h"

namespace redlockd::test {
namespace {

using testing::HasSubstr;

constexpr char kCtrlC[] = "\x03";
constexpr char kCtrlZ[] = "\x1a";

class CliTerminal : public testing::Test {
 protected:
  CliTerminal()
      : bash_({"bash", "--norc", "--noprofile", "--noediting", "-i"},
              {.env = {{"PS1", "$ "}, {"HISTFILE", ""}}, .terminal = true}) {
    // No echo: what is read back is what programs say.
    Type("stty -echo; PS1=; PS2=; echo be''gin");
    bash_.ReadUntil("begin\r\n");
    Type("R='" + daemon_.Redlock({"run"})[0] + " --socket " + daemon_.socket() + " run'");
  }

  void Type(const std::string& line) { bash_.Write(line + "\n"); }

  // Waits until the shell says so, and has the terminal.
  void ShellSays(const std::string& word, const std::string& command) {
    Type(command);
    bash_.ReadUntil(word);
  }

  FakeSession Granted() {
    FakeSession session = daemon_.Accept();
    session.Grant(1h, "1h");
    return session;
  }

  // The foreground process group of the terminal, as its number 8 in the shell's stat says.
  pid_t Foreground() const {
    const std::string stat = ReadFile("/proc/" + std::to_string(bash_.pid()) + "/stat");
    std::istringstream fields(stat.substr(stat.rfind(')') + 2));
    std::string skip;
    pid_t group = 0;
    for (int i = 0; i < 5; ++i) fields >> skip;
    fields >> group;
    return group;
  }

  FakeDaemon daemon_;
  Process bash_;
};

TEST_F(CliTerminal, TheCommandHasTheForegroundAndTheShellGetsItBack) {
  Type("$R job -- sh -c 'echo $$ pid; read x; echo got $x'");
  FakeSession session = Granted();
  const pid_t command = std::stoi(bash_.ReadUntil("pid\r\n"));
  EXPECT_EQ(Foreground(), command);
  Type("it");
  bash_.ReadUntil("got it\r\n");
  session.TakeUnlock();
  Type("echo code $?");
  bash_.ReadUntil("code 0\r\n");
  EXPECT_EQ(Foreground(), bash_.pid());
}

TEST_F(CliTerminal, CtrlCEndsTheCommand) {
  Type("$R job -- sh -c 'echo rea\"\"dy; exec sleep 1000'");
  FakeSession session = Granted();
  bash_.ReadUntil("ready\r\n");
  bash_.Write(kCtrlC);
  session.TakeUnlock();
  Type("echo code $?");
  bash_.ReadUntil("code 130\r\n");
}

TEST_F(CliTerminal, CtrlZStopsBothAndFgContinuesBoth) {
  Type("$R job -- sh -c 'echo $$ pid; read x; echo got $x'");
  FakeSession session = Granted();
  const pid_t command = std::stoi(bash_.ReadUntil("pid\r\n"));
  bash_.Write(kCtrlZ);
  bash_.ReadUntil("Stopped");
  EXPECT_EQ(StateOf(command), 'T');
  Type("echo wrapper $(jobs -p) end");
  bash_.ReadUntil("wrapper ");
  const pid_t wrapper = std::stoi(bash_.ReadUntil(" end\r\n"));
  EXPECT_EQ(StateOf(wrapper), 'T');
  EXPECT_EQ(Foreground(), bash_.pid());

  Type("fg");
  EXPECT_TRUE(Eventually([&] { return Foreground() == command; }));
  EXPECT_TRUE(Eventually([&] { return StateOf(command) == 'S'; }));
  Type("it");
  bash_.ReadUntil("got it\r\n");
  session.TakeUnlock();
  Type("echo code $?");
  bash_.ReadUntil("code 0\r\n");
}

TEST_F(CliTerminal, FgOfALostLockEndsTheCommand) {
  Type("$R job -- sh -c 'echo $$ pid; exec sleep 1000'");
  FakeSession session = Granted();
  const pid_t command = std::stoi(bash_.ReadUntil("pid\r\n"));
  bash_.Write(kCtrlZ);
  bash_.ReadUntil("Stopped");
  session.Lost("expired");
  EXPECT_EQ(StateOf(command), 'T');
  Type("fg");
  EXPECT_TRUE(session.IsAtEnd());
  Type("echo code $?");
  bash_.ReadUntil("code 79\r\n");
  EXPECT_EQ(StateOf(command), 0);
}

TEST_F(CliTerminal, ABackgroundRunDoesNotStealTheTerminal) {
  Type("$R job -- sh -c 'echo rea\"\"dy; exec sleep 1000' &");
  FakeSession session = Granted();
  bash_.ReadUntil("ready\r\n");
  EXPECT_EQ(Foreground(), bash_.pid());
  Type("kill %1; wait %1; echo code $?");
  session.TakeUnlock();
  bash_.ReadUntil("code 143\r\n");
}

TEST_F(CliTerminal, ABackgroundRunThatReadsStopsUntilFg) {
  Type("$R job -- sh -c 'echo $$ pid; read x; echo got $x' &");
  FakeSession session = Granted();
  bash_.ReadUntil("pid\r\n");
  // The shell says that its job has stopped before its next prompt.
  EXPECT_TRUE(Eventually([&] {
    Type("jobs; echo do\"\"ne");
    return bash_.ReadUntil("done\r\n").find("Stopped") != std::string::npos;
  }));
  Type("fg");
  Type("it");
  bash_.ReadUntil("got it\r\n");
  session.TakeUnlock();
  Type("echo code $?");
  bash_.ReadUntil("code 0\r\n");
}

TEST_F(CliTerminal, InAPipelineTheOthersKeepTheTerminal) {
  Type("cat | $R job -- sed -u 's/^/< /'");
  FakeSession session = Granted();
  Type("hello");
  bash_.ReadUntil("< hello\r\n");
  bash_.Write("\x04");  // the end of cat's input
  session.TakeUnlock();
  Type("echo code $?");
  bash_.ReadUntil("code 0\r\n");
}

TEST_F(CliTerminal, InAPipelineTheCommandGetsTheTerminalWhenItAsks) {
  Type("$R job -- sh -c 'read x </dev/tty; echo got $x' | cat");
  FakeSession session = Granted();
  Type("it");
  bash_.ReadUntil("got it\r\n");
  session.TakeUnlock();
  Type("echo code $?");
  bash_.ReadUntil("code 0\r\n");
}

TEST_F(CliTerminal, CtrlZInAPipelineStopsAllOfIt) {
  Type("$R job -- sh -c 'echo $$ pid; exec sleep 1000' | cat");
  FakeSession session = Granted();
  const pid_t command = std::stoi(bash_.ReadUntil("pid\r\n"));
  bash_.Write(kCtrlZ);
  bash_.ReadUntil("Stopped");
  EXPECT_TRUE(Eventually([&] { return StateOf(command) == 'T'; }));
  Type("fg");
  EXPECT_TRUE(Eventually([&] { return StateOf(command) == 'S'; }));
  bash_.Write(kCtrlC);
  session.TakeUnlock();
  Type("echo codes ${PIPESTATUS[@]}");
  bash_.ReadUntil("codes 130");
}

// The shell between has no job control: it is one more process of the job that must stop.
TEST_F(CliTerminal, CtrlZInAScript) {
  Type("sh -c '\"$@\"; echo code $?' - $R job -- sh -c 'echo $$ pid; read x; exit 6'");
  FakeSession session = Granted();
  const pid_t command = std::stoi(bash_.ReadUntil("pid\r\n"));
  bash_.Write(kCtrlZ);
  bash_.ReadUntil("Stopped");
  EXPECT_EQ(StateOf(command), 'T');
  Type("fg");
  EXPECT_TRUE(Eventually([&] { return Foreground() == command; }));
  Type("it");
  session.TakeUnlock();
  bash_.ReadUntil("code 6\r\n");
}

TEST_F(CliTerminal, CtrlZWhileWaitingForTheLock) {
  Type("$R job -- sh -c 'echo ran'");
  FakeSession session = daemon_.Accept();
  const auto request = session.Read();
  bash_.Write(kCtrlZ);
  bash_.ReadUntil("Stopped");
  session.Answer(request, "OK lock=job fence=5 deadline=1 ttl=10s votes=3/5");
  session.Send("* RENEWED lock=job fence=5 deadline=" + std::to_string((BootTime() + 1h).count()));
  Type("fg");
  bash_.ReadUntil("ran\r\n");
}

}  // namespace
}  // namespace redlockd::test
