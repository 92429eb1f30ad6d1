#include "daemon/app/status_page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <regex>

#include "daemon/host/facts.h"

namespace redlockd::app {
namespace {

using namespace std::chrono_literals;
using event::HttpServer;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

// An engine with nothing but rows.
class FakePort : public session::EnginePort {
 public:
  void Post(engine::Event) override {}
  void Settle() override {}
  engine::Time Now() const override { return now; }
  std::vector<engine::RowView> Rows(const engine::RowPlace& from, std::size_t most) const override {
    std::vector<engine::RowView> some;
    for (const engine::WaitView& wait : waits) {
      if (std::pair(wait.name, wait.place) < std::pair(from.name, from.place)) continue;
      if (some.size() < most) some.push_back(wait);
    }
    rows_asked += some.size();
    return some;
  }
  engine::SessionUse UseOf(engine::SessionId) const override { return {}; }
  std::vector<engine::NodeView> Nodes() const override { return {}; }
  engine::Counters Counters() const override { return counters; }
  session::Status Status() const override {
    session::Status status;
    status.started = "2026-11-29T06:00:00Z";
    return status;
  }
  void Reload(engine::SessionId) override {}
  void OnDenied(engine::SessionId, std::string_view, const std::string&) override {}

  engine::Time now{1000s};
  std::vector<engine::WaitView> waits;
  engine::Counters counters;
  mutable std::size_t rows_asked = 0;
};

metrics::Snapshot Now() {
  metrics::Snapshot now;
  now.version = "1.2.3";
  return now;
}

class StatusPageTest : public testing::Test {
 protected:
  void AddWaits(const std::string& name, std::size_t count) {
    for (std::size_t place = 1; place <= count; ++place) {
      port_.waits.push_back({.name = name,
                             .session = 1,
                             .since = port_.now - 1s,
                             .until = std::nullopt,
                             .place = place,
                             .note = ""});
    }
  }
  HttpServer::Page Get(const std::string& path, const std::string& host = "") {
    const auto page = page_.Answer({.path = path, .host = host});
    EXPECT_TRUE(page) << path;
    return page.value_or(HttpServer::Page{});
  }
  // Not one that is shown again.
  std::string FreshJson() {
    port_.now += 1s;
    return Get("/status.json").body;
  }
  void Lose(const std::string& name, engine::SessionId session = 1) {
    page_.OnNotice({.session = session,
                    .notice = {.kind = engine::Notice::Kind::kLost,
                               .name = name,
                               .fence = 5,
                               .reason = engine::LossReason::kMaxHold}});
  }

