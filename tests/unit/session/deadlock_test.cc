// Tasks, and what a client is told whose request would wait in a cycle (rule W1).
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "tests/unit/session/session_fixture.h"

namespace redlockd::session {
namespace {

using engine::InCycle;
using engine::LockRequested;
using engine::SessionId;
using engine::SessionOpened;
using engine::TaskId;
using testing::StartsWith;

class DeadlockTest : public SessionTest {
 protected:
  DeadlockTest() { Start(); }

  // Of the n-th client.
  SessionId IdOf(std::size_t n) { return Nth<SessionOpened>(n).session; }
  // The text of the answer to a request that waits in this cycle.
  std::string TextOf(Client& client, std::vector<InCycle> cycle) {
    client.Send("lock b\n");
    const auto lock = Nth<LockRequested>(asked_++);
    Answer(lock.session, lock.request,
           engine::Failed{.failure = engine::Failure::kDeadlock,
                          .name = lock.name,
                          .text = "it would wait in a cycle",
                          .cycle = std::move(cycle)});
    const std::string line = client.Line();
    EXPECT_THAT(line, StartsWith("ERR deadlock lock=b :"));
    return line.substr(line.find(':') + 1);
  }

  const std::string pid_ = "pid " + std::to_string(getpid());
  std::size_t asked_ = 0;
};

TEST_F(DeadlockTest, ATaskIsWhatTheClientSaysThatItIs) {
  const auto client = Connect();
  const SessionId session = IdOf(0);
  struct Row {
    const char* line;
    TaskId task;
  };
  const std::vector<Row> rows = {
      {"#1 lock a", {}},
      {"#2 lock b task=7", {session, 7}},
      {"#3 lock c task=9223372036854775807", {session, 9223372036854775807}},
      {"#4 lock d as=one task=7", {session, 7}},
      {"#5 trylock e task=7", {session, 7}},
      {"lock f", {session, 0}},
  };
  for (std::size_t i = 0; i < rows.size(); ++i) {
    client->Send(std::string(rows[i].line) + "\n");
    EXPECT_EQ(Nth<LockRequested>(i).task, rows[i].task) << rows[i].line;
  }
  client->Send("#6 lock g as=two\n");
  const auto by_owner = Nth<LockRequested>(rows.size());
  EXPECT_NE(by_owner.session, session);
  EXPECT_EQ(by_owner.task, (TaskId{by_owner.session, 0}));
}

TEST_F(DeadlockTest, TheNumberOfATaskIsPositive) {
  const auto client = Connect();
  for (const std::string value : {"", "0", "-1", "7x", "seven", "9223372036854775808"}) {
    client->Send("lock a task=" + value + "\n");
    EXPECT_EQ(
        client->Line(),
        "ERR bad-request :task: expected the number of a task within this session, a positive "
        "integer, found '" +
            value + "'");
  }
}

TEST_F(DeadlockTest, TheTextSaysWhoWaitsForWhat) {
  const auto client = Connect();
  const auto other = Connect();
  const TaskId own{IdOf(0), 0}, theirs{IdOf(1), 0}, gone{77, 0};
  EXPECT_EQ(TextOf(*client, {{"b", theirs}, {"a", own}}),
            pid_ + " holds it, and waits for 'a', which this session holds");
  EXPECT_EQ(TextOf(*client, {{"b", gone}, {"x\n", own}}),
            "another session holds it, and waits for 'x\\x0A', which this session holds");
  EXPECT_EQ(TextOf(*client, {{"b", gone}, {"secret", theirs}, {"a", own}}),
            "another session holds it, and waits for " + pid_ +
                ", which waits for 'a', which this session holds");
  EXPECT_EQ(TextOf(*client, {{"b", theirs}, {"c", gone}, {"d", gone}, {"e", theirs}, {"a", own}}),
            pid_ + " holds it, and waits for others, of whom " + pid_ +
                " waits for 'a', which this session holds");
  EXPECT_EQ(TextOf(*client, {{"b", {own.session, 5}}, {"a", {own.session, 6}}}),
            "another task of this session holds it, and waits for 'a', which this task holds");
  EXPECT_EQ(TextOf(*client, {{"b", {own.session, 5}}}),
            "this task holds it already, and would wait for itself");
}

TEST_F(DeadlockTest, AnOwnerIsATaskByItself) {
  const auto client = Connect();
  client->Send("#1 lock a as=one\n");
  const SessionId one = Nth<LockRequested>(asked_++).session;
  EXPECT_EQ(TextOf(*client, {{"b", {IdOf(0), 0}}, {"a", {one, 0}}}),
            "another task of this session holds it, and waits for 'a', which this owner holds");
}

}  // namespace
}  // namespace redlockd::session
