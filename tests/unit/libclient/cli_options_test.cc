#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include "libclient/cli/options.h"

namespace redlock::cli {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

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
  EXPECT_EQ(run.min_hold, 0s);
  EXPECT_EQ(run.note, "");
  EXPECT_EQ(run.kill_after, std::nullopt);
}

TEST(RunOptions, AllOfThem) {
  const RunOptions run =
      GoodRun({"-w", "2.5", "-E", "3", "-qv", "--ttl", "8s", "--max-hold=1h", "--min-hold=5m",
               "--kill-after", "250ms", "--note", "a b", "job", "--", "cmd", "-n", "--", "x"});
  EXPECT_EQ(run.wait, 2500ms);
  EXPECT_EQ(run.busy_code, 3);
  EXPECT_TRUE(run.quiet && run.verbose);
  EXPECT_EQ(run.ttl, 8s);
  EXPECT_EQ(run.max_hold, 1h);
  EXPECT_EQ(run.min_hold, 5min);
  EXPECT_EQ(run.kill_after, 250ms);
  EXPECT_EQ(run.note, "a b");
  EXPECT_THAT(run.command, ElementsAre("cmd", "-n", "--", "x"));
}

TEST(RunOptions, AsFingersKnowThemFromFlock) {
  EXPECT_EQ(GoodRun({"-n", "job", "true"}).wait, 0s);
  EXPECT_EQ(GoodRun({"--nonblock", "job", "true"}).wait, 0s);
  EXPECT_EQ(GoodRun({"-w0.5", "job", "true"}).wait, 500ms);
  EXPECT_EQ(GoodRun({"-w", ".5", "job", "true"}).wait, 500ms);
  EXPECT_EQ(GoodRun({"--timeout", "1", "job", "true"}).wait, 1s);
  EXPECT_EQ(GoodRun({"--timeout=1", "job", "true"}).wait, 1s);
  EXPECT_EQ(GoodRun({"--time", "1", "job", "true"}).wait, 1s);  // what begins one name only
  EXPECT_EQ(GoodRun({"-xw2", "job", "true"}).wait, 2s);
  EXPECT_EQ(GoodRun({"-nE0", "job", "true"}).busy_code, 0);
  EXPECT_EQ(GoodRun({"-nE", "0", "job", "true"}).wait, 0s);
  EXPECT_EQ(GoodRun({"-n", "-w", "5", "job", "true"}).wait, 0s);
  EXPECT_EQ(GoodRun({"-w", "5", "-n", "job", "true"}).wait, 0s);
  EXPECT_EQ(GoodRun({"-w", "5", "-w", "6", "job", "true"}).wait, 6s);
  EXPECT_EQ(GoodRun({"-w", "forever", "job", "true"}).wait, std::nullopt);
  EXPECT_EQ(GoodRun({"-e", "--exclusive", "job", "true"}).name, "job");
  // Without "--", and a command whose arguments look like ours.
  EXPECT_THAT(GoodRun({"job", "ls", "-n", "--", "list"}).command,
              ElementsAre("ls", "-n", "--", "list"));
  EXPECT_THAT(GoodRun({"job", "list"}).command, ElementsAre("list"));
  EXPECT_EQ(GoodRun({"list", "show"}).name, "list");
}

TEST(RunOptions, TwoHyphensEndTheOptions) {
  const auto check = [](std::vector<std::string> words, const std::string& name,
                        const std::vector<std::string>& command) {
    const RunOptions run = GoodRun(words);
    EXPECT_EQ(run.name, name) << testing::PrintToString(words);
    EXPECT_EQ(run.command, command) << testing::PrintToString(words);
    EXPECT_EQ(run.wait, std::nullopt) << testing::PrintToString(words);
  };
  using Command = std::vector<std::string>;
  check({"--", "job", "cmd", "-n"}, "job", {"cmd", "-n"});
  check({"--", "-n", "cmd"}, "-n", {"cmd"});
  check({"--", "job", "--", "cmd"}, "job", {"cmd"});
  check({"--", "job", "-n"}, "job", {"-n"});
  check({"job", "--", "-n", "x"}, "job", {"-n", "x"});
  check({"job", "--", "-c", "x"}, "job", {"-c", "x"});
  check({"job", "--", "--", "x"}, "job", {"--", "x"});
  check({"job", "cmd", "--", "-n"}, "job", {"cmd", "--", "-n"});
  check({"job", "cmd", "-c", "x", "-n"}, "job", {"cmd", "-c", "x", "-n"});
  check({"--note", "--", "job", "cmd"}, "job", {"cmd"});  // it is the note
  check({"--note", "-n", "job", "cmd"}, "job", {"cmd"});
  setenv("SHELL", "/bin/sh", 1);
  check({"--", "job", "-c", "a b"}, "job", Command{"/bin/sh", "-c", "a b"});  // as flock has it
  check({"job", "-c", "-n"}, "job", Command{"/bin/sh", "-c", "-n"});
  check({"job", "--command=a", "--"}, "job", Command{"/bin/sh", "-c", "a"});
}

