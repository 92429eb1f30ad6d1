// Death is release: each way in which a client's socket can end, and the ways that are no end.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <functional>

#include "tests/support/daemon.h"

namespace redlockd::test {
namespace {

class SessionEndTest : public testing::Test {
 protected:
  std::size_t Holds() { return GetNumber(observer_.Ask("list"), "holds"); }
  std::size_t Waits() { return GetNumber(observer_.Ask("list"), "waits"); }
  // The waiter is in line after the holder.
  LineClient WaitFor(const std::string& name) {
    LineClient waiter = world_.Connect();
    waiter.Send("lock " + name);
    if (!Eventually([&] { return Waits() == 1; })) throw std::runtime_error("nobody waits");
    return waiter;
  }

  World world_{3};
  LineClient observer_ = world_.Connect();
};

struct End {
  std::string name;
  std::function<void(LineClient&)> happen;
};
void PrintTo(const End& end, std::ostream* out) { *out << end.name; }

class EachEndTest : public SessionEndTest, public testing::WithParamInterface<End> {};

TEST_P(EachEndTest, LetsGoAndTheNextHolds) {
  LineClient holder = world_.Connect();
  const std::uint64_t fence = GetNumber(holder.Ask("lock a"), "fence");
  LineClient waiter = WaitFor("a");
  GetParam().happen(holder);
  EXPECT_GT(GetNumber(waiter.Answer(), "fence"), fence);
  EXPECT_EQ(Holds(), 1u);
}

TEST_P(EachEndTest, ForgetsWaitsToo) {
  LineClient holder = world_.Connect();
  holder.Ask("lock a");
  LineClient waiter = WaitFor("a");
  LineClient next = world_.Connect();
  next.Send("lock a");
  ASSERT_TRUE(Eventually([&] { return Waits() == 2; }));
  GetParam().happen(waiter);
  EXPECT_TRUE(Eventually([&] { return Waits() == 1; }));
  holder.Ask("unlock a");
  EXPECT_EQ(Brief(next.Answer()), "OK");
}

INSTANTIATE_TEST_SUITE_P(
    , EachEndTest,
    testing::Values(End{"Close", [](LineClient& c) { c.Close(); }},
                    End{"ShutdownBoth", [](LineClient& c) { c.ShutdownBoth(); }},
                    End{"HalfClose", [](LineClient& c) { c.HalfClose(); }},
                    End{"CloseWithUnreadAnswers",
                        [](LineClient& c) {
                          c.Send("#x list");
                          WaitReadable(c.fd(), Countdown(kPatience));
                          c.Close();
                        }},
                    End{"CloseInTheMiddleOfALine",
                        [](LineClient& c) {
                          c.SendBytes("#x check a");
                          c.Close();
                        }},
                    End{"HalfCloseThenClose",
                        [](LineClient& c) {
                          c.HalfClose();
                          c.Close();
                        }},
                    End{"AnswersCannotBeWritten",
                        [](LineClient& c) {
                          c.ShutdownRead();  // nothing tells the daemon, until it writes
                          c.Send("#x ping");
                        }}),
    [](const auto& info) { return info.param.name; });

TEST_F(SessionEndTest, QuitLetsGoAndCloses) {
  LineClient holder = world_.Connect();
  holder.Ask("lock a");
  LineClient waiter = WaitFor("a");
  EXPECT_EQ(holder.Brief("quit"), "OK");
  EXPECT_TRUE(holder.Closed());
  EXPECT_EQ(Brief(waiter.Answer()), "OK");
}

TEST_F(SessionEndTest, AfterHalfCloseTheLinesBeforeItAreAnswered) {
  LineClient client = world_.Connect();
  client.SendBytes("lock a\nlist\nunlock a\nping\n");
  client.HalfClose();
  EXPECT_EQ(Get(client.Answer(), "lock"), "a");
  EXPECT_EQ(Get(client.Answer(), "holds"), "1");
  EXPECT_EQ(Get(client.Answer(), "lock"), "a");
  EXPECT_EQ(Brief(client.Answer()), "OK");
  EXPECT_TRUE(client.Closed());
}

TEST_F(SessionEndTest, AfterHalfCloseAFreeLockIsGrantedThenReleased) {
  LineClient client = world_.Connect();
  client.SendBytes("lock a\n");
  client.HalfClose();
  EXPECT_EQ(Brief(client.Answer()), "OK");
  EXPECT_TRUE(client.Closed());
  EXPECT_EQ(Holds(), 0u);
  EXPECT_TRUE(Eventually([&] { return world_.nodes.CountWith("a") == 0; }));
}

TEST_F(SessionEndTest, AfterHalfCloseAWaitIsCancelled) {
  LineClient holder = world_.Connect();
  holder.Ask("lock a");
  LineClient waiter = WaitFor("a");
  waiter.HalfClose();
  EXPECT_EQ(Brief(waiter.Answer()), "ERR cancelled");
  EXPECT_TRUE(waiter.Closed());
  EXPECT_EQ(holder.Brief("check a"), "OK");
}

TEST_F(SessionEndTest, BytesWithoutALineEndAreNoRequest) {
  LineClient client = world_.Connect();
  client.SendBytes("ping\nlock a");
  client.HalfClose();
  EXPECT_EQ(Brief(client.Answer()), "OK");
  EXPECT_EQ(Brief(client.Answer()), "ERR bad-request");
  EXPECT_TRUE(client.Closed());
  EXPECT_EQ(Holds(), 0u);
}

TEST_F(SessionEndTest, AClientKilledLetsGo) {
  Process client({"socat", "-", "UNIX-CONNECT:" + world_.daemon.socket()},
                 {.input = Process::Input::kPipe});
  client.Write("lock a\n");
  client.ReadUntil("OK lock=a");
  LineClient waiter = WaitFor("a");
  client.Signal(SIGKILL);
  EXPECT_EQ(Brief(waiter.Answer()), "OK");
}

TEST_F(SessionEndTest, AStoppedClientKeepsItsLock) {
  // Stopped is not dead: the daemon renews for it, as flock would keep the lock.
  Process client({"socat", "-", "UNIX-CONNECT:" + world_.daemon.socket()},
                 {.input = Process::Input::kPipe});
  client.Write("lock a ttl=600ms\n");
  client.ReadUntil("OK lock=a");
  client.Freeze();
  LineClient waiter = world_.Connect();
  EXPECT_EQ(waiter.Brief("lock a wait=1500ms"), "ERR timeout");
  client.Resume();
  client.Write("check a\n");
  client.ReadUntil("OK lock=a");
}

// A child that inherited the socket keeps the lock when its parent, who took it, is dead.
TEST_F(SessionEndTest, AForkedChildKeepsTheLock) {
  int until[2];
  ASSERT_EQ(pipe(until), 0);
  const pid_t parent = fork();
  if (parent == 0) {
    LineClient client = world_.Connect();
    if (client.Brief("lock a") != "OK") _exit(1);
    if (fork() == 0) {
      close(until[1]);
      char byte;
      // Until the test closes its end, also if it dies.
      if (read(until[0], &byte, 1) != 0) _exit(1);
    }
    _exit(0);
  }
  close(until[0]);
  int status;
  ASSERT_EQ(waitpid(parent, &status, 0), parent);
  ASSERT_EQ(status, 0);

  const auto holder = [&] {
    observer_.Ask("list");
    return observer_.rows().empty() ? "nobody" : Get(observer_.rows()[0], "pid");
  };
  EXPECT_TRUE(Eventually([&] { return holder() == std::to_string(parent) + "(gone)"; }))
      << holder();
  LineClient waiter = world_.Connect();
  EXPECT_EQ(waiter.Brief("trylock a"), "ERR busy");

  waiter.Send("lock a");
  close(until[1]);
  EXPECT_EQ(Brief(waiter.Answer()), "OK") << "with its last copy the socket is closed";
}

TEST_F(SessionEndTest, AnIdleSessionLivesOn) {
  LineClient client = world_.Connect();
  client.Ask("lock a ttl=600ms events=renew");
  for (int i = 0; i < 5; ++i) client.Event("RENEWED");
  EXPECT_EQ(client.Brief("check a"), "OK");
}

}  // namespace
}  // namespace redlockd::test
