// What redlock run says of the lock that it waits for, and that it does not wait for itself.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "libclient/cli/run/nested.h"
#include "libclient/cli/run/wait_report.h"
#include "protocol/name.h"
#include "tests/unit/libclient/cli_fake_daemon.h"
#include "tests/unit/libclient/cli_rows.h"

namespace redlock::cli {
namespace {

Row Node(const char* state, const char* owner = nullptr, const char* host = nullptr,
         const char* left = nullptr) {
  Row row = Of({{"place", "node"}, {"state", state}});
  if (owner != nullptr) row.Add("owner", owner);
  if (host != nullptr) row.Add("host", host);
  if (left != nullptr) row.Add("left", left);
  return row;
}

Answer Rows(std::vector<Row> rows) {
  Answer answer;
  answer.rows = std::move(rows);
  return answer;
}

TEST(HolderOf, AProcessOfThisHost) {
  const Holder holder = HolderOf(Rows({Of({{"place", "here"},
                                           {"fence", "7"},
                                           {"held", "192s"},
                                           {"pid", "12(gone)"},
                                           {"uid", "1000"},
                                           {"cmd", "back\x1bup"},
                                           {"note", "nightly"}}),
                                       Node("held", "ab:1:alpha", "alpha", "9s")}));
  EXPECT_EQ(holder.text,
            "held on this host by pid 12(gone) (back\\x1Bup) of uid 1000 for 3m12s: nightly");
  EXPECT_FALSE(holder.is_endless);
}

TEST(HolderOf, AnotherHost) {
  const Answer answer = Rows({Node("held", "ab:1:alpha", "alpha", "9s"), Node("free"),
                              Node("held", "ab:1:alpha", "alpha", "9s")});
  EXPECT_EQ(HolderOf(answer).text,
            "held on host alpha, which has a lease for 9.0s more and may renew it");
}

TEST(HolderOf, AProcessOfAnotherHost) {
  const Holder holder = HolderOf(Rows({Of({{"place", "other"},
                                           {"host", "alpha"},
                                           {"fence", "7"},
                                           {"held", "192s"},
                                           {"pid", "12"},
                                           {"uid", "1000"},
                                           {"note", "night\x1bly"}}),
                                       Node("held", "ab:1:alpha", "alpha", "9s")}));
  EXPECT_EQ(holder.text, "held on host alpha by pid 12 of uid 1000 for 3m12s: night\\x1Bly");
}

TEST(HolderOf, ABrokenLease) {
  const char* owner = "redlockd:kept:ab:1:alpha";
  const Answer answer =
      Rows({Node("kept", owner, "alpha", "9s"), Node("kept", owner, "alpha", "9s"),
            Node("held", "ab:1:alpha", "alpha", "9s")});
  EXPECT_EQ(HolderOf(answer).text,
            "broken by an administrator, and kept from others for 9.0s more");
}

TEST(HolderOf, AKeyThatIsNoLocks) {
  const Holder endless = HolderOf(Rows({Node("held", "42"), Node("held", "42"), Node("free")}));
  EXPECT_TRUE(endless.is_endless);
  EXPECT_THAT(endless.text, testing::HasSubstr("'42', and no expiry: nobody gets the lock"));
  const Holder list = HolderOf(Rows({Node("held", "(a list)"), Node("held", "(a list)")}));
  EXPECT_TRUE(list.is_endless);
  const Holder plain = HolderOf(Rows({Node("held", "x\ny", nullptr, "5s"), Node("held", "x\ny")}));
  EXPECT_TRUE(plain.is_endless);
  EXPECT_THAT(plain.text, testing::HasSubstr("'x\\x0Ay'"));
  EXPECT_FALSE(HolderOf(Rows({Node("held", "x", nullptr, "5s")})).is_endless);
}

TEST(HolderOf, AKeyInAMinorityIsInNobodysWay) {
  EXPECT_EQ(HolderOf(Rows({Node("held", "42"), Node("free"), Node("free")})).text, "");
  EXPECT_TRUE(HolderOf(Rows({Node("held", "42"), Node("free")})).is_endless);  // one of two is
}

TEST(Held, IsAListOfLocksAndFences) {
  const std::string one = WithHeld("", "a b", 7);
  EXPECT_EQ(one, "a%20b=7");
  const std::string two = WithHeld(one, "a", 9);
  EXPECT_EQ(two, "a%20b=7 a=9");
  EXPECT_EQ(HeldFence(two, "a b"), 7u);
  EXPECT_EQ(HeldFence(two, "a"), 9u);
  EXPECT_EQ(HeldFence(two, "b"), std::nullopt);
  EXPECT_EQ(HeldFence("a=1 a=2", "a"), 2u);
}

TEST(Held, IsReadWhateverStandsInIt) {
  for (const char* held :
       {"", " ", "=", "a", "a=", "a=x", "a=1x", "a=-1", "xa=1", "a==1", "a=99999999999999999999"}) {
    EXPECT_EQ(HeldFence(held, "a"), std::nullopt) << held;
  }
  EXPECT_EQ(HeldFence("  a=  a=5 ", "a"), 5u);
}

}  // namespace
}  // namespace redlock::cli