TEST(RunOptions, OptionsMayFollowTheName) {
  EXPECT_EQ(GoodRun({"job", "-n", "true"}).wait, 0s);
  EXPECT_EQ(GoodRun({"job", "-w", "5", "--", "-n"}).wait, 5s);
  EXPECT_EQ(GoodRun({"job", "-n", "-c", "true"}).wait, 0s);
}

TEST(RunOptions, FurtherNames) {
  EXPECT_THAT(GoodRun({"job", "true"}).also, testing::IsEmpty());
  const RunOptions run = GoodRun({"--also", "b", "a", "--also=c d", "--", "true"});
  EXPECT_EQ(run.name, "a");
  EXPECT_THAT(run.also, ElementsAre("b", "c d"));
  EXPECT_THAT(Refusal({"run", "--also", "a", "a", "true"}),
              HasSubstr("--also: expected each name once, found 'a' twice"));
  EXPECT_THAT(Refusal({"run", "--also", "b", "--also", "b", "a", "true"}),
              HasSubstr("found 'b' twice"));
  EXPECT_THAT(Refusal({"run", "--also", "", "a", "true"}), HasSubstr("--also: "));
  std::vector<std::string> many = {"run", "a", "true"};
  for (int i = 0; i < 16; ++i) many.insert(many.begin() + 1, "--also=b" + std::to_string(i));
  EXPECT_THAT(Refusal(many), HasSubstr("at most 15 further names"));
}

TEST(RunOptions, ASharedLockIsOneAndNotKept) {
  EXPECT_FALSE(GoodRun({"job", "cmd"}).shared);
  EXPECT_FALSE(GoodRun({"-x", "job", "cmd"}).shared);
  for (const char* option : {"-s", "--shared"}) EXPECT_TRUE(GoodRun({option, "job", "cmd"}).shared);
  for (const char* other : {"--exclusive", "--also=b", "--min-hold=1m"}) {
    EXPECT_THAT(Refusal({"run", "-s", other, "job", "cmd"}),
                HasSubstr("--shared: expected without --"));
  }
}

TEST(RunOptions, DurationsWithAndWithoutAUnit) {
  for (const char* option :
       {"-w", "--wait", "--timeout", "--ttl", "--max-hold", "--min-hold", "--kill-after"}) {
    for (const auto& [text, duration] :
         std::vector<std::pair<const char*, Duration>>{{"5", 5s},
                                                       {"5s", 5s},
                                                       {"0.5", 500ms},
                                                       {"1.5s", 1500ms},
                                                       {"250ms", 250ms},
                                                       {"2m", 2min},
                                                       {"1h", 1h}}) {
      const RunOptions run = GoodRun({option, text, "job", "true"});
      const Duration got = run.wait         ? *run.wait
                           : run.kill_after ? *run.kill_after
                                            : run.ttl + run.max_hold + run.min_hold;
      EXPECT_EQ(got, duration) << option << " " << text;
    }
  }
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
  EXPECT_THAT(Refusal({"run", "--"}), HasSubstr("NAME is required"));
  EXPECT_THAT(Refusal({"run", "job"}), HasSubstr("expected a command after NAME, or -c STRING"));
  EXPECT_THAT(Refusal({"run", "job", "--"}), HasSubstr("expected a command after NAME"));
  EXPECT_THAT(Refusal({"run", "job", "-c"}), HasSubstr("-c: expected a value after it"));
  EXPECT_THAT(Refusal({"run", "job", "-c", "a", "b"}), HasSubstr("not both"));
  EXPECT_THAT(Refusal({"run", "job", "-c", "a", "--", "b"}), HasSubstr("not both"));
  EXPECT_THAT(Refusal({"run", "-y", "job", "true"}), HasSubstr("-y: no such option"));
  EXPECT_THAT(Refusal({"run", "-ny", "job", "true"}), HasSubstr("-y: no such option"));
  EXPECT_THAT(Refusal({"run", "--quiet", "-yn", "job", "true"}), HasSubstr("-y: no such option"));
  EXPECT_THAT(Refusal({"run", "--quiet", "-nw"}), HasSubstr("-w: expected a value after it"));
  EXPECT_THAT(Refusal({"run", "job", "--bogus", "true"}), HasSubstr("--bogus: no such option"));
  EXPECT_THAT(Refusal({"run", "--no", "job", "true"}),
              HasSubstr("--no: no such option (names cannot"));
  EXPECT_THAT(Refusal({"run", "--quiet=1", "job", "true"}),
              HasSubstr("--quiet: expected no value"));
  EXPECT_THAT(Refusal({"run", "-E", "256", "job", "true"}), HasSubstr("expected a number from 0"));
  EXPECT_THAT(Refusal({"run", "--max-hold", "0s", "job", "true"}), HasSubstr("found '0s'"));
  EXPECT_THAT(Refusal({"run", std::string(256, 'x'), "true"}),
              HasSubstr("the lock name has 256 bytes: expected 1 to 255"));
  EXPECT_THAT(Refusal({"run", "job"}), HasSubstr("redlock run --help"));
  EXPECT_THAT(Refusal({"run", "\x1b[2J", "-\x1b"}), Not(HasSubstr("\x1b")));
}

