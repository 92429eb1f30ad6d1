#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <csignal>
#include <nlohmann/json.hpp>

#include "libclient/cli/watch.h"
#include "tests/unit/libclient/cli_fake_daemon.h"

namespace redlockd::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::MatchesRegex;

// The session of a `redlock watch` whose watches have begun.
FakeSession Begun(FakeDaemon& daemon, std::size_t watches = 1) {
  FakeSession session = daemon.Accept();
  for (std::size_t i = 0; i < watches; ++i) session.Answer(session.Read(), "OK");
  return session;
}

TEST(CliWatch, WatchesAllLocksOrEachThatIsNamed) {
  FakeDaemon daemon;
  {
    Process redlock(daemon.Redlock({"watch"}));
    const auto request = daemon.Accept().Read();
    EXPECT_EQ(request.verb, "watch");
    EXPECT_THAT(request.args, IsEmpty());
  }
  Process redlock(daemon.Redlock({"watch", "a b", "c"}));
  FakeSession session = daemon.Accept();
  for (const char* name : {"a b", "c"}) {
    const auto request = session.Read();
    EXPECT_EQ(request.verb, "watch");
    EXPECT_THAT(request.args, ElementsAre(name));
    session.Answer(request, "OK");
  }
}

TEST(CliWatch, EachEventIsALineAtOnce) {
  FakeDaemon daemon;
  Process redlock(daemon.Redlock({"watch"}));
  FakeSession session = Begun(daemon);
  const std::string time = "[0-9][0-9]:[0-9][0-9]:[0-9][0-9]\\.[0-9][0-9][0-9] ";
  const auto line = [&](const std::string& event) {
    session.Send("* WATCH " + event);
    return redlock.ReadLine();
  };
  EXPECT_THAT(line("lock=a%1Bb what=granted fence=7 pid=12 uid=0"),
              MatchesRegex(time + "a\\\\x1Bb granted: pid 12, uid 0, fence 7"));
  EXPECT_THAT(line("lock=a what=ended fence=7 pid=12 uid=0 reason=closed"),
              MatchesRegex(time + "a ended \\(closed\\): pid 12, uid 0, fence 7"));
  EXPECT_THAT(line("lock=a what=wanted fence=7 by=elsewhere"),
              MatchesRegex(time + "a wanted \\(elsewhere\\): fence 7"));
  EXPECT_THAT(line("lock=a what=released"), MatchesRegex(time + "a released"));
  EXPECT_THAT(line("lock=a what=new-word"), MatchesRegex(time + "a new-word"));
  EXPECT_THAT(line("missed=3"), MatchesRegex(time + "3 events were missed: .*"));
}

TEST(CliWatch, AsJson) {
  FakeDaemon daemon;
  Process redlock(daemon.Redlock({"watch", "--json", "a"}));
  FakeSession session = Begun(daemon);
  session.Send("* WATCH lock=a%FF what=ended fence=1764010002123456 pid=12 uid=0 reason=unlock");
  auto event = nlohmann::json::parse(redlock.ReadLine());
  EXPECT_THAT(event["time"].get<std::string>(),
              MatchesRegex("2[0-9]*-[0-9]*-[0-9]*T[0-9]*:[0-9]*:[0-9]*\\.[0-9]*Z"));
  EXPECT_EQ(event["lock_encoded"], "a%FF");
  EXPECT_EQ(event["what"], "ended");
  EXPECT_EQ(event["fence"], "1764010002123456");
  EXPECT_EQ(event["pid"], 12);
  EXPECT_EQ(event["uid"], 0);
  EXPECT_EQ(event["reason"], "unlock");
  session.Send("* WATCH missed=3");
  event = nlohmann::json::parse(redlock.ReadLine());
  EXPECT_EQ(event["missed"], 3);
  EXPECT_FALSE(event.contains("lock"));
}

TEST(CliWatch, EndsWithTheDaemon) {
  FakeDaemon daemon;
  Process redlock(daemon.Redlock({"watch"}));
  FakeSession session = Begun(daemon);
  session.Send("* WATCH lock=a what=kept");
  session.Close();
  const std::string output = redlock.ReadToEnd();
  EXPECT_THAT(output, HasSubstr(" a kept\n"));
  EXPECT_THAT(output, HasSubstr("redlock: the daemon closed the connection\n"));
  EXPECT_EQ(redlock.Wait(), ExitCode(69));
}

TEST(CliWatch, EndsByASignal) {
  FakeDaemon daemon;
  Process redlock(daemon.Redlock({"watch"}));
  FakeSession session = Begun(daemon);
  session.Send("* WATCH lock=a what=kept");
  EXPECT_THAT(redlock.ReadLine(), HasSubstr("a kept"));
  redlock.Signal(SIGINT);
  EXPECT_EQ(redlock.Wait(), KilledBy(SIGINT));
}

TEST(CliWatch, EndsQuietlyWhenNobodyReadsItsOutputThoughNothingHappens) {
  FakeDaemon daemon;
  const std::string pipe = daemon / "pipe";
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  Fd reader(open(pipe.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  Process redlock(daemon.Redlock({"watch"}),
                  {.output_file = pipe, .error_file = daemon / "errors"});
  FakeSession session = Begun(daemon);
  reader = Fd();
  EXPECT_EQ(redlock.Wait(), KilledBy(SIGPIPE));
  EXPECT_EQ(ReadFile(daemon / "errors"), "");
}

TEST(CliWatch, WhatCannotBeWrittenIsAnError) {
  FakeDaemon daemon;
  Process redlock(daemon.Redlock({"watch"}),
                  {.output_file = "/dev/full", .error_file = daemon / "errors"});
  FakeSession session = Begun(daemon);
  session.Send("* WATCH lock=a what=kept");
  EXPECT_EQ(redlock.Wait(), ExitCode(71));
}

TEST(CliWatch, WhatTheDaemonRefuses) {
  FakeDaemon daemon;
  Process redlock(daemon.Redlock({"watch"}));
  FakeSession session = daemon.Accept();
  session.Answer(session.Read(), "ERR unknown-verb :of an older daemon");
  EXPECT_THAT(redlock.ReadToEnd(), HasSubstr("of an older daemon"));
  EXPECT_EQ(redlock.Wait(), ExitCode(64));
}

}  // namespace
}  // namespace redlockd::test