  event::Loop loop_;
  FakePort port_;
  session::Peer peer_;
  std::string hidden_ = "secret/";
  StatusPage page_{
      loop_,
      port_,
      {.look = Now,
       .peer_of = [this](engine::SessionId session) -> const session::Peer* {
         return session == 1 ? &peer_ : nullptr;
       },
       .may_show = [this](std::string_view lock) { return !lock.starts_with(hidden_); }}};
};

TEST_F(StatusPageTest, ServesItsPartsAndNothingElse) {
  for (const char* path : {"/", "/status", "/status.html"}) {
    EXPECT_THAT(Get(path).body, StartsWith("<!DOCTYPE html>")) << path;
    EXPECT_THAT(Get(path).policy, HasSubstr("script-src 'self'")) << path;
  }
  EXPECT_THAT(Get("/status.js").type, StartsWith("text/javascript"));
  EXPECT_THAT(Get("/status.css").type, StartsWith("text/css"));
  EXPECT_EQ(Get("/status.json").type, "application/json");
  EXPECT_THAT(Get("/status.json").policy, StartsWith("default-src 'none'; frame-ancestors"));
  for (const char* path :
       {"", "/metrics", "/status.json/", "//status.json", "/x", "/../status.js"}) {
    EXPECT_FALSE(page_.Answer({.path = path, .host = ""})) << path;
  }
}

// Else a page from elsewhere could have a browser on this host read what is here, by a name of its own
// that leads here.
TEST_F(StatusPageTest, IsReadUnderItsOwnNamesAlone) {
  AddWaits("x", 1);
  EXPECT_THAT(Get("/status.json", "127.0.0.1:9411").body, HasSubstr("\"x\""));
  const HttpServer::Page refused = Get("/status.json", "evil.example:9411");
  EXPECT_EQ(refused.status, "421 Misdirected Request");
  EXPECT_THAT(refused.body, Not(HasSubstr("\"x\"")));
}

TEST(IsOwnName, TakesAddressesAndTheHostsName) {
  for (const char* host : {"", "127.0.0.1", "127.0.0.1:9411", "10.0.0.7:80", "[::1]:9411", "[::1]",
                           "localhost", "LocalHost:9411", "hosta", "HostA:9411"}) {
    EXPECT_TRUE(IsOwnName(host, "HOSTA")) << host;
  }
  for (const char* host :
       {"evil.example", "evil.example:9411", "localhost.evil.example", "hosta.evil.example:9411",
        "127.0.0.1.evil.example", "[::1", "[evil.example]:9411", ":9411", " ", "a b", "hostab"}) {
    EXPECT_FALSE(IsOwnName(host, "HOSTA")) << host;
  }
}

TEST_F(StatusPageTest, OfFewLocksTheFirstAnswerHasAll) {
  AddWaits("x", 3);
  EXPECT_THAT(Get("/status.json").body, HasSubstr(R"({"lock":"x","waiting":3,)"));
}

TEST_F(StatusPageTest, OverManyLocksItWalksTurnByTurn) {
  for (int i = 10'000; i < 12'000; ++i) AddWaits("x" + std::to_string(i), 1);
  EXPECT_THAT(Get("/status.json").body, HasSubstr("\"locks\":null"));
  const std::size_t portion = port_.rows_asked;
  EXPECT_EQ(portion, status::Survey::kRows * status::Survey::kBatches);
  FreshJson();
  EXPECT_EQ(port_.rows_asked, portion) << "who asks meanwhile does not hurry it";
  std::size_t turns = 0;
  std::size_t before = portion;
  ASSERT_TRUE(loop_.RunUntil(
      [&] {
        EXPECT_LE(port_.rows_asked - before, portion);
        turns += port_.rows_asked > before ? 1 : 0;
        before = port_.rows_asked;
        return port_.rows_asked >= 2000;
      },
      10s));
  EXPECT_GE(turns, 2000 / portion - 1);
  EXPECT_THAT(FreshJson(), HasSubstr(R"("waiting":1)"));
}

TEST_F(StatusPageTest, BetweenLongWalksThereIsTimeForOthers) {
  for (int i = 10'000; i < 11'000; ++i) AddWaits("x" + std::to_string(i), 1);
  FreshJson();
  port_.now += 2s;
  ASSERT_TRUE(loop_.RunUntil([&] { return port_.rows_asked == 1000; }, 10s));
  for (int seconds = 0; seconds < 17; ++seconds) FreshJson();
  EXPECT_EQ(port_.rows_asked, 1000u) << "it took 2 s";
  for (int seconds = 0; seconds < 2; ++seconds) FreshJson();
  EXPECT_GT(port_.rows_asked, 1000u);
}

TEST_F(StatusPageTest, ARuleThatIsNewCountsForAnOldWalk) {
  for (int i = 10'000; i < 11'000; ++i) AddWaits("x" + std::to_string(i), 1);
  FreshJson();
  port_.now += 2s;
  ASSERT_TRUE(loop_.RunUntil([&] { return port_.rows_asked == 1000; }, 10s));
  EXPECT_THAT(FreshJson(), HasSubstr("\"x10000\""));
  hidden_ = "x1000";
  EXPECT_THAT(FreshJson(), Not(HasSubstr("\"x1000")));
}

// However many ask, and however often.
TEST_F(StatusPageTest, WhatIsYoungIsShownAgain) {
  AddWaits("x", 1);
  const std::string first = Get("/status.json").body;
  const std::size_t asked = port_.rows_asked;
  AddWaits("y", 1);
  EXPECT_EQ(Get("/status.json").body, first);
  EXPECT_EQ(port_.rows_asked, asked);
  EXPECT_THAT(FreshJson(), HasSubstr(R"("lock":"y")"));
}

TEST_F(StatusPageTest, LocksThatRulesKeepFromSomeAreNotNamed) {
  AddWaits("public", 1);
  AddWaits("secret/x", 1);
  Lose("secret/y");
  const std::string json = Get("/status.json").body;
  EXPECT_THAT(json, AllOf(HasSubstr("\"public\""), Not(HasSubstr("secret/")),
                          HasSubstr("\"hidden\":1"), HasSubstr("\"hidden_losses\":1")));
  hidden_ = "public";
  EXPECT_THAT(FreshJson(),
              AllOf(HasSubstr("secret/x"), HasSubstr("secret/y"), Not(HasSubstr("\"public\""))));
}

TEST_F(StatusPageTest, RemembersTheLastLosses) {
  peer_.uid = 1000;
  peer_.pid = 42;
  peer_.command = "job";
  Lose("first");
  Lose("second", 2);
  page_.OnNotice(
      {.session = 1,
       .notice = {.kind = engine::Notice::Kind::kJeopardy, .name = "none", .text = "t"}});
  std::string json = Get("/status.json").body;
  EXPECT_LT(json.find("\"second\""), json.find("\"first\"")) << "the newest first";
  EXPECT_THAT(json, HasSubstr(R"("lock":"first","fence":"5","reason":"max-hold",)"
                              R"("client":{"uid":1000,"pid":42,"command":"job"})"));
  EXPECT_THAT(json, HasSubstr(R"("lock":"second","fence":"5","reason":"max-hold","client":null)"));
  EXPECT_THAT(json, Not(HasSubstr("\"none\"")));
  for (std::size_t i = 0; i < StatusPage::kLosses; ++i) Lose("more");
  json = FreshJson();
  EXPECT_THAT(json, Not(HasSubstr("\"first\"")));
  const std::regex more("\"more\"");
  EXPECT_EQ(static_cast<std::size_t>(std::distance(
                std::sregex_iterator(json.begin(), json.end(), more), std::sregex_iterator())),
            StatusPage::kLosses);
}

TEST_F(StatusPageTest, HasATimeline) {
  page_.Tick(3, 2);
  port_.counters.grants = 7;
  port_.now += 5s;
  page_.Tick(4, 2);
  EXPECT_THAT(Get("/status.json").body,
              AllOf(HasSubstr("\"grants\":[7]"), HasSubstr("\"sessions\":[4]"),
                    HasSubstr("\"nodes_up\":[2]")));
}

TEST_F(StatusPageTest, NamesTheHostAndTheDaemon) {
  EXPECT_THAT(Get("/status.json").body,
              AllOf(HasSubstr("\"version\":\"1.2.3\""), HasSubstr("2026-11-29T06:00:00Z"),
                    HasSubstr("\"host\":\"" + host::HostName() + "\"")));
}

}  // namespace
}  // namespace redlockd::app
