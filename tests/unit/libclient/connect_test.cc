// redlock_start_connect() and the other calls that do not block.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <redlock/redlock.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <optional>
#include <string>
#include <vector>

#include "base/descriptor.h"
#include "tests/unit/libclient/fake_daemon.h"

namespace redlock::client {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

// A client in an event loop, and what its callbacks saw.
class Loop {
 public:
  Loop() { redlock_on_event(client_, &Loop::OnEvent, this); }
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;
  ~Loop() { redlock_free(client_); }

  redlock_client* client() const { return client_; }
  std::string text() const { return redlock_error_text(client_); }
  int Connect(const std::string& path, std::int64_t timeout_ns = 20 * kSecond) {
    path_ = path;
    return redlock_start_connect(client_, path.c_str(), timeout_ns, &Loop::OnConnect, this);
  }
  // One turn of the loop: polls as the library says, and dispatches.
  int Turn() {
    const std::int64_t left = redlock_poll_timeout(client_);
    const timespec limit{left / kSecond, left % kSecond};
    pollfd entry{redlock_fd(client_), redlock_events(client_), 0};
    EXPECT_TRUE(left >= 0 || entry.fd >= 0) << "nothing would ever end this poll";
    ppoll(&entry, 1, left < 0 ? nullptr : &limit, nullptr);
    return redlock_dispatch(client_);
  }
  // Until it is connected, or not.
  int Wait() {
    while (!connected_) Turn();
    return *connected_;
  }

  std::optional<int> connected_;
  std::string connected_text_;
  int calls_ = 0;
  int closed_ = 0;
  bool connects_again_ = false;

 private:
  static void OnConnect(redlock_client* client, int error, void* loop) {
    auto& self = *static_cast<Loop*>(loop);
    self.connected_ = error;
    self.connected_text_ = redlock_error_text(client);
    ++self.calls_;
  }
  static void OnEvent(redlock_client*, const redlock_event* event, void* loop) {
    auto& self = *static_cast<Loop*>(loop);
    if (event->type != REDLOCK_EVENT_CLOSED) return;
    ++self.closed_;
    self.connected_.reset();
    if (!self.connects_again_) return;
    EXPECT_EQ(self.Connect(self.path_), REDLOCK_OK);
  }

