#include "daemon/state/codec.h"

#include <gtest/gtest.h>

namespace redlockd::state {
namespace {

using namespace std::chrono_literals;
using engine::Time;

const engine::record::Joint kJoint{
    .locks = {"k", "l"},
    .parts = {{.lock = "l", .fence = 3, .kept = 2s, .has_failed = true, .text = "why"}}};

// Each field has a value that is not its default.
Image Full() {
  Image image{.terms = {"node a", "max_ttl 5"}};
  image.engine = {.instance = "i1",
                  .last_attempt = 7,
                  .saved = Time(5s),
                  .nodes = {{.run_id = "r",
                             .policy = "noeviction",
                             .evicted_keys = 4,
                             .id = "n",
                             .set = "1:n",
                             .count = 9,
                             .counted = "r",
                             .suspected = 1,
                             .doubted_until = Time(6s),
                             .clock = engine::record::Clock{-5, 9, Time(4s)}}},
                  .sessions = {{.id = 1,
                                .uid = 1000,
                                .pid = -3,
                                .within = 2,
                                .input_ended = true,
                                .watches = {"x", ""},
                                .losses = {{1, "x", 5, engine::LossReason::kBroken}}}},
                  .locks = {},
                  .releases = {{.attempt = 2,
                                .lock = "y",
                                .leave = true,
                                .nodes = 5,
                                .gone_by = Time(8s),
                                .asker = engine::record::Asker{1, 2, 3},
                                .is_news = true}},
                  .queries = {{.kind = engine::record::Query::Kind::kBreak,
                               .session = 1,
                               .request = 4,
                               .name = "z",
                               .owner = "o",
                               .at_once = true}}};
  engine::record::Lock held{.name = "x",
                            .known_fence = 4,
                            .want = {.stamp = 5, .greatest = 6, .entries = 7},
                            .cooldown = Time(9s),
                            .owes_cooldown = true,
                            .was_wanted = true};
  held.lease = {.attempt = 6,
                .ttl = 3s,
                .longest_ttl = 4s,
                .may_have = 7,
                .broken = 1,
                .promises = {Time(7s), Time::min()},
                .announced = Time(7s),
                .next = 3,
                .last = 64,
                .since = Time(1s),
                .wanted = true,
                .queued_for = true,
                .owes_cooldown = true,
                .shared = true,
                .owed = Time(8s)};
  held.hold = {.session = 1,
               .task_number = 2,
               .task_session = 1,
               .fence = 2,
               .note = std::string("\0\n", 2),
               .granted = Time(2s),
               .deadline = Time(7s),
               .ends_at = Time::max(),
               .kept_until = Time(3s),
               .renewed_events = true,
               .wanted_events = true,
               .jeopardy = true,
               .audited = true};
  held.waits = {{.session = 1,
                 .request = 5,
                 .since = Time(3s),
                 .until = Time(8s),
                 .is_try = true,
                 .ttl = 2s,
                 .max_hold = 5s,
                 .min_hold = 1s,
                 .note = "m",
                 .renewed_events = true,
                 .wanted_events = true,
                 .task_number = 3,
                 .task_session = 1,
                 .for_holder = true,
                 .asked = true,
                 .out_of_time = true,
                 .shared = true}};
  held.others = {{.session = 2, .fence = 3, .deadline = Time(7s), .moved_back = true}};
  engine::record::Lock kept{.name = "k"};
  kept.kept = {.uid = 1000,
               .fence = 4,
               .until = Time(9s),
               .secured = true,
               .asker = engine::record::Asker{4, 5, 6, kJoint}};
  image.engine.locks = {held, kept};
  image.engine.sets = {{.number = 4,
                        .names = {"x", "k"},
                        .wait = held.waits.front(),
                        .want = {.stamp = 5, .greatest = 6, .entries = 7}}};
  image.engine.last_set = 5;
  image.engine.last_set_stamp = 6;
  image.engine.names = {.seed = 7,
                        .bits = {1, ~std::uint64_t{0}},
                        .capacity = 64,
                        .added = 2,
                        .ends = Time(9s),
                        .users = {{.uid = 1000, .full_at = Time(8s)}}};
  image.engine.quotas = {{.prefix = "jobs/", .full_at = Time(7s)}};
  image.sessions.last_id = 9;
  image.sessions.clients = {
      {.id = 1,
       .pid = 12,
       .uid = 1000,
       .groups = {4, 5},
       .admin = true,
       .command = "sh",
       .input = "lo",
       .drops_line = true,
       .output = "OK\n",
       .leaving = true,
       .first_line = false,
       .input_ended = true,
       .reported_input_end = true,
       .last_request = 8,
       .requests = {{5, "t", "x", true, 2, {"y"}, true, true}},
       .owners = {{2, "o", true}},
       .queue = {{"what", true, "bad-request", "u"}},
       .listings = {{6, "v", "b", 1, 2, 3}},
       .unread_watches = 1,
       .missed_watches = 2,
       .page = {{.holds = {{2, "x", 7, 251, true}}, .last_use = 9, .sent_with = 1}}}};
  return image;
}

std::string WhyNot(std::string_view bytes) {
  const auto read = Decode(bytes);
  const auto* why = std::get_if<std::string>(&read);
  return why ? *why : "";
}

TEST(CodecTest, ReadsWhatItWrote) {
  EXPECT_EQ(std::get<Image>(Decode(Encode(Full()))), Full());
  EXPECT_EQ(std::get<Image>(Decode(Encode(Image()))), Image());
}

// The memory file may be longer than what stands in it.
TEST(CodecTest, WhatFollowsIsNotRead) {
  EXPECT_EQ(std::get<Image>(Decode(Encode(Full()) + "more")), Full());
}

TEST(CodecTest, TellsWhatIsTorn) {
  const std::string bytes = Encode(Full());
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_NE(WhyNot(bytes.substr(0, size)), "") << size;
  }
}

TEST(CodecTest, TellsEachByteThatChanged) {
  const std::string bytes = Encode(Full());
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    std::string changed = bytes;
    changed[i] ^= 0x10;
    EXPECT_NE(WhyNot(changed), "") << i;
  }
}

TEST(CodecTest, TellsWhatIsForeignAndWhatIsNewer) {
  EXPECT_EQ(WhyNot(""), "it is no state of redlockd");
  EXPECT_EQ(WhyNot(std::string(100, 'x')), "it is no state of redlockd");
  std::string newer = Encode(Full());
  newer[8] = 3;
  EXPECT_EQ(WhyNot(newer), "it has version 3, expected 1 or 2");
}

// Who knows no shared locks would take one for the lock of one holder, and hand it to a writer.
TEST(CodecTest, OnlyWhatIsSharedNeedsTheNewerVersion) {
  Image image;
  engine::record::Lock lock{.name = "a"};
  lock.lease.emplace();
  lock.waits.emplace_back();
  image.engine.locks = {lock};
  EXPECT_EQ(Encode(image)[8], 1);
  image.engine.locks[0].lease->shared = true;
  EXPECT_EQ(Encode(image)[8], 2);
  image.engine.locks[0].lease->shared = false;
  image.engine.locks[0].waits[0].shared = true;
  EXPECT_EQ(Encode(image)[8], 2);
  EXPECT_EQ(std::get<Image>(Decode(Encode(image))), image);
}

}  // namespace
}  // namespace redlockd::state
