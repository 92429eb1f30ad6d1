// redlock run under several locks: one request for all of them, and an end with the first that ends.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>

#include "tests/unit/libclient/cli_fake_daemon.h"

namespace redlockd::test {
namespace {

using redlock::protocol::Field;
using redlock::protocol::Request;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr Duration kLater = 1h;

class CliSet : public testing::Test {
 protected:
  // Of "a" and "b c", with the fences 7 and 8.
  void Grant(FakeSession& session, const Request& request, Duration of_a, Duration of_b,
             const std::string& ttl = "1h") {
    const auto row = [&](const std::string& lock, int fence, Duration left) {
      session.Answer(request, "- lock=" + lock + " fence=" + std::to_string(fence) +
                                  " deadline=" + std::to_string((BootTime() + left).count()) +
                                  " ttl=" + ttl + " votes=2/3");
    };
    row("a", 7, of_a);
    row("b%20c", 8, of_b);
    session.Answer(request, "OK names=2 deadline=" +
                                std::to_string((BootTime() + std::min(of_a, of_b)).count()));
  }
  std::vector<std::string> Command(std::vector<std::string> more) {
    more.insert(more.begin(), {"run", "--also", "b c", "a"});
    return daemon_.Redlock(more);
  }

  FakeDaemon daemon_;
};

TEST_F(CliSet, AsksForAllInOneRequestAndLetsGoOfAllInOne) {
  Process redlock(Command({"-w", "1h", "--ttl", "8s", "--note", "x y", "-c",
                           "echo $REDLOCK_NAME, $REDLOCK_FENCE, $REDLOCK_NAMES, $REDLOCK_FENCES, "
                           "$REDLOCK_HELD"}));
  FakeSession session = daemon_.Accept();
  const Request request = session.Read();
  EXPECT_EQ(request.verb, "lock");
  EXPECT_THAT(request.args, ElementsAre("a", "b c"));
  EXPECT_THAT(request.options, testing::Contains(Field{"ttl", "8s"}));
  EXPECT_THAT(request.options, testing::Contains(Field{"note", "x y"}));
  EXPECT_THAT(request.options, testing::Contains(Field{"events", "renew"}));
  Grant(session, request, kLater, kLater);
  const Request unlock = session.Read();
  EXPECT_EQ(unlock.verb, "unlock");
  EXPECT_THAT(unlock.args, ElementsAre("a", "b c"));
  session.Answer(unlock, "OK names=2");
  EXPECT_EQ(redlock.ReadToEnd(), "a, 7, a b%20c, 7 8, a=7 b%20c=8\n");
  EXPECT_EQ(redlock.Wait(), ExitCode(0));
}

TEST_F(CliSet, OneNameIsAskedForAsEver) {
  Process redlock(daemon_.Redlock({"run", "a b", "-c", "echo $REDLOCK_NAMES, $REDLOCK_FENCES"}));
  FakeSession session = daemon_.Accept();
  session.Grant(kLater, "1h");
  session.TakeUnlock();
  EXPECT_EQ(redlock.ReadToEnd(), "a%20b, " + std::to_string(kFence) + "\n");
  EXPECT_EQ(redlock.Wait(), ExitCode(0));
}

TEST_F(CliSet, ARefusalNamesAllAndSaysWhy) {
  Process redlock(Command({"-n", "--", "true"}));
  FakeSession session = daemon_.Accept();
  session.Answer(session.Read(), "ERR busy lock=b%20c :held on this host");
  EXPECT_THAT(redlock.ReadToEnd(), HasSubstr("a, b c: "));
  EXPECT_EQ(redlock.Wait(), ExitCode(75));
}

TEST_F(CliSet, TheCommandEndsWithTheFirstThatIsLost) {
  Process redlock(Command({"--", "sleep", "1000"}));
  FakeSession session = daemon_.Accept();
  Grant(session, session.Read(), kLater, kLater);
  session.Send("* LOST lock=b%20c fence=8 reason=expired");
  EXPECT_THAT(redlock.ReadToEnd(), HasSubstr("lost b c: expired"));
  EXPECT_EQ(redlock.Wait(), ExitCode(79));
}

TEST_F(CliSet, TheCommandEndsWithTheFirstThatEnds) {
  Process redlock(Command({"--", "sleep", "1000"}));
  FakeSession session = daemon_.Accept();
  Grant(session, session.Read(), kLater, 3s, "3s");
  // A renewal of the other does not help.
  session.Send("* RENEWED lock=a fence=7 deadline=" +
               std::to_string((BootTime() + kLater).count()));
  EXPECT_THAT(redlock.ReadToEnd(), HasSubstr("one of the locks a, b c ends in"));
  EXPECT_EQ(redlock.Wait(), ExitCode(79));
}

TEST_F(CliSet, WhatIsOfNoneOfItsHoldsIsNoNews) {
  Process redlock(Command({"--", "cat"}), {.input = Process::Input::kPipe});
  FakeSession session = daemon_.Accept();
  Grant(session, session.Read(), kLater, kLater);
  session.Send("* LOST lock=b%20c fence=7 reason=expired");
  session.Send("* LOST lock=other fence=8 reason=expired");
  ASSERT_TRUE(session.IsRead());
  redlock.CloseInput();
  const Request unlock = session.Read();
  EXPECT_EQ(unlock.verb, "unlock");
  session.Answer(unlock, "OK names=2");
  EXPECT_EQ(redlock.Wait(), ExitCode(0));
}

TEST_F(CliSet, AGrantOfOtherNamesIsNone) {
  Process redlock(Command({"--", "true"}));
  FakeSession session = daemon_.Accept();
  const Request request = session.Read();
  session.Answer(request, "- lock=a fence=7 deadline=" +
                              std::to_string((BootTime() + kLater).count()) + " ttl=1h votes=2/3");
  session.Answer(request, "OK names=1");
  EXPECT_THAT(redlock.ReadToEnd(), HasSubstr("the grant has no fence, deadline or ttl"));
  EXPECT_NE(redlock.Wait(), ExitCode(0));
}

}  // namespace
}  // namespace redlockd::test
