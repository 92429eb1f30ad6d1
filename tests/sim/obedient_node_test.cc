#include "tests/unit/engine/obedient_node.h"

#include <gtest/gtest.h>

#include <array>
#include <map>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "daemon/engine/owner_value.h"
#include "daemon/redis/command.h"
#include "daemon/redis/hint.h"
#include "tests/sim/fake_node.h"

// The node of the engine's unit tests is written in C++, so that a test can read what it has. Here
// it is held to the scripts: the same random questions get the same answers from both. FakeNode runs
// the scripts, and tests/contract holds it to real servers.
namespace redlockd::sim {
namespace {

using namespace std::chrono_literals;
using engine::Duration;

// Times are such that nothing ends in the very millisecond in which it is looked at: a node that
// counts milliseconds and one that counts microseconds may differ there.
engine::Timing SmallTiming() {
  engine::Timing timing;
  timing.max_ttl = 401ms;
  timing.fence_window = 100ms;
  timing.fence_life = 501ms;
  timing.retry_interval = 40ms;
  return timing;
}

redis::SetOptions SetOf(const engine::Timing& timing) {
  return {.key_prefix = "",
          .max_ttl = timing.max_ttl,
          .fence_window = timing.fence_window,
          .fence_life = timing.fence_life,
          .quarantine = timing.Quarantine(),
          .retry_interval = timing.retry_interval,
          .max_interval = timing.MaxInterval(),
          .first_poll = timing.FirstPoll()};
}

class TwoNodes {
 public:
  explicit TwoNodes(std::uint32_t seed) : random_(seed) {
    Both(engine::ProbeOp{.node_id = "node", .set = "set"});
    Both(engine::TrustOp{});
    scripted_.SetListeners([this](std::string_view channel) {
      return Hears(std::string(channel.substr(channel.rfind(':') + 1))) ? 1 : 0;
    });
  }

  // Asks both for something after a while.
  void Turn() {
    now_ += 2ms * Below(Below(3) == 0 ? 60 : 5);
    if (Below(8) == 0) {
      const std::string instance = Instance();
      if (obedient_.hears_nothing.erase(instance) == 0) obedient_.hears_nothing.insert(instance);
    }
    Both(Question());
  }
  // How often each hint was published, and each verdict given, by both.
  const std::map<std::string, int>& met() const { return met_; }

 private:
  std::uint32_t Below(std::uint32_t bound) { return static_cast<std::uint32_t>(random_() % bound); }

  std::string Instance() { return std::string("abcdefg").substr(Below(7), 1); }
  std::string Owner() { return Instance() + ":" + std::to_string(1 + Below(3)) + ":h"; }
  // Mostly who has the lock, or had it until that was broken.
  std::string OwnerOf(const std::string& lock) {
    const auto owner = obedient_.OwnerOf(engine::Time(now_), lock);
    return owner && Below(4) != 0 && (*owner != engine::kSharedValue || Below(8) == 0)
               ? std::string(engine::WithoutKept(*owner))
               : Owner();
  }
  bool Hears(const std::string& instance) { return !obedient_.hears_nothing.contains(instance); }
  // Mostly of a moment ago, often the same, seldom near the farthest that counts.
  engine::Stamp Stamp() {
    if (Below(20) != 0) return engine::kNodeEpoch + Below(20);
    return obedient_.Clock(engine::Time(now_)) + 599'000'000 + 100'000 * Below(20);
  }
  // A fence near the clock, or a little too far ahead.
  engine::Fence Proposal() {
    return obedient_.Clock(engine::Time(now_)) - 150'000 + Below(300'000);
  }

  engine::NodeOp Question() {
    constexpr std::array kQueueings = {engine::Queueing::kNone,   engine::Queueing::kIfRefused,
                                       engine::Queueing::kAlways, engine::Queueing::kStand,
                                       engine::Queueing::kStand,  engine::Queueing::kIgnore};
    constexpr std::array<Duration, 3> kTtls = {101ms, 203ms, 401ms};
    const std::string lock = Below(4) == 0 ? "y" : "x";
    switch (Below(26)) {
      case 0:
        return engine::ConfirmOp{lock, Owner(), Proposal(), Below(2) == 0 ? 64 : 1};
      case 1:
      case 2:
        return engine::RenewOp{lock, Owner(), kTtls.at(Below(3))};
      case 3:
      case 4:
      case 5:
        return engine::ReleaseOp{lock, Owner(), Below(2) == 0};
      case 6:
        if (Below(3) == 0) return NameHolder();
        return engine::InspectOp{lock, Instance(), 1 + Below(100)};
      case 7:
        return engine::BreakOp{lock, OwnerOf(lock), Below(3) == 0, kTtls.at(0)};
      case 8:
        if (Below(4) == 0) return engine::SuspectOp{};
        return engine::TrustOp{};
      case 9:
      case 10:
        return Claim();
      case 11:
        return engine::RaiseOp{lock, Owner(), Proposal()};
      case 12:
      case 13:
      case 14:
      case 15:
      case 16:
      case 17:
        return engine::ShareOp{.lock = lock,
                               .owner = Owner(),
                               .ttl = kTtls.at(Below(3)),
                               .proposal = Proposal(),
                               .queueing = kQueueings.at(Below(kQueueings.size())),
                               .stamp = Stamp(),
                               .grace = Below(2) == 0 ? 21ms : 51ms,
                               .most_life = Below(4) == 0 ? 101ms : engine::kNoExpiry};
      default:
        return engine::AcquireOp{.lock = lock,
                                 .owner = Owner(),
                                 .ttl = kTtls.at(Below(3)),
                                 .proposal = Proposal(),
                                 .block = Below(2) == 0 ? 64 : 1,
                                 .queueing = kQueueings.at(Below(kQueueings.size())),
                                 .stamp = Stamp(),
                                 .grace = Below(2) == 0 ? 21ms : 51ms,
                                 .most_life = Below(4) == 0 ? 101ms : engine::kNoExpiry};
    }
  }

