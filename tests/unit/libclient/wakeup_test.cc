// redlock_wakeup() ends a call that blocks.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <redlock/redlock.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <string>
#include <thread>

#include "tests/unit/libclient/fake_daemon.h"

namespace redlock::client {
namespace {

class WakeupTest : public testing::Test {
 protected:
  WakeupTest() {
    EXPECT_EQ(redlock_connect(client_, daemon_.path().c_str(), -1), REDLOCK_OK);
    EXPECT_EQ(redlock_connect(holder_, daemon_.path().c_str(), -1), REDLOCK_OK);
    EXPECT_EQ(redlock_lock(holder_, "held", nullptr, nullptr), REDLOCK_OK);
  }
  ~WakeupTest() override {
    redlock_free(client_);
    redlock_free(holder_);
  }
  int Lock() { return redlock_lock(client_, "held", nullptr, nullptr); }
  int Ping() { return redlock_query(client_, "ping", nullptr, 0, nullptr); }

  FakeDaemon daemon_;
  redlock_client* const client_ = redlock_new();
  redlock_client* const holder_ = redlock_new();
};

TEST_F(WakeupTest, EndsAWaitInAnotherThread) {
  int error = -1;
  std::string text;
  std::thread waiting([&] {
    error = Lock();
    text = redlock_error_text(client_);
  });
  EXPECT_TRUE(daemon_.WaitForWaiters("held", 1));
  redlock_wakeup(client_);
  waiting.join();
  EXPECT_EQ(error, REDLOCK_ECANCELLED);
  EXPECT_EQ(text, "cancelled: redlock_wakeup() was called");
  EXPECT_TRUE(daemon_.WaitForWaiters("held", 0)) << "the daemon has heard of it";
  EXPECT_EQ(Ping(), REDLOCK_OK) << "it ends one call";
  EXPECT_EQ(redlock_unlock(holder_, "held", 0, 0), REDLOCK_OK);
  EXPECT_EQ(Lock(), REDLOCK_OK);
}

TEST_F(WakeupTest, EndsTheNextCallIfThereIsNone) {
  redlock_wakeup(client_);
  redlock_wakeup(client_);
  EXPECT_EQ(Lock(), REDLOCK_ECANCELLED);
  EXPECT_EQ(Ping(), REDLOCK_OK);
}

TEST_F(WakeupTest, AnUnlockTakesPlace) {
  redlock_wakeup(holder_);
  EXPECT_EQ(redlock_unlock(holder_, "held", 0, 0), REDLOCK_ECANCELLED);
  EXPECT_EQ(Lock(), REDLOCK_OK);
}

TEST_F(WakeupTest, AGrantThatCrossesItIsReleased) {
  ASSERT_EQ(redlock_query(client_, "deaf", nullptr, 0, nullptr), REDLOCK_OK);
  redlock_wakeup(client_);
  EXPECT_EQ(redlock_lock(client_, "free", nullptr, nullptr), REDLOCK_ECANCELLED);
  EXPECT_EQ(Ping(), REDLOCK_OK);  // the grant came before
  EXPECT_EQ(redlock_lock(holder_, "free", nullptr, nullptr), REDLOCK_OK);
}

TEST_F(WakeupTest, EndsAnAttemptToConnect) {
  redlock_client* client = redlock_new();
  daemon_.Hang(true);
  int error = -1;
  std::thread waiting([&] { error = redlock_connect(client, daemon_.path().c_str(), -1); });
  redlock_wakeup(client);
  waiting.join();
  EXPECT_EQ(error, REDLOCK_ECANCELLED);
  EXPECT_EQ(redlock_fd(client), -1);
  daemon_.Hang(false);
  EXPECT_EQ(redlock_connect(client, daemon_.path().c_str(), -1), REDLOCK_OK);
  redlock_free(client);
}

// A signal alone does not end a wait; its handler may.
std::atomic<redlock_client*> of_handler{nullptr};
std::atomic<int> signals{0};

// By the second signal.
void WakeUp(int) {
  const int before = errno;
  errno = EDOM;
  if (++signals > 1) redlock_wakeup(of_handler);
  if (errno != EDOM) std::abort();
  errno = before;
}

TEST_F(WakeupTest, MayBeCalledInASignalHandler) {
  of_handler = client_;
  signals = 0;
  struct sigaction action {};
  action.sa_handler = &WakeUp;  // without SA_RESTART
  struct sigaction before {};
  sigaction(SIGUSR1, &action, &before);
  int error = -1;
  std::thread waiting([&] { error = Lock(); });
  EXPECT_TRUE(daemon_.WaitForWaiters("held", 1));
  pthread_kill(waiting.native_handle(), SIGUSR1);
  while (signals < 1) std::this_thread::yield();
  EXPECT_EQ(redlock_query(holder_, "ping", nullptr, 0, nullptr), REDLOCK_OK);
  EXPECT_TRUE(daemon_.WaitForWaiters("held", 1)) << "it waits on";
  pthread_kill(waiting.native_handle(), SIGUSR1);
  waiting.join();
  EXPECT_EQ(error, REDLOCK_ECANCELLED);
  sigaction(SIGUSR1, &before, nullptr);
}

TEST_F(WakeupTest, DoesNothingFromAnotherProcess) {
  const pid_t child = fork();
  if (child == 0) {
    redlock_wakeup(client_);
    _exit(0);
  }
  int status = -1;
  waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(Ping(), REDLOCK_OK);
  redlock_wakeup(nullptr);
}

TEST_F(WakeupTest, RacesWithNothing) {
  std::atomic<bool> is_over{false};
  std::thread waker([&] {
    while (!is_over) redlock_wakeup(client_);
  });
  int cancelled = 0;
  for (int i = 0; i < 300 || cancelled == 0; ++i) {
    const int error = Ping();
    EXPECT_TRUE(error == REDLOCK_OK || error == REDLOCK_ECANCELLED) << error;
    cancelled += error == REDLOCK_ECANCELLED ? 1 : 0;
  }
  is_over = true;
  waker.join();
  while (Ping() != REDLOCK_OK) {
  }
}

}  // namespace
}  // namespace redlock::client
