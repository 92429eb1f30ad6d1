#include <gmock/gmock.h>

#include "tests/unit/session/session_fixture.h"

namespace redlockd::session {
namespace {

using engine::LossReason;
using engine::WatchNotice;
using engine::WatchRequested;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;
using What = engine::WatchNotice::What;

class WatchTest : public SessionTest {
 protected:
  void Happens(const WatchNotice& notice, const std::vector<engine::SessionId>& watchers = {1}) {
    sessions->Notify(engine::NotifyWatchers{watchers, notice});
  }
  // Of about 800 bytes.
  void HappensAtLength() { Happens({.what = What::kReleased, .name = long_name_}); }
  static std::size_t MissedOf(const std::string& line) {
    return line.starts_with("* WATCH missed=") ? std::stoul(line.substr(15)) : 0;
  }

  const std::string long_name_ = std::string(255, '%');
};

TEST_F(WatchTest, IsAskedOfTheEngineAndAnswered) {
  const auto client = Connect();
  client->Send("watch a%20b\nwatch\nunwatch a\nunwatch\n");
  const auto of_one = Nth<WatchRequested>(0);
  EXPECT_EQ(of_one.name, "a b");
  Answer(of_one.session, of_one.request, engine::Done{});
  EXPECT_EQ(client->Line(), "OK");
  const auto of_all = Nth<WatchRequested>(1);
  EXPECT_EQ(of_all.name, "");
  Answer(of_all.session, of_all.request,
         engine::Failed{.failure = engine::Failure::kLimit, .text = "64 watches"});
  EXPECT_EQ(client->Line(), "ERR limit :64 watches");
  const auto not_one = Nth<engine::UnwatchRequested>(0);
  EXPECT_EQ(not_one.name, "a");
  Answer(not_one.session, not_one.request, engine::Done{});
  EXPECT_EQ(client->Line(), "OK");
  EXPECT_EQ(Nth<engine::UnwatchRequested>(1).name, "");
}

TEST_F(WatchTest, ANameMustBeOne) {
  const auto client = Connect();
  client->Send("watch redlockd:x\nunwatch " + std::string(256, 'n') + "\n");
  EXPECT_THAT(client->Line(), StartsWith("ERR bad-name lock=redlockd:x :"));
  EXPECT_THAT(client->Line(), StartsWith("ERR bad-name lock=nnn"));
}

TEST_F(WatchTest, TheEngineKnowsWhoConnected) {
  const auto client = Connect();
  EXPECT_EQ(Nth<engine::SessionOpened>(0).pid, getpid());
}

TEST_F(WatchTest, EachNoticeIsALine) {
  struct Row {
    WatchNotice notice;
    const char* line;
  };
  const auto client = Connect();
  for (const Row& row : {
           Row{{.what = What::kGranted, .name = "a b", .fence = 7, .pid = 12, .uid = 0},
               "lock=a%20b what=granted fence=7 pid=12 uid=0"},
           Row{{.what = What::kUnlocked, .name = "a", .fence = 7, .pid = 12, .uid = 34},
               "lock=a what=ended fence=7 pid=12 uid=34 reason=unlock"},
           Row{{.what = What::kClosed, .name = "a", .fence = 7, .pid = 0, .uid = 34},
               "lock=a what=ended fence=7 pid=0 uid=34 reason=closed"},
           Row{{.what = What::kLost,
           .name = "a",
           .fence = 7,
           .pid = 12,
           .uid = 34,
           .reason = LossReason::kMaxHold},
               "lock=a what=ended fence=7 pid=12 uid=34 reason=max-hold"},
           Row{{.what = What::kWanted, .name = "a", .fence = 7, .by = engine::By::kElsewhere},
               "lock=a what=wanted fence=7 by=elsewhere"},
           Row{{.what = What::kWanted, .name = "a"}, "lock=a what=wanted by=here"},
           Row{{.what = What::kKept, .name = "a"}, "lock=a what=kept"},
           Row{{.what = What::kReleased, .name = "a"}, "lock=a what=released"},
       }) {
    Happens(row.notice);
    EXPECT_EQ(client->Line(), std::string("* WATCH ") + row.line);
  }
}

TEST_F(WatchTest, GoesToEachWatcherThatIsStillThere) {
  const auto one = Connect();
  const auto two = Connect();
  const auto three = Connect();
  two->Close();
  Until([this] { return sessions->count() == 2; });
  Happens({.what = What::kKept, .name = "a"}, {1, 2});
  EXPECT_EQ(one->Line(), "* WATCH lock=a what=kept");
  EXPECT_EQ(three->Rest(), "");
}

TEST_F(WatchTest, OneThatReadsMissesNothingHoweverMuchComesInOneTurn) {
  const auto client = Connect();
  const std::size_t many = 150;  // more than is kept, less than a socket takes
  for (std::size_t i = 0; i < many; ++i) HappensAtLength();
  for (std::size_t i = 0; i < many; ++i) {
    ASSERT_THAT(client->Line(), HasSubstr(" what=released"));
  }
  EXPECT_EQ(client->Rest(), "");
}

TEST_F(WatchTest, OneThatDoesNotReadIsNotDroppedButHearsHowMuchItMissed) {
  options.max_unread_output = 16384;
  const auto client = Connect();
  const std::size_t many = 2000;
  for (int turn = 0; turn < 10; ++turn) {
    for (std::size_t i = 0; i < many / 10; ++i) HappensAtLength();
    Turn(2);
  }
  EXPECT_THAT(engine.All<engine::SessionDropped>(), IsEmpty());
  std::size_t heard = 0;
  std::string line;
  while (MissedOf(line = client->Line()) == 0) {
    ASSERT_THAT(line, HasSubstr(" what=released"));
    ++heard;
  }
  EXPECT_EQ(heard + MissedOf(line), many) << "each is there or counted";
  EXPECT_GT(heard, 80u);
  EXPECT_LT(heard, 500u) << "64 KiB, and what the socket takes";
  // From then on it misses nothing.
  Happens({.what = What::kKept, .name = "a"});
  EXPECT_EQ(client->Line(), "* WATCH lock=a what=kept");
  EXPECT_EQ(client->Rest(), "");
}

TEST_F(WatchTest, WhatIsMissedIsMissedInOnePiece) {
  const auto client = Connect();
  for (std::size_t i = 0; i < 1000; ++i) HappensAtLength();
  Turn(2);
  // A part is read: not enough for all that is there to go out.
  for (int i = 0; i < 5; ++i) ASSERT_THAT(client->Line(), HasSubstr(" what=released"));
  Happens({.what = What::kKept, .name = "a"});
  std::string line;
  while (MissedOf(line = client->Line()) == 0) ASSERT_THAT(line, HasSubstr(" what=released"));
  EXPECT_EQ(client->Rest(), "");
}

TEST_F(WatchTest, OtherOutputIsBoundedAsWithoutIt) {
  options.max_unread_output = 16384;
  const auto client = Connect();
  for (std::size_t i = 0; i < 2000; ++i) HappensAtLength();
  Turn(2);
  EXPECT_THAT(engine.All<engine::SessionDropped>(), IsEmpty());
  for (int i = 0; i < 100; ++i) Notify(1, engine::Notice::Kind::kLost, std::string(255, 'n'));
  Until([this] { return !engine.All<engine::SessionDropped>().empty(); });
}

TEST_F(WatchTest, QuitIsNotFollowedByWhatWasMissed) {
  const auto client = Connect();
  client->Send("ping\n");
  EXPECT_EQ(client->Line(), kPong);
  for (std::size_t i = 0; i < 1000; ++i) HappensAtLength();
  Turn(2);
  client->Send("quit\n");
  std::string line;
  std::string last;
  while ((line = client->Line()) != "(closed)") {
    ASSERT_NE(line, "(nothing)");
    last = line;
  }
  EXPECT_EQ(last, "OK");
}

}  // namespace
}  // namespace redlockd::session