TEST(RunOptions, AMistakeSpeaksOfWhatWasTyped) {
  EXPECT_THAT(Refusal({"run", "-w", "soon", "job", "true"}),
              HasSubstr("redlock: -w: expected a duration, like 5 or 0.5 (seconds), 250ms"));
  EXPECT_THAT(Refusal({"run", "--timeout", "soon", "job", "true"}),
              HasSubstr("redlock: --timeout: expected"));
  EXPECT_THAT(Refusal({"run", "--wait=soon", "job", "true"}),
              HasSubstr("redlock: --wait: expected"));
  EXPECT_THAT(Refusal({"run", "-nwsoon", "job", "true"}), HasSubstr("redlock: -w: expected"));
  EXPECT_THAT(Refusal({"run", "-w", "-5", "job", "true"}), HasSubstr("found '-5'"));
  EXPECT_THAT(Refusal({"run", "-Ex", "job", "true"}), HasSubstr("redlock: -E: expected"));
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
  EXPECT_EQ(query({"show", "--", "-job"}).name, "-job");
  EXPECT_EQ(query({"show", "job", "--json"}).name, "job");
  EXPECT_TRUE(query({"show", "job", "--json"}).json);
  EXPECT_TRUE(query({"list", "-0"}).null);
  EXPECT_TRUE(query({"list", "--null"}).null);
  EXPECT_EQ(query({"nodes"}).kind, Kind::kNodes);
  EXPECT_EQ(query({"nodes", "--trust-empty"}).kind, Kind::kTrustEmpty);
  EXPECT_EQ(query({"nodes", "--adopt"}).kind, Kind::kAdopt);
  const QueryOptions of_fence = query({"break", "job", "--fence", "7"});
  EXPECT_EQ(of_fence.kind, Kind::kBreak);
  EXPECT_EQ(of_fence.name, "job");
  EXPECT_EQ(of_fence.fence, "7");
  const QueryOptions of_owner = query({"break", "--owner=ab:1:h", "--now", "job", "--json"});
  EXPECT_EQ(of_owner.owner, "ab:1:h");
  EXPECT_TRUE(of_owner.now);
  EXPECT_TRUE(of_owner.json);
  EXPECT_EQ(query({"stats"}).kind, Kind::kStats);
  EXPECT_EQ(query({"status"}).kind, Kind::kStatus);
  EXPECT_EQ(query({"reload"}).kind, Kind::kReload);
  EXPECT_EQ(query({"ping"}).kind, Kind::kPing);
}

TEST(WatchOptions, NamesAndJson) {
  const auto watch = [](std::vector<std::string> words) {
    return std::get<WatchOptions>(Good(std::move(words)).command);
  };
  EXPECT_TRUE(watch({"watch"}).names.empty());
  EXPECT_FALSE(watch({"watch"}).json);
  EXPECT_EQ(watch({"watch", "a b", "--json", "c"}).names, (std::vector<std::string>{"a b", "c"}));
  EXPECT_TRUE(watch({"watch", "a", "--json"}).json);
  EXPECT_EQ(watch({"watch", "--", "-a"}).names, std::vector<std::string>{"-a"});
  EXPECT_THAT(Refusal({"watch", ""}), HasSubstr("NAME: "));
  std::vector<std::string> many(66, "a");
  many[0] = "watch";
  EXPECT_THAT(Refusal(many), HasSubstr("unexpected argument 'a'"));
}

