// redlock::Client: what the C++ layer adds to the C interface.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <optional>
#include <redlock/redlock.hpp>
#include <thread>

#include "tests/unit/libclient/child.h"
#include "tests/unit/libclient/fake_daemon.h"

namespace redlock::client {
namespace {

using CppClient = ::redlock::Client;
using std::chrono::milliseconds;
using std::chrono::seconds;

int ListenAt(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  const int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  EXPECT_EQ(bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  EXPECT_EQ(listen(listener, 1), 0);
  return listener;
}

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

// While a blocking call waits, nothing that it may wait for is released by this client.
TEST(Client, SaysThatItsBlockingCallsAreOneTask) {
  FakeDaemon daemon("* HELLO redlockd 1 caps=exclusive,tasks line=4096 boot=fake");
  CppClient client(daemon.path());
  client.lock("a");
  ASSERT_TRUE(client.try_lock("b").has_value());
  ASSERT_EQ(redlock_start_lock(client.get(), "c", nullptr, nullptr, nullptr, nullptr), REDLOCK_OK);
  ASSERT_EQ(client.check("a").has_value(), true);  // it has come after that
  EXPECT_THAT(daemon.received(),
              testing::ElementsAre("lock a task=1", "lock b wait=0s task=1", "lock c", "check a"));
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

TEST(Client, AGrantOfSeveralNamesThatComesTooLateIsLetGoOfWhole) {
  FakeDaemon daemon;
  redlock_client* client = redlock_new();
  ASSERT_EQ(redlock_connect(client, daemon.path().c_str(), -1), REDLOCK_OK);
  ASSERT_EQ(redlock_query(client, "deaf", nullptr, 0, nullptr), REDLOCK_OK);
  ASSERT_EQ(redlock_set_answer_timeout(client, 0), REDLOCK_OK);
  const redlock_arg names[] = {{nullptr, "jobs"}, {nullptr, "more"}};
  ASSERT_EQ(redlock_query(client, "trylock", names, 2, nullptr), REDLOCK_ENOANSWER);
  ASSERT_EQ(redlock_set_answer_timeout(client, -1), REDLOCK_OK);
  ASSERT_EQ(redlock_query(client, "ping", nullptr, 0, nullptr), REDLOCK_OK);  // it came before
  // A second one: the unlock has been sent by then, and read before it.
  ASSERT_EQ(redlock_query(client, "ping", nullptr, 0, nullptr), REDLOCK_OK);
  EXPECT_THAT(daemon.received(),
              testing::IsSupersetOf({"unlock jobs fence=1", "unlock more fence=2"}));
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

// C would take a NUL for the end: two tenants would share a lock.
TEST(Client, ATextWithANulIsRefused) {
  using namespace std::string_literals;
  FakeDaemon daemon;
  CppClient client(daemon.path());
  const std::string name = "tenant\0one"s;
  EXPECT_EQ(CodeOf([&] { client.lock(name); }), REDLOCK_EBADNAME);
  EXPECT_EQ(CodeOf([&] { static_cast<void>(client.try_lock(name)); }), REDLOCK_EBADNAME);
  EXPECT_EQ(CodeOf([&] { static_cast<void>(client.check(name)); }), REDLOCK_EBADNAME);
  EXPECT_EQ(CodeOf([&] { client.unlock(name); }), REDLOCK_EBADNAME);
  EXPECT_EQ(CodeOf([&] { client.lock("jobs", {.note = name}); }), REDLOCK_EINVAL);
  EXPECT_EQ(CodeOf([&] { client.query("echo", {{"", name}}); }), REDLOCK_EINVAL);
  EXPECT_EQ(CodeOf([&] { client.query("echo", {{name, "x"}}); }), REDLOCK_EINVAL);
  EXPECT_EQ(CodeOf([&] { client.query("ech\0o"s); }), REDLOCK_EINVAL);
  EXPECT_EQ(CodeOf([&] { CppClient other(daemon.path() + "\0x"s); }), REDLOCK_EINVAL);
  EXPECT_TRUE(daemon.received().empty());
}

TEST(Client, AnEmptyOneSaysSo) {
  FakeDaemon daemon;
  CppClient client(daemon.path());
  const CppClient other = std::move(client);
  try {
    client.lock("jobs");  // NOLINT: what a Client is after a move is promised
    FAIL() << "locked";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), REDLOCK_EINVAL);
    EXPECT_STREQ(error.what(), "invalid use: the Client was moved from");
  }
}

TEST(Client, CanBeWokenUp) {
  FakeDaemon daemon;
  CppClient holder(daemon.path());
  CppClient client(daemon.path());
  holder.lock("jobs");
  int code = REDLOCK_OK;
  std::thread waiting([&] { code = CodeOf([&] { client.lock("jobs"); }); });
  EXPECT_TRUE(daemon.WaitForWaiters("jobs", 1));
  client.wakeup();
  waiting.join();
  EXPECT_EQ(code, REDLOCK_ECANCELLED);
}

// --- Waits that are bounded

constexpr seconds kLate(8);  // less than the 10 s of the answer timeout

TEST(Client, AWaitIsOverInTimeThoughTheDaemonDoesNotAnswer) {
  FakeDaemon daemon;
  CppClient client(daemon.path());
  client.query("deaf");
  redlock_set_answer_timeout(client.get(), -1);  // where no wait is asked for
  const Clock::time_point begin = Clock::now();
  EXPECT_EQ(CodeOf([&] { client.lock("jobs", {.wait = milliseconds(100)}); }), REDLOCK_ENOANSWER);
  EXPECT_GE(Clock::now() - begin, milliseconds(100));
  EXPECT_LT(Clock::now() - begin, kLate);
}

TEST(Client, AWaitIsOverInTimeThoughEventsComeWithoutAnEnd) {
  FakeDaemon daemon;
  CppClient client(daemon.path());
  client.query("deaf");
  std::jthread talker([&](const std::stop_token& stop) {
    while (!stop.stop_requested()) daemon.Say("* SAFE lock=a fence=1 deadline=1");
  });
  const Clock::time_point begin = Clock::now();
  EXPECT_EQ(CodeOf([&] { client.lock("jobs", {.wait = milliseconds(100)}); }), REDLOCK_ENOANSWER);
  EXPECT_LT(Clock::now() - begin, kLate);
}

TEST(Client, ConnectingIsOverInTimeThoughTheGreetingHasNoEnd) {
  // Never accepted: connected all the same, but for a greeting.
  const redlockd::test::TempDir directory;
  const int listener = ListenAt(directory / "s");
  const Clock::time_point begin = Clock::now();
  EXPECT_EQ(CodeOf([&] { CppClient client(directory / "s", milliseconds(100)); }),
            REDLOCK_ENOANSWER);
  EXPECT_LT(Clock::now() - begin, kLate);
  close(listener);
}

// --- The end of a session, and what the daemon thinks of it

TEST(Client, AfterNonsenseTheSocketStaysUntilTheLastDeadline) {
  FakeDaemon daemon;
  CppClient client(daemon.path());
  int closed = 0;
  client.on_event([&](const redlock_event& e) { closed += e.type == REDLOCK_EVENT_CLOSED; });
  const Grant grant = client.lock("jobs", {.ttl = seconds(1)});
  daemon.Say("HTTP/1.1 400 Bad Request");
  int code = REDLOCK_OK;
  while (code == REDLOCK_OK) code = CodeOf([&] { client.dispatch(); });
  EXPECT_EQ(code, REDLOCK_EPROTOCOL);
  EXPECT_EQ(closed, 1);
  EXPECT_EQ(client.fd(), -1);
  // The hold is good until its deadline, also for who connects anew.
  ASSERT_EQ(redlock_connect(client.get(), daemon.path().c_str(), -1), REDLOCK_OK);
  while (Clock::now() < grant.deadline) {
    const bool is_taken = !client.try_lock("jobs").has_value();
    ASSERT_TRUE(is_taken || Clock::now() >= grant.deadline);
  }
  client.query("ping");
  EXPECT_TRUE(daemon.WaitForSessions(1)) << "it is not kept forever";
}

TEST(Client, AfterNonsenseCloseLetsGoAtOnce) {
  FakeDaemon daemon;
  CppClient client(daemon.path());
  client.lock("jobs", {.ttl = std::chrono::hours(1)});
  EXPECT_EQ(CodeOf([&] { client.query("say", {{"", "what?"}}); }), REDLOCK_ECLOSED);
  EXPECT_TRUE(daemon.WaitForSessions(1));
  EXPECT_EQ(redlock_close(client.get()), REDLOCK_OK);
  EXPECT_TRUE(daemon.WaitForSessions(0));
}

TEST(Client, AfterNonsenseWithoutAHoldNothingIsKept) {
  FakeDaemon daemon;
  CppClient client(daemon.path());
  EXPECT_EQ(CodeOf([&] { client.query("say", {{"", "what?"}}); }), REDLOCK_ECLOSED);
  EXPECT_TRUE(daemon.WaitForSessions(0));
}

// M9: a lock ends with the process that took it, also if that has children.
TEST(Client, AChildDoesNotKeepTheSession) {
  FakeDaemon daemon;
  std::optional<CppClient> client(std::in_place, daemon.path());
  std::optional<CppClient> broken(std::in_place, daemon.path());
  client->lock("jobs");
  broken->lock("other");
  static_cast<void>(CodeOf([&] { broken->query("say", {{"", "what?"}}); }));  // a kept socket
  const ChildThatWaits child;
  EXPECT_TRUE(daemon.WaitForSessions(2));
  client.reset();
  broken.reset();
  EXPECT_TRUE(daemon.WaitForSessions(0));
}

// The number of the parent's socket may be that of something else in the child.
TEST(Client, AChildClosesNothingTwice) {
  FakeDaemon daemon;
  std::optional<CppClient> client(std::in_place, daemon.path());
  const int fd = client->fd();
  const pid_t child = fork();
  if (child == 0) {
    if (dup2(STDIN_FILENO, fd) != fd) _exit(1);
    const int code = CodeOf([&] { client->lock("jobs"); });
    client.reset();
    _exit(code == REDLOCK_EFORK && fcntl(fd, F_GETFD) >= 0 ? 0 : 2);
  }
  int status = -1;
  waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(CodeOf([&] { client->lock("jobs"); }), REDLOCK_OK);
}

// --- Clocks

TEST(Client, DeadlinesOfAnotherClockAreConverted) {
  for (const seconds ahead : {seconds(-10), seconds(100'000)}) {
    const Clock::time_point begin = Clock::now();
    FakeDaemon daemon(FakeDaemon::kHello, ahead);
    CppClient client(daemon.path());
    Clock::time_point told;
    client.on_event([&](const redlock_event& event) {
      told = Clock::time_point(std::chrono::nanoseconds(event.deadline_ns));
    });
    const Grant grant = client.lock("jobs", {.ttl = seconds(20)});
    const auto event = begin + ahead + seconds(20);
    client.query("say", {{"", "* SAFE lock=jobs fence=1 deadline=" +
                                  std::to_string(event.time_since_epoch().count())}});
    const auto checked = client.check("jobs");
    // Of what is possible, the earliest.
    const auto taken = Clock::now() - begin;
    EXPECT_GE(client.clock_offset(), ahead);
    EXPECT_LE(client.clock_offset(), ahead + taken);
    EXPECT_GE(grant.deadline, begin + seconds(20) - taken);
    EXPECT_LE(grant.deadline, begin + seconds(20) + taken);
    EXPECT_LE(told, begin + seconds(20));
    EXPECT_GE(told, begin + seconds(20) - taken);
    ASSERT_TRUE(checked.has_value());
    EXPECT_EQ(checked->deadline, grant.deadline);
  }
}

TEST(Client, ASlowGreetingIsNoOtherClock) {
  FakeDaemon daemon(FakeDaemon::kHello + std::string(" now=") + std::to_string(redlock_now()));
  CppClient late(daemon.path());  // of a greeting that was written before we connected
  EXPECT_LT(late.clock_offset().count(), 0);
  FakeDaemon same(FakeDaemon::kHello, seconds(0));
  EXPECT_EQ(CppClient(same.path()).clock_offset().count(), 0);
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