  // Of one daemon, of both locks or one of them, in any order.
  engine::NodeOp Claim() {
    constexpr std::array kQueueings = {engine::Queueing::kNone, engine::Queueing::kIfRefused,
                                       engine::Queueing::kAlways, engine::Queueing::kIgnore};
    engine::ClaimOp op{.ttl = 203ms,
                       .queueing = kQueueings.at(Below(kQueueings.size())),
                       .stamp = Stamp(),
                       .grace = Below(2) == 0 ? 21ms : 51ms,
                       .most_life = Below(4) == 0 ? 101ms : engine::kNoExpiry};
    const std::string instance = Instance();
    std::vector<std::string> locks = {"x", "y"};
    if (Below(2) == 0) std::swap(locks[0], locks[1]);
    if (Below(4) == 0) locks.pop_back();
    for (const std::string& lock : locks) {
      op.names.push_back({.lock = lock,
                          .owner = instance + ":" + std::to_string(1 + Below(3)) + ":h",
                          .proposal = Proposal(),
                          .block = Below(2) == 0 ? 64 : 1});
    }
    return op;
  }

  engine::NodeOp NameHolder() {
    engine::NameHolderOp op{.asker = Instance(), .inquiry = 1 + Below(100)};
    if (Below(3) != 0) {
      op.holder = engine::HolderFacts{.fence = 1 + Below(9),
                                      .held = 1us * Below(9),
                                      .pid = static_cast<std::int32_t>(Below(9)),
                                      .uid = Below(9),
                                      .note = Below(2) == 0 ? "" : "a note"};
    }
    return op;
  }

  void Both(const engine::NodeOp& op) {
    const engine::Time now(now_);
    const std::string asker = AskerOf(op);
    // Nearly always as it is.
    const bool hears = !asker.empty() && Hears(asker) != (Below(10) == 0);
    const auto ours = obedient_.Run(now, timing_, kRun, op, hears);
    const auto real = scripted_.Run(obedient_.Clock(now), SetOf(timing_), kRun, op, hears);
    const std::string where = "question " + std::to_string(++asked_) + ", op " +
                              std::to_string(op.index()) + ": " + real.text;
    Compare(ours, real, where);
    EXPECT_EQ(ours.which, real.which) << where;
    ASSERT_EQ(ours.names.size(), real.names.size()) << where;
    for (std::size_t i = 0; i < real.names.size(); ++i) {
      Compare(ours.names[i], real.names[i], where + ", name " + std::to_string(i));
      ++met_["name " + std::to_string(static_cast<int>(real.names[i].verdict))];
    }
    for (const char* lock : {"x", "y"}) CheckQueue(now, lock, where);
    const auto ours_said = Said(obedient_.TakePublished());
    // An introduction publishes something for a trial.
    if (std::holds_alternative<engine::ProbeOp>(op)) return;
    EXPECT_EQ(ours_said, Said(scripted_.published())) << where;
    for (const std::string& hint : ours_said) ++met_[hint.substr(2, hint.find(' ', 2) - 2)];
    ++met_[std::to_string(static_cast<int>(ours.verdict))];
  }

  static std::string AskerOf(const engine::NodeOp& op) {
    const auto* acquire = std::get_if<engine::AcquireOp>(&op);
    const auto* claim = std::get_if<engine::ClaimOp>(&op);
    const auto* share = std::get_if<engine::ShareOp>(&op);
    if (acquire) return acquire->owner.substr(0, 1);
    if (share) return share->owner.substr(0, 1);
    return claim ? claim->names.at(0).owner.substr(0, 1) : "";
  }

