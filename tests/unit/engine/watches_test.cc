#include "daemon/engine/watches.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <variant>
#include <vector>

// Tests the class Watches by itself; watch_test.cc has what becomes of locks in an engine.
namespace redlockd::engine {
namespace {

using What = WatchNotice::What;

class WatchesTest : public ::testing::Test {
 protected:
  WatchesTest() {
    outbox_.Begin(effects_);
    for (const int session : {1, 2, 3}) {
      sessions_.Open(static_cast<SessionId>(session), 1000, 100 + session);
    }
  }
  // "1a 2 ": session 1 watches a, session 2 all.
  void Begin(const std::string& text) {
    for (const auto& [session, lock] : Parse(text)) EXPECT_FALSE(watches_.Add(session, lock));
  }
  void End(const std::string& text) {
    for (const auto& [session, lock] : Parse(text)) watches_.Remove(session, lock);
  }
  std::string Watching(const std::string& lock) const {
    std::string text;
    for (const SessionId session : watches_.Of(lock)) text += std::to_string(session);
    return text;
  }

  Limits limits_;
  Effects effects_;
  Outbox outbox_;
  RuleQuotas quotas_{limits_.quotas};
  SessionTable sessions_{limits_, quotas_};
  Watches watches_{sessions_, outbox_};

 private:
  static std::vector<std::pair<SessionId, std::string>> Parse(const std::string& text) {
    std::vector<std::pair<SessionId, std::string>> watches;
    std::size_t begin = 0;
    while (begin < text.size()) {
      const std::size_t end = std::min(text.find(' ', begin), text.size());
      watches.emplace_back(static_cast<SessionId>(text[begin] - '0'),
                           text.substr(begin + 1, end - begin - 1));
      begin = end + 1;
    }
    return watches;
  }
};

TEST_F(WatchesTest, EachSessionHearsOfWhatItWatchesOnce) {
  struct Row {
    const char* begin;
    const char* end;
    const char* of_a;
    const char* of_b;
  };
  for (const Row& row : {
           Row{"", "", "", ""},
           Row{"1a", "", "1", ""},
           Row{"2", "", "2", "2"},
           Row{"2 1a", "", "12", "2"},
           Row{"3b 1a 2a", "", "12", "3"},
           Row{"1a 1", "", "1", "1"},
           Row{"1a 1a", "", "1", ""},
           Row{"1a 1a", "1a", "", ""},
           Row{"1a 2a", "1a", "2", ""},
           Row{"1a 1b", "1a", "", "1"},
           Row{"1a 1b", "1", "", ""},
           Row{"1 1a 2", "1", "2", "2"},
           Row{"1 1a", "1a", "1", "1"},
           Row{"1", "1a", "1", "1"},
           Row{"1a", "2a", "1", ""},
           Row{"1a", "1b", "1", ""},
           Row{"", "1a 1", "", ""},
       }) {
    Begin(row.begin);
    End(row.end);
    EXPECT_EQ(Watching("a"), row.of_a) << row.begin << " - " << row.end;
    EXPECT_EQ(Watching("b"), row.of_b) << row.begin << " - " << row.end;
    End("1 2 3");
    EXPECT_EQ(Watching("a"), "");
  }
}

TEST_F(WatchesTest, ASessionMayHaveSixtyFour) {
  Begin("1");
  for (int i = 1; i < 64; ++i) EXPECT_FALSE(watches_.Add(1, "n" + std::to_string(i)));
  EXPECT_EQ(watches_.Add(1, "a"), "this session has 64 watches, the limit for a session");
  EXPECT_EQ(Watching("b"), "1");
  EXPECT_FALSE(watches_.Add(1, "n7")) << "it is there already";
  EXPECT_FALSE(watches_.Add(2, "a")) << "another session";
  End("1n7");
  EXPECT_FALSE(watches_.Add(1, "a"));
}

TEST_F(WatchesTest, AUserMayWatchInSixtyFourSessions) {
  for (SessionId session = 11; session <= 74; ++session) {
    sessions_.Open(session, 1001);
    EXPECT_FALSE(watches_.Add(session, "a"));
  }
  sessions_.Open(75, 1001);
  EXPECT_EQ(watches_.Add(75, "a"), "uid 1001 watches in 64 sessions, the limit for a user");
  EXPECT_FALSE(watches_.Add(74, "b")) << "it watches already";
  EXPECT_FALSE(watches_.Add(1, "a")) << "another user";
  watches_.Remove(11, "");
  EXPECT_FALSE(watches_.Add(75, "a"));
}

TEST_F(WatchesTest, OneNoticeGoesToAllWhoWatchTheLock) {
  watches_.Report("a", {.what = What::kGranted, .fence = 7}, 3);
  EXPECT_TRUE(effects_.empty()) << "nobody watches";
  Begin("2a 1 3b");
  watches_.Report("c", {.what = What::kKept});
  watches_.Report("a", {.what = What::kGranted, .fence = 7}, 3);
  ASSERT_EQ(effects_.size(), 2u);
  const auto& kept = std::get<NotifyWatchers>(effects_[0]);
  EXPECT_EQ(kept.sessions, std::vector<SessionId>{1});
  EXPECT_EQ(kept.notice.name, "c");
  EXPECT_EQ(kept.notice.pid, 0);
  const auto& granted = std::get<NotifyWatchers>(effects_[1]);
  EXPECT_EQ(granted.sessions, (std::vector<SessionId>{1, 2}));
  EXPECT_EQ(granted.notice.what, What::kGranted);
  EXPECT_EQ(granted.notice.name, "a");
  EXPECT_EQ(granted.notice.fence, 7);
  EXPECT_EQ(granted.notice.pid, 103);
  EXPECT_EQ(granted.notice.uid, 1000u);
}

}  // namespace
}  // namespace redlockd::engine
