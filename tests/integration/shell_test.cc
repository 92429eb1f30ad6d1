// By hand and from scripts: socat in each way that PROTOCOL.md names, and its bash coprocess.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/daemon.h"

namespace redlockd::test {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

class ShellTest : public testing::Test {
 protected:
  std::string Address() { return "UNIX-CONNECT:" + world_.daemon.socket(); }
  std::size_t Holds() { return GetNumber(observer_.Ask("list"), "holds"); }

  World world_{3};
  LineClient observer_ = world_.Connect();
};

TEST_F(ShellTest, EchoIntoSocat) {
  const Ran ran = RunProgram({"socat", "-", Address()}, "lock a\nping\n");
  EXPECT_EQ(ran.exit, ExitCode(0));
  EXPECT_THAT(ran.output, StartsWith("* HELLO redlockd 1 "));
  EXPECT_THAT(ran.output, HasSubstr("\nOK lock=a fence="));
  EXPECT_THAT(ran.output, testing::ContainsRegex("\nOK now=[0-9]+\n$"));
  EXPECT_EQ(Holds(), 0u);
}

TEST_F(ShellTest, SocatWithATimeWaitsForItsAnswers) {
  const Ran ran = RunProgram({"socat", "-t", "5", "-", Address()}, "nodes\n");
  EXPECT_EQ(ran.exit, ExitCode(0));
  EXPECT_THAT(ran.output, HasSubstr("- node=3 "));
  EXPECT_THAT(ran.output, testing::EndsWith("\nOK up=3 nodes=3 quorum=2\n"));
}

TEST_F(ShellTest, SocatWithATimeIsToldThatItsWaitIsOver) {
  observer_.Ask("lock a");
  const Ran ran = RunProgram({"socat", "-t", "5", "-", Address()}, "lock a\n");
  EXPECT_THAT(ran.output, HasSubstr("\nERR cancelled lock=a "));
}

TEST_F(ShellTest, SocatThatIgnoresTheEndHoldsUntilItIsEnded) {
  Process socat({"socat", "-,ignoreeof", Address()}, {.input = Process::Input::kPipe});
  socat.Write("lock a\n");
  socat.CloseInput();
  socat.ReadUntil("OK lock=a");
  EXPECT_EQ(Holds(), 1u);
  socat.Signal(SIGTERM);
  socat.Wait();
  EXPECT_TRUE(Eventually([&] { return Holds() == 0; }));
}

TEST_F(ShellTest, TypedAtATerminal) {
  Process socat({"socat", "-", Address()}, {.terminal = true});
  socat.ReadUntil("line=4096");
  socat.Write("lock a\n");
  socat.ReadUntil("OK lock=a fence=");
  EXPECT_EQ(Holds(), 1u);
  socat.Write("\x04");  // ^D
  EXPECT_TRUE(Eventually([&] { return Holds() == 0; }));
  EXPECT_EQ(socat.Wait(), ExitCode(0));
}

TEST_F(ShellTest, TypedWithLineEditing) {
  if (RunProgram({"socat", "-V"}).output.find("#define WITH_READLINE") == std::string::npos) {
    GTEST_SKIP() << "this socat was built without readline, as Debian's is";
  }
  Process socat({"socat", "READLINE", Address()}, {.terminal = true});
  socat.ReadUntil("line=4096");
  socat.Write(
      "lock x\x7f"
      "a\n");  // a correction
  socat.ReadUntil("OK lock=a fence=");
  socat.Write("\x04");
  EXPECT_TRUE(Eventually([&] { return Holds() == 0; }));
}

// The bash script of PROTOCOL.md, word by word, but for what stands in place of its work.
class CoprocessTest : public ShellTest {
 protected:
  std::string Script() {
    const std::string document = ReadFile(REDLOCKD_TEST_SOURCE "/protocol/PROTOCOL.md");
    const std::string fence = "\n```bash\n";
    const std::size_t begin = document.find(fence + "coproc") + fence.size();
    return document.substr(begin, document.find("\n```", begin) + 1 - begin);
  }
  std::map<std::string, std::string> Env() { return {{"REDLOCK_SOCKET", world_.daemon.socket()}}; }
};

TEST_F(CoprocessTest, HoldsALock) {
  const Ran ran = RunProgram({"bash", "-c", Script()}, "", Env());
  EXPECT_EQ(ran.exit, ExitCode(0));
  EXPECT_THAT(ran.output, testing::ContainsRegex("fence [0-9]+"));
  EXPECT_TRUE(Eventually([&] { return Holds() == 0; }));
}

TEST_F(CoprocessTest, LetsGoWhenTheScriptIsKilled) {
  std::string script = Script();
  const std::size_t work = script.find("echo 'unlock");
  ASSERT_NE(work, std::string::npos);
  script.insert(work, "read -r _\n");
  Process bash({"bash", "-c", script}, {.env = Env(), .input = Process::Input::kPipe});
  bash.ReadUntil("fence ");
  LineClient waiter = world_.Connect();
  EXPECT_EQ(waiter.Brief("trylock backup"), "ERR busy");
  waiter.Send("lock backup");
  bash.Signal(SIGKILL);
  EXPECT_EQ(Brief(waiter.Answer()), "OK");
}

TEST_F(CoprocessTest, SaysThatItHasNoLock) {
  observer_.Ask("lock backup");
  std::string script = Script();
  const std::size_t wait = script.find("wait=10s");
  ASSERT_NE(wait, std::string::npos);
  script.replace(wait, 8, "wait=0");
  const Ran ran = RunProgram({"bash", "-c", script}, "", Env());
  EXPECT_EQ(ran.exit, ExitCode(1));
  EXPECT_THAT(ran.output, HasSubstr("no lock: ERR busy lock=backup"));
}

}  // namespace
}  // namespace redlockd::test
