#include "daemon/status/json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace redlockd::status {
namespace {

using namespace std::chrono_literals;
using Json = nlohmann::json;

class JsonTest : public testing::Test {
 protected:
  JsonTest() {
    now_.version = "1.2.3";
    now_.sessions = 3;
    now_.sessions_limit = 8;
    now_.majority = 2;
    now_.counters.holds = 5;
    now_.counters.waits = 4;
    now_.addresses = {"a:1", "b:1"};
    now_.nodes = {{.node = 0, .state = engine::NodeState::kUp, .text = "", .round_trip = 250us},
                  {.node = 1,
                   .state = engine::NodeState::kQuarantine,
                   .text = "restarted",
                   .ready_in = 1500ms,
                   .clock_off = -2s}};
    details_.host = "hosta";
    details_.at = "2026-11-29T07:00:00Z";
    details_.started = "2026-11-29T06:00:00Z";
    details_.now = engine::Time(1000s);
    details_.timeline = &timeline_;
  }
  Json Parsed() const { return Json::parse(ToJson(now_, details_)); }

  metrics::Snapshot now_;
  Timeline timeline_;
  Details details_;
};

TEST_F(JsonTest, HasTheDaemonAndItsNodes) {
  const Json json = Parsed();
  EXPECT_EQ(json["version"], "1.2.3");
  EXPECT_EQ(json["host"], "hosta");
  EXPECT_EQ(json["at"], "2026-11-29T07:00:00Z");
  EXPECT_EQ(json["started"], "2026-11-29T06:00:00Z");
  EXPECT_EQ(json["draining"], false);
  EXPECT_EQ(json["nodes_up"], 1);
  EXPECT_EQ(json["nodes_needed"], 2);
  EXPECT_EQ(json["sessions"], 3);
  EXPECT_EQ(json["sessions_limit"], 8);
  EXPECT_EQ(json["holds"], 5);
  EXPECT_EQ(json["waits"], 4);
  EXPECT_EQ(json["nodes"][0], Json::parse(R"({"node": 1, "address": "a:1", "state": "up",
      "why": "", "round_trip_seconds": 0.00025})"));
  EXPECT_EQ(json["nodes"][1], Json::parse(R"({"node": 2, "address": "b:1", "state": "quarantine",
      "why": "restarted", "clock_offset_seconds": -2.0, "quarantine_seconds": 1.5})"));
}

TEST_F(JsonTest, HasTheQuotasOfRules) {
  EXPECT_EQ(Parsed()["quotas"], Json::array());
  now_.quotas = {
      {.prefix = "batch/", .kind = engine::QuotaKind::kWaits, .most = 5, .used = 2, .refused = 1},
      {.prefix = "batch/",
       .kind = engine::QuotaKind::kNewNames,
       .most = 7,
       .used = 0,
       .refused = 0}};
  EXPECT_EQ(Parsed()["quotas"], Json::parse(R"([
      {"rule": "batch/", "quota": "waits", "limit": 5, "refused": 1, "used": 2},
      {"rule": "batch/", "quota": "new_names", "limit": 7, "refused": 0}])"));
}

TEST_F(JsonTest, HasNoLocksBeforeTheyWereLookedAt) {
  EXPECT_TRUE(Parsed()["locks"].is_null());
  details_.findings = Findings{.began = engine::Time(998s), .hot = {}, .waits = {}, .hidden = 3};
  EXPECT_EQ(Parsed()["locks"],
            Json::parse(R"({"age_seconds": 2.0, "hot": [], "waits": [], "hidden": 3})"));
}

TEST_F(JsonTest, HasLocksWaitsAndLosses) {
  details_.findings = Findings{.began = engine::Time(1000s),
                               .hot = {{.name = "x",
                                        .waiting = 2,
                                        .longest_wait = 1500ms,
                                        .is_held = true,
                                        .held = 3s,
                                        .holder = Client{7, 1000, "job"}},
                                       {.name = "y", .waiting = 1, .longest_wait = 1s}},
                               .waits = {{.name = "x", .waited = 1500ms, .place = 1}},
                               .hidden = 0};
  details_.losses = {{.at = "2026-11-29T06:59:00Z",
                      .name = "z",
                      .fence = 9007199254740993,
                      .reason = "expired",
                      .client = Client{8, 0, ""}}};
  details_.hidden_losses = 2;
  const Json json = Parsed();
  EXPECT_EQ(json["locks"]["hot"], Json::parse(R"([
      {"lock": "x", "waiting": 2, "longest_wait_seconds": 1.5, "held_here": true,
       "held_seconds": 3.0, "holder": {"uid": 1000, "pid": 7, "command": "job"}},
      {"lock": "y", "waiting": 1, "longest_wait_seconds": 1.0, "held_here": false}])"));
  EXPECT_EQ(json["locks"]["waits"], Json::parse(R"([
      {"lock": "x", "waited_seconds": 1.5, "place": 1, "client": null}])"));
  EXPECT_EQ(json["losses"], Json::parse(R"([
      {"at": "2026-11-29T06:59:00Z", "lock": "z", "fence": "9007199254740993",
       "reason": "expired", "client": {"uid": 0, "pid": 8, "command": ""}}])"));
  EXPECT_EQ(json["hidden_losses"], 2);
}

TEST_F(JsonTest, HasASeriesOfEachKindWithItsGaps) {
  Timeline::Now seen{.counters = {.holds = 3}, .sessions = 2, .nodes_up = 1};
  timeline_.Look(engine::Time(0s), seen);
  seen.counters.grants = 5;
  timeline_.Look(engine::Time(12s), seen);
  const Json timeline = Parsed()["timeline"];
  EXPECT_EQ(timeline["step_seconds"], 5.0);
  EXPECT_EQ(timeline["steps"], 120);
  EXPECT_EQ(timeline["grants"], Json::parse("[5, null]"));
  EXPECT_EQ(timeline["refusals"], Json::parse("[0, null]"));
  EXPECT_EQ(timeline["lost"], Json::parse("[0, null]"));
  EXPECT_EQ(timeline["holds"], Json::parse("[3, null]"));
  EXPECT_EQ(timeline["waits"], Json::parse("[0, null]"));
  EXPECT_EQ(timeline["sessions"], Json::parse("[2, null]"));
  EXPECT_EQ(timeline["nodes_up"], Json::parse("[1, null]"));
}

TEST_F(JsonTest, WhateverANameIsItIsAsciiTextThatReadsBack) {
  struct Row {
    std::string name;
    std::string shown;
  };
  for (const Row& row : {
           Row{R"(a"b\c)", R"(a"b\c)"},
           Row{"</script><script>alert(1)</script>", "</script><script>alert(1)</script>"},
           Row{"\xc3\xa9", "\xc3\xa9"},
           Row{"a\x1b[31m\n", "a\\x1B[31m\\x0A"},
           Row{"\xe2\x80\xae", "\\xE2\\x80\\xAE"},  // turns the direction
           Row{"\xff\xfe", "\\xFF\\xFE"},
       }) {
    details_.losses = {{.at = "", .name = row.name, .reason = "expired"}};
    details_.losses[0].client = Client{1, 1, row.name};
    const std::string text = ToJson(now_, details_);
    EXPECT_TRUE(std::all_of(text.begin(), text.end(), [](char c) { return c == '\n' || c >= ' '; }))
        << row.shown;
    EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1) << row.shown;
    const Json loss = Json::parse(text)["losses"][0];
    EXPECT_EQ(loss["lock"], row.shown);
    EXPECT_EQ(loss["client"]["command"], row.shown);
  }
}

}  // namespace
}  // namespace redlockd::status
