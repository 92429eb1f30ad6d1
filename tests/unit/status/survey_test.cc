#include "daemon/status/survey.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <tuple>

namespace redlockd::status {
namespace {

using namespace std::chrono_literals;
using engine::HoldView;
using engine::KeptView;
using engine::RowView;
using engine::WaitView;
using testing::ElementsAre;
using testing::IsEmpty;

engine::RowPlace PlaceOf(const RowView& row) {
  if (const auto* wait = std::get_if<WaitView>(&row)) return {wait->name, wait->place};
  if (const auto* hold = std::get_if<HoldView>(&row)) return {hold->name, 0, hold->place};
  return {std::visit([](const auto& view) { return view.name; }, row), 0};
}

class SurveyTest : public testing::Test {
 protected:
  SurveyTest()
      : survey_({.rows = [this](const auto& from, std::size_t most) { return Rows(from, most); },
                 .may_show = [](std::string_view name) { return !name.starts_with("secret/"); },
                 .client_of = [this](engine::SessionId session) -> std::optional<Client> {
                   ++looked_up_;
                   if (session == kGone) return std::nullopt;
                   return Client{static_cast<pid_t>(session), 1000, "job"};
                 }}) {}

  // As an engine does it.
  std::vector<RowView> Rows(const engine::RowPlace& from, std::size_t most) {
    std::vector<RowView> rows;
    for (const RowView& row : rows_) {
      const engine::RowPlace at = PlaceOf(row);
      if (std::tie(at.name, at.place, at.hold) < std::tie(from.name, from.place, from.hold))
        continue;
      if (rows.size() == most) break;
      rows.push_back(row);
    }
    asked_ += rows.size();
    return rows;
  }
  void AddHold(const std::string& name, engine::SessionId session = 1, engine::Duration held = 1s) {
    rows_.push_back(HoldView{.name = name,
                             .session = session,
                             .fence = 1,
                             .granted = now_ - held,
                             .deadline = now_ + 1s,
                             .ttl = 1s,
                             .votes = 3,
                             .jeopardy = false,
                             .note = "its own affair"});
  }
  void AddWaits(const std::string& name, std::size_t count, engine::Duration longest = 1s) {
    for (std::size_t place = 1; place <= count; ++place) {
      rows_.push_back(WaitView{.name = name,
                               .session = 100 + place,
                               .since = now_ - longest + std::chrono::milliseconds(place - 1),
                               .until = std::nullopt,
                               .place = place,
                               .note = "its own affair"});
    }
  }
  const Findings& Walk() {
    survey_.Begin(now_);
    while (survey_.is_under_way()) survey_.GoOn();
    return *survey_.last();
  }
  static std::vector<std::string> Names(const auto& found) {
    std::vector<std::string> names;
    for (const auto& each : found) names.push_back(each.name);
    return names;
  }

