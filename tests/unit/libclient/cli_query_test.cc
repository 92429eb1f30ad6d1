#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/libclient/cli_fake_daemon.h"

namespace redlockd::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(CliQuery, AsksAndPrints) {
  FakeDaemon daemon;
  Process redlock(daemon.Redlock({"show", "a b"}));
  FakeSession session = daemon.Accept();
  const auto request = session.Read();
  EXPECT_EQ(request.verb, "show");
  EXPECT_THAT(request.args, ElementsAre("a b"));
  session.Answer(request, "- place=node node=1 address=x:1 state=unknown :it is asleep");
  session.Answer(request, "OK lock=a%20b state=free votes=3/5");
  EXPECT_EQ(redlock.ReadToEnd(),
            "a b is free (3/5 nodes)\n"
            "NODE  ADDRESS  STATE    WHY\n"
            "1     x:1      unknown  it is asleep\n");
  EXPECT_EQ(redlock.Wait(), ExitCode(0));
}

TEST(CliQuery, TheSocketCanComeFromTheEnvironment) {
  FakeDaemon daemon;
  Process redlock({REDLOCKD_TEST_REDLOCK, "ping"}, {.env = {{"REDLOCK_SOCKET", daemon.socket()}}});
  FakeSession session = daemon.Accept();
  session.Answer(session.Read(), "OK");
  EXPECT_EQ(redlock.ReadToEnd(), "redlockd answers\n");
  EXPECT_EQ(redlock.Wait(), ExitCode(0));
}

TEST(CliQuery, EachCommandHasItsVerb) {
  const std::vector<std::pair<std::vector<std::string>, std::string>> verbs = {
      {{"list", "--json"}, "list"},
      {{"nodes", "--json"}, "nodes"},
      {{"nodes", "--trust-empty"}, "trust-empty"},
      {{"nodes", "--adopt"}, "adopt"},
      {{"stats"}, "stats"},
      {{"reload"}, "reload"}};
  for (const auto& [words, verb] : verbs) {
    FakeDaemon daemon;
    Process redlock(daemon.Redlock(words));
    FakeSession session = daemon.Accept();
    const auto request = session.Read();
    EXPECT_EQ(request.verb, verb);
    EXPECT_TRUE(request.args.empty());
    session.Answer(request, "OK nodes=5");
    EXPECT_EQ(redlock.Wait(), ExitCode(0)) << verb;
  }
}

TEST(CliQuery, StatusShowsWhatIsInForce) {
  FakeDaemon daemon;
  Process redlock(daemon.Redlock({"status"}));
  FakeSession session = daemon.Accept();
  const auto request = session.Read();
  EXPECT_EQ(request.verb, "status");
  EXPECT_EQ(request.args, std::vector<std::string>{"keys"});
  session.Answer(request, "- key=lease.ttl in-force=10s");
  session.Answer(request, "- key=lease.max_ttl in-force=1m file=2m");
  session.Answer(request, "- mistake=1 :c.yaml:1:1: x: expected a known key");
  session.Answer(request,
                 "OK version=0.1.0 started=2026-11-28T13:03:07Z config=/c.yaml "
                 "since=2026-11-28T13:04:00Z pending=1 reload=failed "
                 "reloaded=2026-11-28T13:05:00Z mistakes=1");
  EXPECT_EQ(redlock.ReadToEnd(),
            "redlockd 0.1.0, running since 2026-11-28T13:03:07Z\n"
            "configuration: /c.yaml, in force since 2026-11-28T13:04:00Z\n"
            "last reload: 2026-11-28T13:05:00Z, failed with 1 mistake\n"
            "  c.yaml:1:1: x: expected a known key\n"
            "KEY            IN FORCE  AFTER A RESTART\n"
            "lease.ttl      10s\n"
            "lease.max_ttl  1m        2m\n"
            "1 change of the file needs a restart\n");
  EXPECT_EQ(redlock.Wait(), ExitCode(0)) << "the question was answered";
}

TEST(CliQuery, AReloadThatFailedHasItsExitCode) {
  for (const bool json : {false, true}) {
    FakeDaemon daemon;
    Process redlock(json ? daemon.Redlock({"reload", "--json"}) : daemon.Redlock({"reload"}));
    FakeSession session = daemon.Accept();
    const auto request = session.Read();
    session.Answer(request, "- mistake=1 :c.yaml:1:1: x: expected a known key");
    session.Answer(request, "OK pending=0 reload=failed reloaded=2026-11-28T13:05:00Z mistakes=1");
    EXPECT_THAT(redlock.ReadToEnd(), testing::HasSubstr("x: expected a known key"));
    EXPECT_EQ(redlock.Wait(), ExitCode(78));
  }
}