  static void Compare(const engine::NodeAnswer& ours, const engine::NodeAnswer& real,
                      const std::string& where) {
    EXPECT_EQ(static_cast<int>(ours.verdict), static_cast<int>(real.verdict)) << where;
    EXPECT_EQ(ours.node_time, real.node_time) << where;
    EXPECT_EQ(ours.fence, real.fence) << where;
    EXPECT_LT(std::chrono::abs(ours.left - real.left), 1ms) << where;  // scripts count those
    EXPECT_EQ(ours.greatest, real.greatest) << where;
    EXPECT_EQ(ours.wanted, real.wanted) << where;
    EXPECT_EQ(ours.broken, real.broken) << where;
    if (real.verdict != engine::Verdict::kSettings) {
      EXPECT_EQ(ours.text, real.text) << where;
    }
    EXPECT_EQ(ours.place, real.place) << where;
  }

  // Rule E8.1: the two keys of a queue have the same entries, and go together.
  void CheckQueue(engine::Time now, const std::string& lock, const std::string& where) {
    const engine::NodeTime time = obedient_.Clock(now);
    const auto* queue = scripted_.store().Find(time, std::string(redis::kQueuePrefix) + lock);
    const auto* wait = scripted_.store().Find(time, std::string(redis::kWaitPrefix) + lock);
    ASSERT_EQ(queue == nullptr, wait == nullptr) << where;
    if (queue == nullptr) return;
    EXPECT_TRUE(queue->last_ms) << where;
    EXPECT_EQ(queue->last_ms, wait->last_ms) << where;
    std::set<std::string> entries, says;
    for (const auto& [instance, stamp] : std::get<Store::SortedSet>(queue->value)) {
      entries.insert(instance);
    }
    for (const auto& [field, text] : std::get<Store::Hash>(wait->value)) {
      if (field != "ahead") says.insert(field);
    }
    EXPECT_EQ(entries, says) << where;
  }

  // To whom, and what.
  std::vector<std::string> Said(const std::vector<Store::Message>& published) {
    std::vector<std::string> said;
    for (const Store::Message& message : published) {
      said.push_back(message.channel.substr(message.channel.rfind(':') + 1) + " " + message.text);
    }
    return said;
  }
  std::vector<std::string> Said(const std::vector<engine::ObedientNode::Published>& published) {
    std::vector<std::string> said;
    for (const auto& [instance, hint] : published) {
      said.push_back(instance + " " + std::visit([](const auto& h) { return InWords(h); }, hint));
    }
    return said;
  }
  static std::string InWords(const engine::NodeHint& hint) {
    using Kind = engine::NodeHint::Kind;
    const std::string word = hint.kind == Kind::kFree     ? "free "
                             : hint.kind == Kind::kWanted ? "wanted "
                             : hint.kind == Kind::kNext   ? "next "
                                                          : "broken ";
    const std::string number = hint.kind == Kind::kNext     ? std::to_string(hint.rest / 1us) + " "
                               : hint.kind == Kind::kBroken ? std::to_string(hint.attempt) + " "
                                                            : std::string();
    return word + number + hint.lock;
  }
  static std::string InWords(const engine::HolderAsked& hint) {
    return "who " + std::to_string(hint.inquiry) + " " + std::to_string(hint.attempt) + " " +
           hint.asker + " " + hint.lock;
  }
  static std::string InWords(const engine::HolderNamed& hint) {
    return redis::TextOf({.asker = "", .inquiry = hint.inquiry, .holder = hint.holder});
  }

  const std::string kRun = std::string(40, 'a');
  const engine::Timing timing_ = SmallTiming();
  const ScriptSet scripts_;
  engine::ObedientNode obedient_{kRun};
  FakeNode scripted_{scripts_, kRun};
  std::minstd_rand random_;
  Duration now_ = 1h;
  int asked_ = 0;
  std::map<std::string, int> met_;
};

TEST(ObedientNode, AnswersAsTheScriptsDo) {
  std::map<std::string, int> met;
  for (std::uint32_t seed = 1; seed <= 200 && !::testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    TwoNodes nodes(seed);
    for (int i = 0; i < 200 && !::testing::Test::HasFailure(); ++i) nodes.Turn();
    for (const auto& [what, times] : nodes.met()) met[what] += times;
  }
  for (const char* hint : {"free", "next", "wanted", "broken", "who", "holder", "nobody"})
    EXPECT_GE(met[hint], 100) << hint;
  for (const engine::Verdict verdict :
       {engine::Verdict::kOk, engine::Verdict::kBusy, engine::Verdict::kNotTurn,
        engine::Verdict::kTurn, engine::Verdict::kSkew}) {
    EXPECT_GE(met[std::to_string(static_cast<int>(verdict))], 100) << static_cast<int>(verdict);
    EXPECT_GE(met["name " + std::to_string(static_cast<int>(verdict))], 100)
        << static_cast<int>(verdict);
  }
}

}  // namespace
}  // namespace redlockd::sim