  redlock_client* const client_ = redlock_new();
  std::string path_;
};

// Listens, and accepts when the test says so.
class Listener {
 public:
  Listener() : fd_(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    EXPECT_EQ(bind(fd_.get(), address(), sizeof(sockaddr_un)), 0);
    EXPECT_EQ(listen(fd_.get(), 0), 0);
  }
  std::string path() const { return directory_ / "s"; }
  // Until nobody more is let in.
  void Fill() {
    while (true) {
      base::Descriptor made(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
      if (connect(made.get(), address(), sizeof(sockaddr_un)) != 0) break;
      others_.push_back(std::move(made));
    }
    EXPECT_EQ(errno, EAGAIN);
  }
  // Accepts one, and says what a daemon says.
  void Accept() {
    accepted_.emplace_back(accept4(fd_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    const std::string hello = std::string(FakeDaemon::kHello) + "\n";
    EXPECT_EQ(send(accepted_.back().get(), hello.data(), hello.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(hello.size()));
  }

 private:
  const sockaddr* address() {
    address_.sun_family = AF_UNIX;
    path().copy(address_.sun_path, sizeof(address_.sun_path) - 1);
    return reinterpret_cast<const sockaddr*>(&address_);
  }

  const redlockd::test::TempDir directory_;
  sockaddr_un address_{};
  base::Descriptor fd_;
  std::vector<base::Descriptor> others_;
  std::vector<base::Descriptor> accepted_;
};

TEST(StartConnect, ConnectsInTheLoop) {
  FakeDaemon daemon;
  Loop loop;
  EXPECT_EQ(redlock_poll_timeout(loop.client()), -1);
  ASSERT_EQ(loop.Connect(daemon.path()), REDLOCK_OK);
  EXPECT_FALSE(loop.connected_) << "not before a dispatch";
  EXPECT_EQ(redlock_events(loop.client()), POLLIN);
  EXPECT_GT(redlock_poll_timeout(loop.client()), 0);
  EXPECT_LE(redlock_poll_timeout(loop.client()), 20 * kSecond);
  EXPECT_EQ(loop.Wait(), REDLOCK_OK);
  EXPECT_EQ(redlock_poll_timeout(loop.client()), -1);
  EXPECT_EQ(redlock_trylock(loop.client(), "jobs", nullptr, nullptr), REDLOCK_OK);
  EXPECT_EQ(loop.calls_, 1);
}

TEST(StartConnect, OnlyOneAtATime) {
  FakeDaemon daemon;
  Loop loop;
  ASSERT_EQ(loop.Connect(daemon.path()), REDLOCK_OK);
  EXPECT_EQ(loop.Connect(daemon.path()), REDLOCK_EINVAL);
  EXPECT_EQ(loop.text(), "invalid use: connecting already");
  EXPECT_EQ(redlock_connect(loop.client(), daemon.path().c_str(), kSecond), REDLOCK_EINVAL);
  EXPECT_EQ(redlock_start(loop.client(), "ping", nullptr, 0, nullptr, nullptr, nullptr),
            REDLOCK_ECLOSED);
  EXPECT_EQ(redlock_query(loop.client(), "ping", nullptr, 0, nullptr), REDLOCK_ECLOSED);
  EXPECT_EQ(loop.Wait(), REDLOCK_OK);
  EXPECT_EQ(loop.Connect(daemon.path()), REDLOCK_EINVAL);
  EXPECT_EQ(loop.text(), "invalid use: connected already");
}

TEST(StartConnect, WhatIsCertainIsSaidAtOnce) {
  Loop loop;
  EXPECT_EQ(loop.Connect("/nowhere/redlockd.sock"), REDLOCK_ECONNECT);
  EXPECT_EQ(loop.text(),
            "cannot connect to the daemon: /nowhere/redlockd.sock: No such file or directory");
  EXPECT_EQ(loop.Connect(std::string(200, 'x')), REDLOCK_ECONNECT);
  EXPECT_EQ(loop.calls_, 0);
  EXPECT_EQ(redlock_dispatch(loop.client()), REDLOCK_ECLOSED);
}

TEST(StartConnect, ARefusalIsAnError) {
  const struct {
    const char* greeting;
    int error;
    const char* text;
  } kCases[] = {
      {"* HELLO redlockd 2 caps=x", REDLOCK_EPROTOCOL,
       "the other side does not speak the line protocol: expected * HELLO redlockd 1, got '* HELLO "
       "redlockd 2 caps=x'"},
      {"220 mail.example.com ESMTP", REDLOCK_EPROTOCOL,
       "the other side does not speak the line protocol: the greeting is not that of redlockd"},
      {"ERR limit :too many sessions", REDLOCK_ELIMIT,
       "limit of the daemon reached: too many sessions"},
  };
  for (const auto& c : kCases) {
    FakeDaemon daemon(c.greeting);
    Loop loop;
    ASSERT_EQ(loop.Connect(daemon.path()), REDLOCK_OK);
    EXPECT_EQ(loop.Wait(), c.error);
    EXPECT_EQ(loop.connected_text_, c.text);
    EXPECT_EQ(loop.text(), c.text) << "dispatch returns it, too";
    EXPECT_EQ(redlock_fd(loop.client()), -1);
    EXPECT_EQ(loop.closed_, 0) << "there was no session";
    EXPECT_TRUE(daemon.WaitForSessions(0));
  }
}

TEST(StartConnect, IsOverInTimeWithoutAGreeting) {
  Listener listener;
  Loop loop;
  const std::int64_t begin = redlock_now();
  ASSERT_EQ(loop.Connect(listener.path(), kSecond / 10), REDLOCK_OK);
  EXPECT_EQ(loop.Wait(), REDLOCK_ENOANSWER);
  EXPECT_GE(redlock_now() - begin, kSecond / 10);
  EXPECT_EQ(redlock_fd(loop.client()), -1);
}

TEST(StartConnect, IsOverInTimeWithADaemonThatDoesNotAccept) {
  Listener listener;
  listener.Fill();
  Loop loop;
  const std::int64_t begin = redlock_now();
  ASSERT_EQ(loop.Connect(listener.path(), kSecond / 10), REDLOCK_OK);
  EXPECT_EQ(redlock_fd(loop.client()), -1);
  EXPECT_EQ(redlock_events(loop.client()), 0);
  EXPECT_EQ(loop.Wait(), REDLOCK_ECONNECT);
  EXPECT_THAT(loop.connected_text_, testing::HasSubstr("the daemon does not accept connections"));
  EXPECT_GE(redlock_now() - begin, kSecond / 10);
  // The blocking call likewise.
  EXPECT_EQ(redlock_connect(loop.client(), listener.path().c_str(), kSecond / 10),
            REDLOCK_ECONNECT);
}

TEST(StartConnect, WaitsForADaemonThatAcceptsLater) {
  Listener listener;
  listener.Fill();
  Loop loop;
  ASSERT_EQ(loop.Connect(listener.path(), -1), REDLOCK_OK);
  for (int i = 0; i < 3; ++i) loop.Turn();
  EXPECT_FALSE(loop.connected_);
  while (redlock_fd(loop.client()) < 0) {
    listener.Accept();
    loop.Turn();
  }
  while (!loop.connected_) {
    listener.Accept();  // the others were first
    loop.Turn();
  }
  EXPECT_EQ(*loop.connected_, REDLOCK_OK);
}

TEST(StartConnect, AnEndBeforeTheGreetingIsAnError) {
  Loop loop;
  {
    Listener listener;
    ASSERT_EQ(loop.Connect(listener.path()), REDLOCK_OK);
  }
  EXPECT_EQ(loop.Wait(), REDLOCK_ECONNECT);
}

TEST(StartConnect, CloseEndsItAndFreeForgetsIt) {
  Listener listener;
  int calls = 0;
  {
    Loop loop;
    ASSERT_EQ(loop.Connect(listener.path()), REDLOCK_OK);
    EXPECT_EQ(redlock_close(loop.client()), REDLOCK_OK);
    EXPECT_EQ(loop.connected_, REDLOCK_ECLOSED);
    EXPECT_EQ(redlock_fd(loop.client()), -1);
    EXPECT_EQ(redlock_poll_timeout(loop.client()), -1);
  }
  redlock_client* client = redlock_new();
  const auto count = [](redlock_client*, int, void* arg) { ++*static_cast<int*>(arg); };
  ASSERT_EQ(redlock_start_connect(client, listener.path().c_str(), -1, count, &calls), REDLOCK_OK);
  redlock_free(client);
  EXPECT_EQ(calls, 0);
}

TEST(StartConnect, MayBeginWhenTheSessionHasEnded) {
  FakeDaemon daemon;
  Loop loop;
  loop.connects_again_ = true;
  ASSERT_EQ(loop.Connect(daemon.path()), REDLOCK_OK);
  EXPECT_EQ(loop.Wait(), REDLOCK_OK);
  daemon.Drop();
  EXPECT_EQ(loop.Turn(), REDLOCK_ECLOSED);
  EXPECT_EQ(loop.Wait(), REDLOCK_OK);
  EXPECT_EQ(loop.calls_, 2);
  EXPECT_EQ(redlock_query(loop.client(), "ping", nullptr, 0, nullptr), REDLOCK_OK);
  daemon.Drop();
  EXPECT_EQ(loop.Turn(), REDLOCK_ECLOSED);
  EXPECT_EQ(loop.closed_, 2) << "the function for events stays";
}

// What comes with the greeting is not left unread: no poll would say that it is there.
TEST(StartConnect, TakesWhatComesWithTheGreeting) {
  FakeDaemon daemon(std::string(FakeDaemon::kHello) + "\nnonsense");
  Loop loop;
  ASSERT_EQ(loop.Connect(daemon.path()), REDLOCK_OK);
  int error = REDLOCK_OK;
  while (!loop.connected_ && loop.closed_ == 0) error = loop.Turn();
  EXPECT_EQ(error, REDLOCK_EPROTOCOL);
  EXPECT_EQ(loop.calls_, 1);
  EXPECT_EQ(loop.closed_, 1);
}

// The daemon would release the locks at once if the socket of a broken session was closed.
TEST(StartConnect, AKeptSocketGoesWithTheLastDeadline) {
  FakeDaemon daemon;
  Loop loop;
  ASSERT_EQ(loop.Connect(daemon.path()), REDLOCK_OK);
  ASSERT_EQ(loop.Wait(), REDLOCK_OK);
  redlock_lock_options options = REDLOCK_LOCK_OPTIONS_INIT;
  options.ttl_ns = kSecond;
  redlock_grant grant = REDLOCK_GRANT_INIT;
  ASSERT_EQ(redlock_lock(loop.client(), "jobs", &options, &grant), REDLOCK_OK);
  daemon.Say("HTTP/1.1 400 Bad Request");
  while (loop.closed_ == 0) loop.Turn();
  while (redlock_poll_timeout(loop.client()) >= 0) loop.Turn();
  EXPECT_GE(redlock_now(), grant.deadline_ns);
  EXPECT_TRUE(daemon.WaitForSessions(0));
}

// Each would wait without end if it waited for the daemon.
TEST(NonBlockingCalls, DoNotWaitForADaemonThatHangs) {
  FakeDaemon daemon;
  Loop loop;
  ASSERT_EQ(loop.Connect(daemon.path()), REDLOCK_OK);
  ASSERT_EQ(loop.Wait(), REDLOCK_OK);
  daemon.Hang(true);
  Loop other;
  EXPECT_EQ(other.Connect(daemon.path()), REDLOCK_OK);
  EXPECT_EQ(redlock_dispatch(other.client()), REDLOCK_OK);
  redlock_client* client = loop.client();
  std::uint64_t request = 0;
  EXPECT_EQ(redlock_start_lock(client, "a", nullptr, nullptr, nullptr, &request), REDLOCK_OK);
  const std::string word(4000, 'x');
  const redlock_arg arg{nullptr, word.c_str()};
  for (int i = 0; i < 500; ++i) {  // more than the socket takes
    EXPECT_EQ(redlock_start(client, "echo", &arg, 1, nullptr, nullptr, nullptr), REDLOCK_OK);
  }
  EXPECT_EQ(redlock_events(client), POLLIN | POLLOUT);
  EXPECT_EQ(redlock_cancel(client, request), REDLOCK_OK);
  EXPECT_EQ(redlock_dispatch(client), REDLOCK_OK);
  EXPECT_EQ(redlock_close(client), REDLOCK_OK);
  daemon.Hang(false);
}

// What a call was given may go after it.
TEST(NonBlockingCalls, KeepNoStringOfTheirCaller) {
  FakeDaemon daemon;
  Loop loop;
  {
    const auto path = std::make_unique<std::string>(daemon.path());
    ASSERT_EQ(redlock_start_connect(loop.client(), path->c_str(), 20 * kSecond, nullptr, nullptr),
              REDLOCK_OK);
  }
  while (redlock_poll_timeout(loop.client()) >= 0) loop.Turn();
  {
    const auto name = std::make_unique<std::string>(100, 'n');
    const auto note = std::make_unique<std::string>(100, 'x');
    redlock_lock_options options = REDLOCK_LOCK_OPTIONS_INIT;
    options.note = note->c_str();
    EXPECT_EQ(redlock_start_lock(loop.client(), name->c_str(), &options, nullptr, nullptr, nullptr),
              REDLOCK_OK);
  }
  EXPECT_EQ(redlock_query(loop.client(), "ping", nullptr, 0, nullptr), REDLOCK_OK);
  EXPECT_THAT(daemon.received(), testing::Contains("lock " + std::string(100, 'n') +
                                                   " note=" + std::string(100, 'x')));
}

}  // namespace
}  // namespace redlock::client