TEST(HealthOptions, TimeoutAndJson) {
  const auto health = [](std::vector<std::string> words) {
    return std::get<HealthOptions>(Good(std::move(words)).command);
  };
  EXPECT_EQ(health({"health"}).timeout, 2s);
  EXPECT_FALSE(health({"health"}).json);
  EXPECT_EQ(health({"health", "--timeout", "250ms", "--json"}).timeout, 250ms);
  EXPECT_TRUE(health({"health", "--json"}).json);
  EXPECT_THAT(Refusal({"health", "--timeout", "0"}), HasSubstr("--timeout: expected"));
  EXPECT_THAT(Refusal({"health", "a"}), HasSubstr("unexpected argument 'a'"));
}

TEST(QueryOptions, SocketBeforeAndBehind) {
  EXPECT_EQ(Good({"list"}).socket, "");
  EXPECT_EQ(Good({"--socket", "/a", "list"}).socket, "/a");
  EXPECT_EQ(Good({"list", "--socket", "/a"}).socket, "/a");
  EXPECT_EQ(Good({"--socket", "/a", "run", "job", "--", "cmd", "--socket", "/b"}).socket, "/a");
  EXPECT_EQ(Good({"run", "--socket", "/a", "job", "cmd", "--socket", "/b"}).socket, "/a");
}

TEST(QueryOptions, MistakesAreNamed) {
  EXPECT_THAT(Refusal({}), HasSubstr("no command: expected run, list"));
  EXPECT_THAT(Refusal({"bogus"}), HasSubstr("unknown command 'bogus'"));
  EXPECT_THAT(Refusal({"--bogus"}), HasSubstr("--bogus: no such option"));
  EXPECT_THAT(Refusal({"list", "x"}), HasSubstr("unexpected argument 'x'"));
  EXPECT_THAT(Refusal({"list", "--", "x"}), HasSubstr("unexpected argument 'x'"));
  EXPECT_THAT(Refusal({"list", "-0", "--json"}), HasSubstr("cannot be combined"));
  EXPECT_THAT(Refusal({"ping", "-0"}), HasSubstr("-0: no such option"));
  EXPECT_THAT(Refusal({"show"}), HasSubstr("NAME is required"));
  EXPECT_THAT(Refusal({"show", ""}), HasSubstr("the lock name is empty"));
  EXPECT_THAT(Refusal({"nodes", "--adopt", "--trust-empty"}), HasSubstr("cannot be combined"));
  EXPECT_THAT(Refusal({"break", "--fence", "7"}), HasSubstr("NAME is required"));
  EXPECT_THAT(Refusal({"break", "job"}), HasSubstr("--fence or --owner is required"));
  EXPECT_THAT(Refusal({"break", "job", "--fence", "7", "--owner", "x"}),
              HasSubstr("--owner: cannot be combined with --fence"));
  EXPECT_THAT(Refusal({"break", "job", "--fence", "7", "--now"}),
              HasSubstr("--now: expected it with --owner"));
  EXPECT_THAT(Refusal({"help", "bogus"}), HasSubstr("unknown command 'bogus'"));
}

std::string Printed(std::vector<std::string> words) {
  testing::internal::CaptureStdout();
  const auto parsed = Parse(std::move(words));
  const std::string said = testing::internal::GetCapturedStdout();
  const int* code = std::get_if<int>(&parsed);
  EXPECT_TRUE(code != nullptr && *code == 0);
  return said;
}

TEST(Help, GoesToStandardOutput) {
  for (const std::vector<std::string>& words : {std::vector<std::string>{"help", "run"},
                                                {"run", "--help"},
                                                {"run", "-h"},
                                                {"run", "-nh"}}) {
    EXPECT_THAT(Printed(words), HasSubstr("redlock run [OPTIONS] NAME [--] COMMAND"));
  }
  EXPECT_THAT(Printed({"--help"}), HasSubstr("run NAME COMMAND"));
  EXPECT_THAT(Printed({"help"}), HasSubstr("run NAME COMMAND"));
  for (const char* command :
       {"list", "show", "break", "nodes", "health", "stats", "status", "reload", "ping"}) {
    EXPECT_THAT(Printed({command, "--help"}), HasSubstr("--json")) << command;
  }
  EXPECT_THAT(Printed({"--version"}), HasSubstr("redlock "));
}

}  // namespace
}  // namespace redlock::cli
