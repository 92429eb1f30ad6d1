// The programs of libclient/examples, run against a real daemon.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>

#include "tests/support/daemon.h"

namespace redlockd::test {
namespace {

using testing::HasSubstr;

class ExamplesTest : public testing::Test {
 protected:
  static std::string Program(const std::string& name) {
    return REDLOCKD_TEST_EXAMPLES "/example_" + name;
  }
  std::map<std::string, std::string> Env() { return {{"REDLOCK_SOCKET", world_.daemon.socket()}}; }

  World world_{3};
  LineClient observer_ = world_.Connect();
};

TEST_F(ExamplesTest, Blocking) {
  const Ran ran = RunProgram({Program("blocking"), "a"}, "", Env());
  EXPECT_EQ(ran.exit, ExitCode(0)) << ran.output;
  EXPECT_THAT(ran.output, testing::ContainsRegex("held a fence [0-9]+ "));
  EXPECT_THAT(ran.output, HasSubstr("released a\n"));
  observer_.Ask("lock a");
  EXPECT_EQ(RunProgram({Program("blocking"), "a", "0.1"}, "", Env()).exit, ExitCode(75));
}

// Those that hold a lock in an event loop, each in another.
class ExampleLoopsTest : public ExamplesTest, public testing::WithParamInterface<const char*> {};
INSTANTIATE_TEST_SUITE_P(All, ExampleLoopsTest, testing::Values(REDLOCKD_TEST_EXAMPLE_LOOPS),
                         [](const auto& info) { return std::string(info.param); });

TEST_P(ExampleLoopsTest, HoldAndRelease) {
  Process loop({Program(GetParam()), "a"}, {.env = Env(), .input = Process::Input::kPipe});
  loop.ReadUntil("held a fence ");
  EXPECT_EQ(observer_.Brief("trylock a"), "ERR busy");
  loop.CloseInput();
  loop.ReadUntil("released: ");
  EXPECT_EQ(loop.Wait(), ExitCode(0));
  EXPECT_EQ(observer_.Brief("lock a"), "OK");
}

TEST_P(ExampleLoopsTest, AreToldOfTheDaemonsDeath) {
  Process loop({Program(GetParam()), "a"}, {.env = Env(), .input = Process::Input::kPipe});
  loop.ReadUntil("held a fence ");
  world_.daemon.Kill();
  loop.ReadUntil("lost: ");
  EXPECT_EQ(loop.Wait(), ExitCode(1));
}

TEST_F(ExamplesTest, FencedCounter) {
  TempDir dir;
  std::vector<std::unique_ptr<Process>> all;
  for (int i = 0; i < 4; ++i) {
    all.push_back(std::make_unique<Process>(
        std::vector<std::string>{Program("fenced_counter"), "a", dir / "count", "10"},
        Process::Options{.env = Env(), .output_file = dir / "log"}));
  }
  for (auto& process : all) EXPECT_EQ(process->Wait(), ExitCode(0)) << ReadFile(dir / "log");
  EXPECT_THAT(ReadFile(dir / "count"), testing::EndsWith(" 40\n"));
}

// To and fro, and none is lost on the way.
TEST_F(ExamplesTest, Transfer) {
  TempDir dir;
  WriteFile(dir / "x", "0 100\n");
  WriteFile(dir / "y", "0 100\n");
  std::vector<std::unique_ptr<Process>> all;
  for (int i = 0; i < 4; ++i) {
    const bool is_back = i % 2 == 1;
    all.push_back(std::make_unique<Process>(
        std::vector<std::string>{Program("transfer"), dir.path(), is_back ? "y" : "x",
                                 is_back ? "x" : "y", std::to_string(i + 1), "10"},
        Process::Options{.env = Env(), .output_file = dir / "log"}));
  }
  for (auto& process : all) EXPECT_EQ(process->Wait(), ExitCode(0)) << ReadFile(dir / "log");
  EXPECT_THAT(ReadFile(dir / "x"), testing::EndsWith(" 120\n"));
  EXPECT_THAT(ReadFile(dir / "y"), testing::EndsWith(" 80\n"));
}

}  // namespace
}  // namespace redlockd::test