namespace redlockd::test {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

class CliWait : public testing::Test {
 protected:
  // Reads the lock request, and the question that follows, and answers that.
  void TellHolder(FakeSession& session, const std::vector<std::string>& rows) {
    const auto request = session.Read();
    EXPECT_EQ(request.verb, "show");
    for (const std::string& row : rows) session.Answer(request, "- " + row);
    session.Answer(request, "OK lock=job state=held by=other votes=3/3");
  }

  FakeDaemon daemon_;
};

TEST_F(CliWait, VerboseItSaysForWhom) {
  Process redlock(daemon_.Redlock({"run", "-v", "-w", "60", "job", "--", "true"}));
  FakeSession session = daemon_.Accept();
  const auto lock = session.Read();
  EXPECT_EQ(lock.verb, "lock");
  TellHolder(session, {"place=here state=held fence=7 held=192s pid=12 uid=0 cmd=backup"});
  EXPECT_EQ(
      redlock.ReadLine(),
      "redlock: waiting for job, at most 1m00s: held on this host by pid 12 (backup) of uid 0 "
      "for 3m12s");
  session.Answer(
      lock, "OK lock=job fence=8 deadline=" + std::to_string((BootTime() + Duration(1h)).count()) +
                " ttl=1h votes=3/3");
  EXPECT_THAT(redlock.ReadLine(), StartsWith("redlock: got job after "));
}

TEST_F(CliWait, AKeyThatIsNoLocksIsToldAnyway) {
  Process redlock(daemon_.Redlock({"run", "job", "--", "true"}));
  FakeSession session = daemon_.Accept();
  EXPECT_EQ(session.Read().verb, "lock");
  TellHolder(session, {"place=node node=1 state=held owner=42",
                       "place=node node=2 state=held owner=42", "place=node node=3 state=free"});
  EXPECT_THAT(redlock.ReadLine(),
              HasSubstr("no expiry: nobody gets the lock before the key is deleted"));
}

TEST_F(CliWait, WhatItAskedIsOfNoConcernOnceItHasTheLock) {
  Process redlock(daemon_.Redlock({"run", "-v", "job", "--", "cat"}),
                  {.input = Process::Input::kPipe});
  FakeSession session = daemon_.Accept();
  const auto lock = session.Read();
  const auto show = session.Read();
  session.Answer(
      lock, "OK lock=job fence=8 deadline=" + std::to_string((BootTime() + Duration(1h)).count()) +
                " ttl=1h votes=3/3");
  EXPECT_THAT(redlock.ReadLine(), StartsWith("redlock: got job after "));
  session.Answer(show, "- place=here state=held fence=8 pid=1 uid=0");
  session.Answer(show, "OK lock=job state=held by=here votes=3/3");
  redlock.CloseInput();
  const auto unlock = session.Read();
  session.Answer(unlock, "OK lock=job fence=8");
  EXPECT_EQ(redlock.ReadToEnd(), "");
  EXPECT_EQ(redlock.Wait(), ExitCode(0));
}

TEST_F(CliWait, ALockThatTheCommandRunsUnderIsRefused) {
  Process redlock(daemon_.Redlock({"run", "job", "--", "true"}),
                  {.env = {{"REDLOCK_HELD", "job=7 other=8"}, {"REDLOCK_NAME", "other"}}});
  FakeSession session = daemon_.Accept();
  const auto check = session.Read();
  EXPECT_EQ(check.verb, "check");
  EXPECT_THAT(check.options, testing::ElementsAre(redlock::protocol::Field{"fence", "7"}));
  session.Answer(check, "OK lock=job fence=7 deadline=99999999999999999 left=9s");
  EXPECT_THAT(redlock.ReadToEnd(), HasSubstr("job: this command already runs under this lock"));
  EXPECT_EQ(redlock.Wait(), ExitCode(64));
}

// A process may outlive the lock that it was started under.
TEST_F(CliWait, ALockThatIsOverIsAskedFor) {
  Process redlock(daemon_.Redlock({"run", "job", "--", "true"}),
                  {.env = {{"REDLOCK_HELD", "job=7"}}});
  FakeSession session = daemon_.Accept();
  const auto check = session.Read();
  EXPECT_EQ(check.verb, "check");
  session.Answer(check, "ERR not-held lock=job");
  session.Grant(1h, "1h");
  session.TakeUnlock();
  EXPECT_EQ(redlock.Wait(), ExitCode(0));
}

}  // namespace
}  // namespace redlockd::test
