#include "daemon/event/watch.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "daemon/event/loop.h"
#include "daemon/event/timer.h"
#include "tests/support/wait.h"

namespace redlockd::event {
namespace {

using namespace std::chrono_literals;
using Trigger = Watch::Trigger;

using test::kPatience;

// A connected pair: the daemon's end and its client's.
class WatchTest : public ::testing::Test {
 protected:
  WatchTest() {
    std::array<int, 2> ends{};
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()), 0);
    mine_ = ends[0];
    client_ = ends[1];
  }
  ~WatchTest() override {
    watch_.reset();
    close(mine_);
    if (client_ >= 0) close(client_);
  }

  void Start(Trigger trigger, unsigned what) {
    watch_ = std::make_unique<Watch>(loop_, mine_, trigger, [this](unsigned what) {
      told_ |= what;
      ++calls_;
    });
    watch_->Want(what);
  }
  // What has been told since the last time, once there is anything.
  unsigned Told() {
    loop_.RunUntil([this] { return told_ != 0; }, kPatience);
    return std::exchange(told_, 0u);
  }
  // What is told within some turns.
  unsigned ToldSoon() {
    loop_.RunUntil([] { return false; }, 5ms);
    return std::exchange(told_, 0u);
  }
  void ClientWrites(const std::string& bytes) {
    ASSERT_EQ(write(client_, bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
  }
  void ClientCloses() { close(std::exchange(client_, -1)); }

  Loop loop_;
  int mine_ = -1;
  int client_ = -1;
  std::unique_ptr<Watch> watch_;
  unsigned told_ = 0;
  int calls_ = 0;
};

TEST_F(WatchTest, LevelTellsEachTurnWhatIsUnread) {
  Start(Trigger::kLevel, Watch::kRead);
  EXPECT_EQ(ToldSoon(), Watch::kNothing);
  ClientWrites("a");
  EXPECT_EQ(Told(), Watch::kRead);
  EXPECT_EQ(Told(), Watch::kRead);
  watch_->Want(Watch::kNothing);
  EXPECT_EQ(ToldSoon(), Watch::kNothing);
  watch_->Want(Watch::kWrite);
  EXPECT_EQ(Told(), Watch::kWrite);
}

TEST_F(WatchTest, EdgeTellsOnceForEachArrival) {
  Start(Trigger::kEdge, Watch::kRead | Watch::kClosed);
  ClientWrites("a");
  EXPECT_EQ(Told(), Watch::kRead);
  EXPECT_EQ(ToldSoon(), Watch::kNothing);
  ClientWrites("b");
  EXPECT_EQ(Told(), Watch::kRead);
}

TEST_F(WatchTest, EdgeTellsAgainWhatIsSoWhenItIsWantedAgain) {
  Start(Trigger::kEdge, Watch::kClosed);
  ClientWrites("a");
  EXPECT_EQ(ToldSoon(), Watch::kNothing);
  watch_->Want(Watch::kRead | Watch::kClosed);
  EXPECT_EQ(Told(), Watch::kRead);
}

TEST_F(WatchTest, HalfCloseThenCloseAreToldOneAfterTheOther) {
  Start(Trigger::kEdge, Watch::kRead | Watch::kClosed);
  EXPECT_EQ(LookAt(mine_), PeerState::kOpen);
  shutdown(client_, SHUT_WR);
  EXPECT_EQ(Told(), Watch::kRead | Watch::kClosed);
  EXPECT_EQ(LookAt(mine_), PeerState::kHalfClosed);
  watch_->Want(Watch::kClosed);  // there is nothing to read any more
  ToldSoon();
  const int calls = calls_;
  EXPECT_EQ(ToldSoon(), Watch::kNothing) << "a half-close must not spin";
  EXPECT_EQ(calls_, calls);
  ClientCloses();
  EXPECT_EQ(Told(), Watch::kClosed);
  EXPECT_EQ(LookAt(mine_), PeerState::kGone);
}

// The peer that closes with unread bytes in its buffer resets the connection: EPOLLERR.
TEST_F(WatchTest, ResetBehindAHalfCloseIsToldAsClosed) {
  Start(Trigger::kEdge, Watch::kClosed);
  ASSERT_EQ(write(mine_, "unread", 6), 6);
  shutdown(client_, SHUT_WR);
  EXPECT_EQ(Told(), Watch::kClosed);
  ToldSoon();
  ClientCloses();
  EXPECT_EQ(Told(), Watch::kClosed);
  EXPECT_EQ(LookAt(mine_), PeerState::kGone);
}

TEST_F(WatchTest, CallbackMayDestroyItsWatch) {
  int calls = 0;
  watch_ = std::make_unique<Watch>(loop_, mine_, Trigger::kLevel,
                                   [&, mine = std::make_shared<int>(1)](unsigned) {
                                     watch_.reset();
                                     calls += *mine;
                                   });
  watch_->Want(Watch::kRead | Watch::kWrite);
  EXPECT_TRUE(loop_.RunUntil([&] { return calls > 0; }, kPatience));
  loop_.RunUntil([] { return false; }, 5ms);
  EXPECT_EQ(calls, 1);
}

}  // namespace
}  // namespace redlockd::event