  static constexpr engine::SessionId kGone = 7;
  engine::Time now_{1000s};
  std::vector<RowView> rows_;  // in order
  std::size_t asked_ = 0;      // rows
  std::size_t looked_up_ = 0;
  Survey survey_;
};

TEST_F(SurveyTest, OfNothingFindsNothing) {
  EXPECT_FALSE(survey_.last());
  const Findings& found = Walk();
  EXPECT_THAT(found.hot, IsEmpty());
  EXPECT_THAT(found.waits, IsEmpty());
  EXPECT_EQ(found.began, now_);
}

TEST_F(SurveyTest, TheHottestHasTheLongestLine) {
  AddHold("a");
  AddHold("b", 5, 3s);
  AddWaits("b", 2, 5s);
  AddWaits("c", 3, 1s);
  AddHold("d");
  AddWaits("d", 2, 9s);
  const Findings& found = Walk();
  EXPECT_THAT(Names(found.hot), ElementsAre("c", "d", "b")) << "a has no line";
  EXPECT_EQ(found.hot[0].waiting, 3u);
  EXPECT_FALSE(found.hot[0].is_held);
  EXPECT_FALSE(found.hot[0].holder);
  EXPECT_EQ(found.hot[2].longest_wait, 5s);
  EXPECT_TRUE(found.hot[2].is_held);
  EXPECT_EQ(found.hot[2].held, 3s);
  ASSERT_TRUE(found.hot[2].holder);
  EXPECT_EQ(found.hot[2].holder->pid, 5);
  EXPECT_EQ(found.hot[2].holder->command, "job");
}

TEST_F(SurveyTest, TheLongestWaitsComeFirst) {
  AddWaits("a", 2, 1s);
  AddWaits("b", 1, 3s);
  const Findings& found = Walk();
  EXPECT_THAT(Names(found.waits), ElementsAre("b", "a", "a"));
  EXPECT_EQ(found.waits[0].waited, 3s);
  EXPECT_EQ(found.waits[1].place, 1u);
  EXPECT_EQ(found.waits[2].place, 2u);
}

TEST_F(SurveyTest, AHolderMayBeGone) {
  AddHold("a", kGone);
  AddWaits("a", 1);
  const Findings& found = Walk();
  EXPECT_TRUE(found.hot.at(0).is_held);
  EXPECT_FALSE(found.hot.at(0).holder);
}

TEST_F(SurveyTest, ALockThatIsKeptHasNoHolder) {
  rows_.push_back(KeptView{.name = "a", .fence = 3, .until = now_ + 1s});
  AddWaits("a", 1);
  EXPECT_FALSE(Walk().hot.at(0).is_held);
}

TEST_F(SurveyTest, WhatNotEverybodyMaySeeIsCounted) {
  AddHold("public");
  AddWaits("public", 1);
  AddHold("secret/a");
  AddWaits("secret/a", 2);
  const Findings& found = Walk();
  EXPECT_THAT(Names(found.hot), ElementsAre("public"));
  EXPECT_THAT(Names(found.waits), ElementsAre("public"));
  EXPECT_EQ(found.hidden, 3u);
  EXPECT_EQ(Walk().hidden, 3u) << "each walk counts anew";
}

// Whatever there is, a portion is no more than this, and what is kept is no more than what is shown.
TEST_F(SurveyTest, APortionIsBounded) {
  constexpr std::size_t kPortion = Survey::kRows * Survey::kBatches;
  for (int i = 1000; i < 1000 + 400; ++i) {
    const std::string name = "x" + std::to_string(i);
    AddHold(name);
    AddWaits(name, 2, std::chrono::seconds(i));
  }
  survey_.Begin(now_);
  std::size_t portions = 0;
  while (survey_.is_under_way()) {
    EXPECT_FALSE(survey_.last()) << "not before its end";
    asked_ = 0;
    survey_.GoOn();
    EXPECT_LE(asked_, kPortion);
    ++portions;
  }
  EXPECT_EQ(portions, 1200 / kPortion + 1);
  const Findings& found = *survey_.last();
  EXPECT_EQ(found.hot.size(), Survey::kShown);
  EXPECT_EQ(found.waits.size(), Survey::kShown);
  EXPECT_EQ(found.hot[0].name, "x1399");
  EXPECT_EQ(found.waits.back().name, "x1395");
}

// One line is longer than a portion: its waiters are counted in several.
TEST_F(SurveyTest, ALineMayBeLongerThanAPortion) {
  AddHold("a");
  AddWaits("a", 1000, 100s);
  AddWaits("b", 1);
  const Findings& found = Walk();
  EXPECT_EQ(found.hot.at(0).waiting, 1000u);
  EXPECT_EQ(found.hot.at(0).longest_wait, 100s);
  EXPECT_TRUE(found.hot.at(0).is_held);
  EXPECT_EQ(looked_up_, Survey::kShown + 1) << "clients of rows that are shown alone";
}

TEST_F(SurveyTest, TheLastFindingsStayUntilTheNextWalkIsOver) {
  AddWaits("a", 1);
  Walk();
  rows_.clear();
  survey_.Begin(now_);
  EXPECT_THAT(Names(survey_.last()->hot), ElementsAre("a"));
  survey_.GoOn();
  EXPECT_THAT(survey_.last()->hot, IsEmpty());
}

// Else those that are passed last seem to have waited longest.
TEST_F(SurveyTest, DurationsAreAsOfTheBeginning) {
  AddWaits("a", 1, 5s);
  for (int i = 100; i < 700; ++i) AddHold("x" + std::to_string(i));
  AddWaits("y", 1, 3s);
  now_ += 100s;
  rows_.push_back(WaitView{
      .name = "z", .session = 1, .since = now_, .until = std::nullopt, .place = 1, .note = ""});
  now_ -= 100s;
  const Findings& found = Walk();
  EXPECT_THAT(Names(found.waits), ElementsAre("a", "y", "z"));
  EXPECT_EQ(found.waits[0].waited, 5s);
  EXPECT_EQ(found.waits[2].waited, 0s);
}

TEST_F(SurveyTest, WhatComesAndGoesMeanwhileDoesNoHarm) {
  for (int i = 100; i < 700; ++i) AddHold("x" + std::to_string(i));
  survey_.Begin(now_);
  survey_.GoOn();
  rows_.erase(rows_.begin() + 250, rows_.begin() + 260);
  survey_.GoOn();
  rows_.clear();
  AddWaits("y", 1);
  while (survey_.is_under_way()) survey_.GoOn();
  EXPECT_THAT(Names(survey_.last()->hot), ElementsAre("y"));
}

}  // namespace
}  // namespace redlockd::status