TEST(CliQuery, ABreakNamesAFenceOrAnOwner) {
  FakeDaemon daemon;
  Process of_fence(daemon.Redlock({"break", "a b", "--fence", "7"}));
  FakeSession session = daemon.Accept();
  auto request = session.Read();
  EXPECT_EQ(request.verb, "break");
  EXPECT_THAT(request.args, ElementsAre("a b"));
  ASSERT_EQ(request.options.size(), 1u);
  EXPECT_EQ(request.options[0].key, "fence");
  EXPECT_EQ(request.options[0].value, "7");
  session.Answer(request, "OK lock=a%20b left=9500ms");
  EXPECT_EQ(of_fence.ReadToEnd(), "broke a b, which is free in 9.5s\n");
  EXPECT_EQ(of_fence.Wait(), ExitCode(0));

  Process of_owner(daemon.Redlock({"break", "a b", "--owner", "x=1:2:h", "--now"}));
  FakeSession second = daemon.Accept();
  request = second.Read();
  EXPECT_THAT(request.args, ElementsAre("a b", "now"));
  ASSERT_EQ(request.options.size(), 1u);
  EXPECT_EQ(request.options[0].key, "owner");
  EXPECT_EQ(request.options[0].value, "x=1:2:h");
  second.Answer(request, "ERR not-held lock=a%20b :another owner has it");
  EXPECT_THAT(of_owner.ReadToEnd(), HasSubstr("another owner has it"));
  EXPECT_EQ(of_owner.Wait(), ExitCode(75));
}

struct Refusal {
  const char* answer;
  int code;
};

class CliQueryError : public testing::TestWithParam<Refusal> {};

TEST_P(CliQueryError, HasItsExitCodeAndTheDaemonsWords) {
  FakeDaemon daemon;
  Process redlock(daemon.Redlock({"nodes", "--adopt"}));
  FakeSession session = daemon.Accept();
  session.Answer(session.Read(), std::string("ERR ") + GetParam().answer + " :because it is so");
  EXPECT_THAT(redlock.ReadToEnd(), HasSubstr("because it is so"));
  EXPECT_EQ(redlock.Wait(), ExitCode(GetParam().code));
}

INSTANTIATE_TEST_SUITE_P(Codes, CliQueryError,
                         testing::Values(Refusal{"denied reason=not-admin", 77},
                                         Refusal{"no-quorum", 68}, Refusal{"bad-request", 64},
                                         Refusal{"unknown-verb verb=adopt", 64},
                                         Refusal{"internal", 70}, Refusal{"draining", 69}));

TEST(CliQuery, NoDaemon) {
  TempDir dir;
  const Ran ran = RunProgram({REDLOCKD_TEST_REDLOCK, "--socket", dir / "none", "list"});
  EXPECT_EQ(ran.exit, ExitCode(69));
  EXPECT_THAT(ran.output, HasSubstr(dir / "none"));
}

TEST(CliQuery, WhoMayNotConnectIsToldTheGroup) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can become another user";
  FakeDaemon daemon;
  ASSERT_EQ(chmod((daemon / "").c_str(), 0755), 0);
  ASSERT_EQ(chown(daemon.socket().c_str(), 0, 0), 0);
  ASSERT_EQ(chmod(daemon.socket().c_str(), 0660), 0);
  const Ran ran = RunProgram(daemon.RedlockAsNobody({"ping"}));
  EXPECT_EQ(ran.exit, ExitCode(77));
  EXPECT_THAT(ran.output,
              testing::StartsWith("redlock: denied: " + daemon.socket() +
                                  ": Permission denied (only members of group root may connect; "));
}

TEST(CliQuery, ADaemonThatDiesInTheMiddle) {
  FakeDaemon daemon;
  Process redlock(daemon.Redlock({"list"}));
  FakeSession session = daemon.Accept();
  session.Answer(session.Read(), "- lock=a state=held");
  session.Close();
  EXPECT_THAT(redlock.ReadToEnd(), HasSubstr("redlock: "));
  EXPECT_EQ(redlock.Wait(), ExitCode(69));
}

TEST(CliQuery, AnAnswerThatCannotBeWrittenIsNoSuccess) {
  FakeDaemon daemon;
  Process redlock(daemon.Redlock({"ping"}),
                  {.output_file = "/dev/full", .error_file = daemon / "e"});
  FakeSession session = daemon.Accept();
  session.Answer(session.Read(), "OK");
  EXPECT_EQ(redlock.Wait(), ExitCode(71));
}

}  // namespace
}  // namespace redlockd::test
