// redlock::Client: what the C++ layer adds to the C interface.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <redlock/redlock.hpp>

#include "tests/unit/libclient/fake_daemon.h"

namespace redlock::client {
namespace {

using CppClient = ::redlock::Client;
using std::chrono::milliseconds;
using std::chrono::seconds;

// The code of the Error that `call` throws; REDLOCK_OK if it does not.
template <typename Call>
int CodeOf(Call call) {
  try {
    call();
  } catch (const Error& error) {
    return error.code();
  }
  return REDLOCK_OK;
}

TEST(Client, LocksChecksAndLetsGo) {
  FakeDaemon daemon;
  CppClient client(daemon.path());
  const Clock::time_point before = Clock::now();
  const Grant grant = client.lock("jobs", {.ttl = seconds(20)});
  EXPECT_EQ(grant.fence, 1U);
  EXPECT_EQ(grant.ttl, seconds(20));
  EXPECT_GE(grant.deadline, before + seconds(20));
  EXPECT_EQ(grant.votes, 3);
  EXPECT_EQ(grant.nodes, 5);
  const auto checked = client.check("jobs");
  ASSERT_TRUE(checked.has_value());
  EXPECT_EQ(checked->deadline, grant.deadline);
  client.unlock("jobs", grant.fence, true);
  EXPECT_EQ(client.check("jobs"), std::nullopt);
  EXPECT_EQ(CodeOf([&] { client.unlock("jobs"); }), REDLOCK_ENOTHELD);
}

TEST(Client, BusyIsAnAnswerToATryAndAnErrorOfALock) {
  FakeDaemon daemon;
  CppClient holder(daemon.path());
  CppClient other(daemon.path());
  ASSERT_TRUE(holder.try_lock("jobs").has_value());
  EXPECT_EQ(other.try_lock("jobs"), std::nullopt);
  EXPECT_EQ(CodeOf([&] { other.lock("jobs", {.wait = milliseconds(0)}); }), REDLOCK_EBUSY);
  EXPECT_EQ(CodeOf([&] { other.lock("jobs", {.wait = milliseconds(5)}); }), REDLOCK_ETIMEOUT);
}

TEST(Client, QueriesGiveRows) {
  FakeDaemon daemon;
  CppClient client(daemon.path());
  const auto reply = client.query("echo", {{"", "a b"}, {"key", "x=y"}});
  ASSERT_EQ(reply.rows.size(), 1U);
  EXPECT_EQ(reply.rows[0],
            (CppClient::Fields{{"arg", "a b"}, {"key", "x=y"}, {"text", "what was sent"}}));
  EXPECT_TRUE(reply.answer.empty());
  EXPECT_EQ(CodeOf([&] { client.query("hold"); }), REDLOCK_EUNKNOWNVERB);
}

TEST(Client, AGrantOfMoreVotesThanCanBeIsNone) {
  FakeDaemon daemon;
  redlock_client* client = redlock_new();
  ASSERT_EQ(redlock_connect(client, daemon.path().c_str(), -1), REDLOCK_OK);
  const redlock_arg line{nullptr, "#1 OK lock=a fence=1 deadline=5 votes=4294967295/5"};
  redlock_reply* reply = nullptr;
  ASSERT_EQ(redlock_query(client, "drop", &line, 1, &reply), REDLOCK_OK);
  redlock_grant grant = REDLOCK_GRANT_INIT;
  EXPECT_EQ(redlock_reply_grant(reply, &grant), REDLOCK_EPROTOCOL) << grant.votes;
  redlock_reply_free(reply);
  redlock_free(client);
}

// A fence that is none is no reason to keep it.
TEST(Client, AGrantThatComesTooLateIsLetGoOfWhateverItsFence) {
  FakeDaemon daemon;
  redlock_client* client = redlock_new();
  ASSERT_EQ(redlock_connect(client, daemon.path().c_str(), -1), REDLOCK_OK);
  const redlock_arg fence{nullptr, "1 or 2"};
  ASSERT_EQ(redlock_query(client, "deaf", &fence, 1, nullptr), REDLOCK_OK);
  ASSERT_EQ(redlock_set_answer_timeout(client, 0), REDLOCK_OK);
  ASSERT_EQ(redlock_trylock(client, "jobs", nullptr, nullptr), REDLOCK_ENOANSWER);
  ASSERT_EQ(redlock_set_answer_timeout(client, -1), REDLOCK_OK);
  ASSERT_EQ(redlock_query(client, "ping", nullptr, 0, nullptr), REDLOCK_OK);  // it came before
  EXPECT_EQ(redlock_check(client, "jobs", 0, nullptr), REDLOCK_ENOTHELD);
  redlock_free(client);
}

TEST(Client, AMovedOneKeepsItsSessionAndItsHandler) {
  FakeDaemon daemon;
  std::string lost;
  CppClient first(daemon.path());
  first.on_event([&](const redlock_event& event) { lost = event.lock; });
  first.lock("jobs");
  CppClient client = std::move(first);
  client.query("say", {{"", "* LOST lock=jobs fence=1 reason=expired"}});
  EXPECT_EQ(lost, "jobs");
  client.unlock("jobs");
}

TEST(Client, ThrowsWhatItCannotDo) {
  EXPECT_EQ(CodeOf([] { CppClient client("/nowhere/redlockd.sock"); }), REDLOCK_ECONNECT);
  FakeDaemon daemon;
  CppClient client(daemon.path());
  EXPECT_EQ(CodeOf([&] { client.lock(""); }), REDLOCK_EBADNAME);
  daemon.Drop();
  EXPECT_EQ(CodeOf([&] { client.dispatch(); }), REDLOCK_ECLOSED);
  EXPECT_EQ(client.fd(), -1);
}

}  // namespace
}  // namespace redlock::client
