// The examples do what they say.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/support/files.h"
#include "tests/support/process.h"
#include "tests/unit/libclient/fake_daemon.h"

namespace redlock::client {
namespace {

using redlockd::test::ExitCode;
using redlockd::test::Process;
using redlockd::test::ReadFile;
using redlockd::test::RunProgram;
using redlockd::test::TempDir;
using redlockd::test::WriteFile;

const std::string kExamples = EXAMPLES;

TEST(Examples, Blocking) {
  FakeDaemon daemon;
  const auto ran = RunProgram({kExamples + "/example_blocking", "jobs"}, "",
                              {{"REDLOCK_SOCKET", daemon.path()}});
  EXPECT_EQ(ran.exit, ExitCode(0));
  EXPECT_THAT(ran.output, testing::MatchesRegex("held jobs fence 1 for [0-9]+ ms, granted by 3 of "
                                                "5 nodes\nreleased jobs\n"));
}

TEST(Examples, BlockingGivesUp) {
  FakeDaemon daemon;
  Process holder({kExamples + "/example_event_loop", "jobs"},
                 {.env = {{"REDLOCK_SOCKET", daemon.path()}}, .input = Process::Input::kPipe});
  EXPECT_EQ(holder.ReadLine(), "held jobs fence 1");
  const auto ran = RunProgram({kExamples + "/example_blocking", "jobs", "0.01"}, "",
                              {{"REDLOCK_SOCKET", daemon.path()}});
  EXPECT_EQ(ran.exit, ExitCode(75));
  EXPECT_EQ(ran.output, "blocking: timed out: held by pid 12\n");
  holder.CloseInput();
  EXPECT_EQ(holder.ReadLine(), "released: no error");
  EXPECT_EQ(holder.Wait(), ExitCode(0));
}

// Those that hold a lock in an event loop, each in another.
class ExampleLoops : public testing::TestWithParam<const char*> {
 protected:
  std::string program() const { return kExamples + "/example_" + GetParam(); }
};
INSTANTIATE_TEST_SUITE_P(All, ExampleLoops, testing::Values(EXAMPLE_LOOPS),
                         [](const auto& info) { return std::string(info.param); });

TEST_P(ExampleLoops, SayWhatHappens) {
  FakeDaemon daemon;
  Process example({program(), "jobs"},
                  {.env = {{"REDLOCK_SOCKET", daemon.path()}}, .input = Process::Input::kPipe});
  EXPECT_EQ(example.ReadLine(), "held jobs fence 1");
  daemon.Say("* JEOPARDY lock=jobs fence=1 deadline=0");
  EXPECT_THAT(example.ReadLine(), testing::StartsWith("in jeopardy: -"));
  daemon.Say("* SAFE lock=jobs fence=1 deadline=0");
  EXPECT_EQ(example.ReadLine(), "safe");
  daemon.Say("* LOST lock=jobs fence=1 reason=expired");
  EXPECT_EQ(example.ReadLine(), "lost: expired");
  EXPECT_EQ(example.Wait(), ExitCode(1));
}

TEST_P(ExampleLoops, WaitAndPassOn) {
  FakeDaemon daemon;
  const Process::Options options{.env = {{"REDLOCK_SOCKET", daemon.path()}},
                                 .input = Process::Input::kPipe};
  Process first({program(), "jobs"}, options);
  EXPECT_EQ(first.ReadLine(), "held jobs fence 1");
  Process second({program(), "jobs"}, options);
  EXPECT_TRUE(daemon.WaitForWaiters("jobs", 1));
  first.Write("not the end\n");
  first.CloseInput();
  EXPECT_EQ(first.ReadLine(), "released: no error");
  EXPECT_EQ(first.Wait(), ExitCode(0));
  EXPECT_EQ(second.ReadLine(), "held jobs fence 2");
  second.CloseInput();
  EXPECT_EQ(second.Wait(), ExitCode(0));
  EXPECT_TRUE(daemon.WaitForSessions(0));
}

TEST_P(ExampleLoops, HearThatTheDaemonHasGone) {
  FakeDaemon daemon;
  Process example({program(), "jobs"},
                  {.env = {{"REDLOCK_SOCKET", daemon.path()}}, .input = Process::Input::kPipe});
  EXPECT_EQ(example.ReadLine(), "held jobs fence 1");
  daemon.Drop();
  EXPECT_EQ(example.ReadLine(), "lost: the daemon closed the connection");
  EXPECT_EQ(example.Wait(), ExitCode(1));
}

TEST_P(ExampleLoops, AreToldThatThereIsNoDaemon) {
  const auto ran = RunProgram({program(), "jobs"}, "", {{"REDLOCK_SOCKET", "/nowhere/s"}});
  EXPECT_EQ(ran.exit, ExitCode(1));
  EXPECT_THAT(ran.output, testing::HasSubstr("cannot connect to the daemon: /nowhere/s"));
  EXPECT_EQ(RunProgram({program()}).exit, ExitCode(64));
}

TEST_P(ExampleLoops, AreRefusedByWhatIsNoDaemon) {
  FakeDaemon daemon("220 mail.example.com ESMTP");
  const auto ran = RunProgram({program(), "jobs"}, "", {{"REDLOCK_SOCKET", daemon.path()}});
  EXPECT_EQ(ran.exit, ExitCode(1));
  EXPECT_THAT(ran.output, testing::HasSubstr("does not speak the line protocol"));
}

TEST(Examples, FencedCounterCountsAndRefusesAStaleFence) {
  FakeDaemon daemon;
  const TempDir directory;
  const std::string file = directory / "count";
  const std::vector<std::string> command{kExamples + "/example_fenced_counter", "jobs", file, "2"};
  EXPECT_EQ(RunProgram(command, "", {{"REDLOCK_SOCKET", daemon.path()}}).output,
            "fence 1 count 1\nfence 2 count 2\n");
  EXPECT_EQ(ReadFile(file), "2 2\n");
  WriteFile(file, "9000 7\n");
  const auto ran = RunProgram(command, "", {{"REDLOCK_SOCKET", daemon.path()}});
  EXPECT_EQ(ran.exit, ExitCode(1));
  EXPECT_EQ(ran.output, "fenced_counter: refused: a holder with a newer fence has written\n");
  EXPECT_EQ(ReadFile(file), "9000 7\n");
}

TEST(Examples, TransferMovesAmountsAndRefusesAStaleFence) {
  FakeDaemon daemon;
  const TempDir directory;
  WriteFile(directory / "a", "0 10\n");
  WriteFile(directory / "b", "0 5\n");
  const std::vector<std::string> command{
      kExamples + "/example_transfer", directory.path(), "a", "b", "3", "2"};
  EXPECT_EQ(RunProgram(command, "", {{"REDLOCK_SOCKET", daemon.path()}}).output,
            "a 7, b 8\na 4, b 11\n");
  EXPECT_EQ(ReadFile(directory / "a"), "3 4\n");
  EXPECT_EQ(ReadFile(directory / "b"), "4 11\n");
  WriteFile(directory / "a", "9000 4\n");
  const auto ran = RunProgram(command, "", {{"REDLOCK_SOCKET", daemon.path()}});
  EXPECT_EQ(ran.exit, ExitCode(1));
  EXPECT_THAT(ran.output, testing::HasSubstr("a: a holder with a newer fence has written"));
  EXPECT_EQ(ReadFile(directory / "b"), "4 11\n");
}

TEST(Examples, Session) {
  FakeDaemon daemon;
  const auto ran = RunProgram({kExamples + "/example_session", "3"}, "a\nb\na\nc\n",
                              {{"REDLOCK_SOCKET", daemon.path()}});
  EXPECT_EQ(ran.exit, ExitCode(0)) << ran.output;
  for (const char* name : {"a", "b", "c"}) {
    EXPECT_THAT(ran.output, testing::HasSubstr(std::string(name) + " fence "));
  }
}

}  // namespace
}  // namespace redlock::client
