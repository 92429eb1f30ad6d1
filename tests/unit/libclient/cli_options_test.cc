#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include "libclient/cli/options.h"

namespace redlock::cli {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;

std::variant<Options, int> Parse(std::vector<std::string> words) {
  words.insert(words.begin(), "redlock");
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  return ParseOptions(static_cast<int>(words.size()), argv.data());
}

Options Good(std::vector<std::string> words) {
  auto parsed = Parse(std::move(words));
  if (std::holds_alternative<int>(parsed)) throw std::runtime_error("refused");
  return std::get<Options>(parsed);
}

RunOptions GoodRun(std::vector<std::string> words) {
  words.insert(words.begin(), "run");
  return std::get<RunOptions>(Good(std::move(words)).command);
}

// What is said on stderr; the exit code must be 64.
std::string Refusal(std::vector<std::string> words) {
  testing::internal::CaptureStderr();
  const auto parsed = Parse(std::move(words));
  const std::string said = testing::internal::GetCapturedStderr();
  const int* code = std::get_if<int>(&parsed);
  EXPECT_TRUE(code != nullptr && *code == 64);
  return said;
}

TEST(RunOptions, Defaults) {
  const RunOptions run = GoodRun({"job", "--", "true"});
  EXPECT_EQ(run.name, "job");
  EXPECT_THAT(run.command, ElementsAre("true"));
  EXPECT_EQ(run.wait, std::nullopt);
  EXPECT_EQ(run.busy_code, 75);
  EXPECT_FALSE(run.quiet || run.verbose);
  EXPECT_EQ(run.ttl, 0s);
  EXPECT_EQ(run.max_hold, 0s);
  EXPECT_EQ(run.note, "");
  EXPECT_EQ(run.kill_after, std::nullopt);
}

TEST(RunOptions, AllOfThem) {
  const RunOptions run =
      GoodRun({"-w", "2.5", "-E", "3", "-qv", "--ttl", "8s", "--max-hold=1h", "--kill-after",
               "250ms", "--note", "a b", "job", "--", "cmd", "-n", "--", "x"});
  EXPECT_EQ(run.wait, 2500ms);
  EXPECT_EQ(run.busy_code, 3);
  EXPECT_TRUE(run.quiet && run.verbose);
  EXPECT_EQ(run.ttl, 8s);
  EXPECT_EQ(run.max_hold, 1h);
  EXPECT_EQ(run.kill_after, 250ms);
  EXPECT_EQ(run.note, "a b");
  EXPECT_THAT(run.command, ElementsAre("cmd", "-n", "--", "x"));
}

TEST(RunOptions, AsFingersKnowThemFromFlock) {
  EXPECT_EQ(GoodRun({"-n", "job", "true"}).wait, 0s);
  EXPECT_EQ(GoodRun({"--nonblock", "job", "true"}).wait, 0s);
  EXPECT_EQ(GoodRun({"-w0.5", "job", "true"}).wait, 500ms);
  EXPECT_EQ(GoodRun({"--timeout", "1", "job", "true"}).wait, 1s);
  // Without "--", and a command whose arguments look like ours.
  EXPECT_THAT(GoodRun({"job", "ls", "-n", "--", "list"}).command,
              ElementsAre("ls", "-n", "--", "list"));
  EXPECT_THAT(GoodRun({"job", "list"}).command, ElementsAre("list"));
  EXPECT_EQ(GoodRun({"list", "show"}).name, "list");
}

TEST(RunOptions, StringForTheShell) {
  setenv("SHELL", "/bin/some-shell", 1);
  EXPECT_THAT(GoodRun({"job", "-c", "a | b"}).command,
              ElementsAre("/bin/some-shell", "-c", "a | b"));
  EXPECT_THAT(GoodRun({"-c", "a", "job"}).command, ElementsAre("/bin/some-shell", "-c", "a"));
  unsetenv("SHELL");
  EXPECT_THAT(GoodRun({"job", "-c", ""}).command, ElementsAre("/bin/sh", "-c", ""));
}

TEST(RunOptions, MistakesAreNamed) {
  EXPECT_THAT(Refusal({"run"}), HasSubstr("NAME is required"));
  EXPECT_THAT(Refusal({"run", "job"}), HasSubstr("expected a command behind NAME, or -c STRING"));
  EXPECT_THAT(Refusal({"run", "job", "--"}), HasSubstr("expected a command behind NAME"));
  EXPECT_THAT(Refusal({"run", "job", "-c", "a", "b"}), HasSubstr("not both"));
  EXPECT_THAT(Refusal({"run", "job", "-c", "a", "--", "b"}), HasSubstr("not both"));
  EXPECT_THAT(Refusal({"run", "-s", "job", "true"}), HasSubstr("-s: no such option"));
  EXPECT_THAT(Refusal({"run", "job", "--bogus", "true"}), HasSubstr("--bogus: no such option"));
  EXPECT_THAT(Refusal({"run", "-n", "-w", "1", "job", "true"}), HasSubstr("excludes"));
  EXPECT_THAT(Refusal({"run", "-w", "1s", "job", "true"}),
              HasSubstr("'1s': expected seconds, like 10 or 0.5"));
  EXPECT_THAT(Refusal({"run", "-E", "256", "job", "true"}), HasSubstr("expected a number from 0"));
  EXPECT_THAT(Refusal({"run", "--ttl", "10", "job", "true"}),
              HasSubstr("--ttl: '10': expected an integer above 0 and a unit"));
  EXPECT_THAT(Refusal({"run", "--max-hold", "0s", "job", "true"}), HasSubstr("'0s': expected"));
  EXPECT_THAT(Refusal({"run", std::string(256, 'x'), "true"}),
              HasSubstr("the lock name has 256 bytes: expected 1 to 255"));
}

TEST(QueryOptions, EachCommand) {
  using Kind = QueryOptions::Kind;
  const auto query = [](std::vector<std::string> words) {
    return std::get<QueryOptions>(Good(std::move(words)).command);
  };
  EXPECT_EQ(query({"list"}).kind, Kind::kList);
  EXPECT_FALSE(query({"list"}).json);
  EXPECT_TRUE(query({"list", "--json"}).json);
  EXPECT_EQ(query({"show", "job"}).kind, Kind::kShow);
  EXPECT_EQ(query({"show", "job"}).name, "job");
  EXPECT_EQ(query({"nodes"}).kind, Kind::kNodes);
  EXPECT_EQ(query({"nodes", "--trust-empty"}).kind, Kind::kTrustEmpty);
  EXPECT_EQ(query({"nodes", "--adopt"}).kind, Kind::kAdopt);
  EXPECT_EQ(query({"stats"}).kind, Kind::kStats);
  EXPECT_EQ(query({"ping"}).kind, Kind::kPing);
}

TEST(QueryOptions, SocketBeforeAndBehind) {
  EXPECT_EQ(Good({"list"}).socket, "");
  EXPECT_EQ(Good({"--socket", "/a", "list"}).socket, "/a");
  EXPECT_EQ(Good({"list", "--socket", "/a"}).socket, "/a");
  EXPECT_EQ(Good({"--socket", "/a", "run", "job", "--", "cmd", "--socket", "/b"}).socket, "/a");
}

TEST(QueryOptions, MistakesAreNamed) {
  EXPECT_THAT(Refusal({}), HasSubstr("subcommand is required"));
  EXPECT_THAT(Refusal({"bogus"}), HasSubstr("no command or option 'bogus'"));
  EXPECT_THAT(Refusal({"list", "x"}), HasSubstr("not expected: x"));
  EXPECT_THAT(Refusal({"list", "--", "x"}), HasSubstr("'--'"));
  EXPECT_THAT(Refusal({"show"}), HasSubstr("NAME is required"));
  EXPECT_THAT(Refusal({"nodes", "--adopt", "--trust-empty"}), HasSubstr("excludes"));
  EXPECT_THAT(Refusal({"help", "bogus"}), HasSubstr("no command 'bogus'"));
}

TEST(Help, GoesToStandardOutput) {
  testing::internal::CaptureStdout();
  const auto parsed = Parse({"help", "run"});
  EXPECT_THAT(testing::internal::GetCapturedStdout(), HasSubstr("redlock run [OPTIONS] NAME"));
  ASSERT_TRUE(std::holds_alternative<int>(parsed));
  EXPECT_EQ(std::get<int>(parsed), 0);
}

}  // namespace
}  // namespace redlock::cli
