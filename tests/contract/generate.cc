#include "tests/contract/generate.h"

#include <algorithm>
#include <array>
#include <random>
#include <string>
#include <string_view>

#include "tests/support/server.h"

namespace redlockd::contract {
namespace {

using namespace std::chrono_literals;
using engine::NodeTime;
using redis::SetOptions;

constexpr NodeTime kStart = 1'700'000'000'000'000;
constexpr NodeTime kMs = 1'000;
constexpr NodeTime kSecond = 1'000'000;
// The life of an entry that is first or second in a queue.
constexpr engine::Duration kRetryInterval = 100ms;
constexpr engine::Duration kWantLife = 6 * kRetryInterval;

SetOptions Settings(engine::Duration max_ttl, engine::Duration fence_window,
                    engine::Duration quarantine) {
  return {.key_prefix = "app:",
          .max_ttl = max_ttl,
          .fence_window = fence_window,
          .fence_life = 3s,
          .quarantine = quarantine,
          .retry_interval = kRetryInterval,
          .max_interval = 5s,
          .first_poll = 500ms};
}

// One draw a statement: what order two draws of an expression have is the compiler's choice.
class Generator {
 public:
  Generator(std::uint64_t seed, Faults faults) : random_(seed), faults_(faults) {}

  std::vector<Step> Steps(std::size_t count) {
    // Mostly a node that votes, which is where most happens.
    if (!OneIn(8)) MakeVote();
    while (steps_.size() < count) {
      if (OneIn(2)) PassTime();
      Next();
    }
    return std::move(steps_);
  }

 private:
  std::uint64_t Below(std::uint64_t limit) { return random_() % limit; }
  bool OneIn(std::uint64_t n) { return Below(n) == 0; }
  template <class T, std::size_t N>
  T Pick(const std::array<T, N>& choices) {
    return choices[Below(N)];
  }

  void MakeVote() {
    Add(CallOf(engine::ProbeOp{"node-1", "set-1"}, 0));
    Add(CallOf(engine::TrustOp{}, 0));
  }

  void Add(decltype(Step::what) what) { steps_.push_back({.now = now_, .what = std::move(what)}); }

  void Next() {
    if (faults_ == Faults::kRestarts && OneIn(20)) return StartAnew(Restart{});
    if (faults_ == Faults::kCrashes && OneIn(16)) return Add(Save{});
    if (faults_ == Faults::kCrashes && OneIn(20)) return StartAnew(Crash{});
    if (OneIn(60)) {
      Add(Flush{});
      if (!OneIn(8)) MakeVote();
      return;
    }
    if (OneIn(60)) return StartAnew(ScriptCall(CallOf(engine::InspectOp{Lock(), Instance(), 7})));
    if (OneIn(10)) return Add(PlainCommand());
    if (OneIn(100)) return LetGoOfWhatIsWanted();
    if (OneIn(150)) return ShareWhatIsWanted();
    ScriptCall call = OneIn(20) ? CallOf(Releases()) : AnyCall();
    if (OneIn(12)) Spoil(call.call);
    Add(std::move(call));
  }

  // The daemons learn another run_id from now on. Sometimes the clock is ahead just then: what has
  // expired by it is gone for good.
  void StartAnew(decltype(Step::what) what) {
    const NodeTime ahead = OneIn(2) ? 4 * kSecond : 0;
    now_ += ahead;
    Add(std::move(what));
    now_ -= ahead;
    ++run_;
  }

  // --- time ---

  void PassTime() {
    if (!moments_.empty() && OneIn(3)) {
      // To the edge of something: a key's last millisecond, the end of a quarantine.
      constexpr std::array<NodeTime, 8> kBeside = {-kMs, -1, 0, 1, kMs - 1, kMs, kMs + 1, 2 * kMs};
      now_ = moments_[moments_.size() - 1 - Below(std::min<std::size_t>(moments_.size(), 6))];
      now_ += Pick(kBeside);
      return;
    }
    constexpr std::array<NodeTime, 6> kFar = {10,      2 * kMs,     50 * kMs,
                                              kSecond, 4 * kSecond, 20 * kSecond};
    const auto distance = static_cast<NodeTime>(Below(static_cast<std::uint64_t>(Pick(kFar))));
    now_ += OneIn(5) ? -distance : distance;
  }

  void Remember(NodeTime moment) { moments_.push_back(moment); }

  // --- what daemons ask ---

  std::string Lock() { return OneIn(3) ? "other" : "job"; }

  std::string Instance() {
    constexpr std::array<std::string_view, 4> kInstances = {kListener, "fedcba987654321001234567",
                                                            "00112233445566778899aabb",
                                                            "aabbccddeeff001122334455"};
    return std::string(Pick(kInstances));
  }

  // Their attempts are few, so that some come again, and come out of order. Often again the one who
  // asked last.
  std::string Owner() {
    if (!last_owner_.empty() && OneIn(2)) return last_owner_;
    last_owner_ = Instance();
    last_owner_ += ':' + std::to_string(8 + Below(4)) + ":host";
    return last_owner_;
  }

  engine::Duration Ttl() {
    constexpr std::array<engine::Duration, 6> kTtls = {1ms, 2ms, 10ms, 100ms, 1s, 2s};
    const auto ttl = Pick(kTtls);
    Remember((now_ / kMs + ttl / 1ms) * kMs);
    return ttl;
  }

  // Near the clock, and near those before.
  engine::Fence NearFence() {
    constexpr std::array<NodeTime, 7> kBeside = {-kSecond,    -10,         0,      10,
                                                 kSecond / 4, kSecond / 2, kSecond};
    engine::Fence fence = OneIn(2) ? now_ : last_fence_;
    fence += Pick(kBeside);
    fence += static_cast<NodeTime>(Below(3));
    last_fence_ = std::max<engine::Fence>(fence, 0);
    return last_fence_;
  }

  // Often the same again, so that the instances decide.
  engine::Stamp Stamp() {
    constexpr std::array<NodeTime, 5> kBeside = {-kSecond, 0, 1, 600 * kSecond, 600 * kSecond + 1};
    if (OneIn(2)) last_stamp_ = now_ + (OneIn(2) ? 0 : Pick(kBeside));
    return last_stamp_;
  }

  engine::Fence Block() {
    constexpr std::array<engine::Fence, 4> kBlocks = {1, 2, 64, kSecond / 4};
    return Pick(kBlocks);
  }

  engine::ProbeOp Probe() {
    engine::ProbeOp probe;
    if (OneIn(2)) probe.node_id = "node-2";
    if (OneIn(2)) probe.set = "set-2";
    probe.may_write = !OneIn(8);
    if (OneIn(4)) probe.counted = "run-0";
    probe.instance = Instance();
    for (std::uint64_t more = Below(3); more > 0; --more) {
      engine::ProbeOp::Sighting claim{
          OneIn(2) ? "node-3" : "node-4", OneIn(2) ? "run-3" : "run-4", {}};
      if (!OneIn(3)) claim.heard_ago = OneIn(2) ? 0s : 3s;
      probe.sightings.push_back(std::move(claim));
    }
    return probe;
  }

  engine::AcquireOp Acquire() {
    constexpr std::array kQueueings = {engine::Queueing::kNone,   engine::Queueing::kIfRefused,
                                       engine::Queueing::kAlways, engine::Queueing::kStand,
                                       engine::Queueing::kStand,  engine::Queueing::kIgnore};
    constexpr std::array<engine::Duration, 4> kGraces = {50ms, 50ms, 400ms, 0ms};
    engine::AcquireOp op{Lock(), Owner(), Ttl(), OneIn(4) ? 0 : NearFence()};
    op.block = Block();
    op.queueing = Pick(kQueueings);
    op.stamp = Stamp();
    op.grace = Pick(kGraces);
    if (OneIn(4)) op.most_life = 123456us;
    // When it is passed over, and when it is not fresh any more; and when its keys end.
    Remember(now_ + (kRetryInterval + op.grace) / 1us);
    Remember(now_ + std::min(kWantLife, op.most_life) / 1us);
    Remember(now_ + 2 * std::min(kWantLife, op.most_life) / 1us);
    return op;
  }

  ScriptCall AnyCall() {
    const std::uint64_t choice = Below(63);
    if (choice < 12) return CallOf(Acquire());
    if (choice < 15) return CallOf(Acquires());
    if (choice < 29) return CallOf(engine::ConfirmOp{Lock(), Owner(), NearFence(), Block()});
    if (choice < 34) return CallOf(Renewals());
    if (choice < 37) return CallOf(engine::ReleaseOp{Lock(), Owner(), OneIn(2)});
    if (choice < 39) return CallOf(engine::InspectOp{Lock(), Instance(), Below(9)});
    if (choice < 40) return CallOf(engine::NameHolderOp{.asker = Instance(), .inquiry = Below(9)});
    if (choice < 42) return CallOf(Probe());
    if (choice < 43) return CallOf(engine::SuspectOp{OneIn(2) ? "" : Instance()});
    if (choice < 44) return CallOf(engine::AdoptOp{OneIn(2) ? "" : "set-3"});
    if (choice < 46) return CallOf(engine::BreakOp{Lock(), Owner(), OneIn(3), Ttl()});
    if (choice < 49) return CallOf(engine::TrustOp{});
    if (choice < 56) return CallOf(Claim());
    if (choice < 57) return CallOf(engine::RaiseOp{Lock(), Owner(), NearFence()});
    return CallOf(Share());
  }

  engine::ShareOp Share() {
    const engine::AcquireOp like = Acquire();
    return {.lock = like.lock,
            .owner = like.owner,
            .ttl = like.ttl,
            .proposal = like.proposal,
            .queueing = like.queueing,
            .stamp = like.stamp,
            .grace = like.grace,
            .most_life = like.most_life};
  }

  // As an acquire of one of them, or of both, in any order.
  engine::ClaimOp Claim() {
    engine::AcquireOp like = Acquire();
    if (like.queueing == engine::Queueing::kStand) like.queueing = engine::Queueing::kAlways;
    engine::ClaimOp op{.ttl = like.ttl,
                       .queueing = like.queueing,
                       .stamp = like.stamp,
                       .grace = like.grace,
                       .most_life = like.most_life};
    std::vector<std::string> locks = {"job", "other"};
    if (OneIn(2)) std::swap(locks[0], locks[1]);
    if (OneIn(4)) locks.pop_back();
    for (const std::string& lock : locks) {
      op.names.push_back({.lock = lock, .owner = like.owner, .proposal = like.proposal});
      engine::ClaimOp::Name& name = op.names.back();
      if (OneIn(2)) name.proposal = NearFence();
      if (OneIn(2)) name.owner = Owner();
      name.block = Block();
    }
    return op;
  }

  // Several locks, which may be the same.
  std::vector<engine::AcquireOp> Acquires() {
    std::vector<engine::AcquireOp> ops;
    for (std::uint64_t locks = 2 + Below(3); locks > 0; --locks) ops.push_back(Acquire());
    return ops;
  }

  std::vector<engine::RenewOp> Renewals() {
    std::vector<engine::RenewOp> ops;
    for (std::uint64_t leases = 1 + Below(4); leases > 0; --leases) {
      ops.push_back({Lock(), Owner(), Ttl()});
    }
    return ops;
  }

  // Several locks, which may be the same.
  std::vector<engine::ReleaseOp> Releases() {
    std::vector<engine::ReleaseOp> ops;
    for (std::uint64_t locks = 2 + Below(3); locks > 0; --locks) {
      ops.push_back({Lock(), Owner(), OneIn(2)});
    }
    return ops;
  }

  // A daemon has both locks, and another wants one of them: chance alone would seldom get there.
  void LetGoOfWhatIsWanted() {
    const std::string owner = Owner();
    for (const char* lock : {"job", "other"}) {
      engine::AcquireOp taken{lock, owner, 1s, 0};
      taken.queueing = engine::Queueing::kIgnore;
      Add(CallOf(taken, 0));
    }
    engine::AcquireOp wanted{"job", Instance() + ":9:another", 1s, 0};
    wanted.queueing = engine::Queueing::kAlways;
    wanted.stamp = Stamp();
    wanted.grace = 50ms;
    Add(CallOf(wanted, 0));
    Add(CallOf(std::vector<engine::ReleaseOp>{{"job", owner, OneIn(2)}, {"other", owner}}));
  }

  // Two share a lock, and one of them raises its fence; others wait for it, and one to share it.
  void ShareWhatIsWanted() {
    const std::array owners = {std::string(kListener) + ":8:host", Instance() + ":11:host"};
    for (const std::string& owner : owners) {
      Add(CallOf(engine::ShareOp{.lock = "job",
                                 .owner = owner,
                                 .ttl = Ttl(),
                                 .proposal = now_,
                                 .queueing = engine::Queueing::kIgnore},
                 0));
    }
    Add(CallOf(engine::RaiseOp{"job", owners[0], NearFence()}, 0));
    Add(CallOf(engine::RaiseOp{"job", owners[1], now_ + kSecond}, 0));
    for (std::uint64_t more = Below(4); more > 0; --more) {
      engine::ShareOp share = Share();
      share.lock = "job";
      Add(CallOf(share, 0));
      engine::AcquireOp acquire = Acquire();
      acquire.lock = "job";
      if (OneIn(2)) Add(CallOf(acquire, 0));
    }
    const std::string& owner = owners[Below(owners.size())];
    if (OneIn(2)) {
      Add(CallOf(engine::BreakOp{"job", owner, OneIn(2), Ttl()}, 0));
      Add(CallOf(engine::ShareOp{.lock = "job",
                                 .owner = owner,
                                 .ttl = Ttl(),
                                 .proposal = now_,
                                 .queueing = engine::Queueing::kIgnore},
                 0));
    }
    Add(CallOf(std::vector<engine::RenewOp>{{"job", owners[0], Ttl()}, {"job", owners[1], Ttl()}}));
    Add(CallOf(std::vector<engine::ReleaseOp>{{"job", owners[1], OneIn(2)}, {"job", owners[0]}}));
  }

  // In one call.
  ScriptCall CallOf(const std::vector<engine::ReleaseOp>& releases) {
    return {redis::ScriptId::kRelease, test::WordsOf(redis::CallOf(releases, kSets[0]), "")};
  }
  ScriptCall CallOf(const std::vector<engine::AcquireOp>& acquires) {
    return CallOf(redis::ScriptId::kAcquire, acquires, AnySet());
  }
  ScriptCall CallOf(const std::vector<engine::RenewOp>& renewals) {
    return CallOf(redis::ScriptId::kRenew, renewals, AnySet());
  }
  ScriptCall CallOf(const engine::NodeOp& op) { return CallOf(op, AnySet()); }
  ScriptCall CallOf(const engine::NodeOp& op, std::size_t set) {
    return CallOf(redis::ScriptOf(op), op, set);
  }
  ScriptCall CallOf(redis::ScriptId script, const auto& what, std::size_t set) {
    Remember(now_ + kSets[set].quarantine / 1us);
    const std::uint64_t run = OneIn(50) ? run_ - 1 : run_;  // one that has not noticed yet
    const redis::Call call = redis::CallOf(what, kSets[set]);
    const bool hears = OneIn(2);
    return {script, test::WordsOf(call, "run-" + std::to_string(run), hears)};
  }
  std::size_t AnySet() { return OneIn(20) ? 1 + Below(kSets.size() - 1) : 0; }

  // --- what is not as it should be ---

  std::string OddWord() {
    constexpr std::array<std::string_view, 22> kOdd = {"",
                                                       "0",
                                                       "-1",
                                                       "1",
                                                       "abc",
                                                       "nan",
                                                       "inf",
                                                       "1e3",
                                                       "0x10",
                                                       "1e400",
                                                       " 5",
                                                       "5 ",
                                                       "5.5",
                                                       "007",
                                                       "-0.4",
                                                       "+5",
                                                       "1e18",
                                                       "-1e300",
                                                       "a\nb",
                                                       "0.1",
                                                       "9223372036854775807",
                                                       "9223372036854775808"};
    return std::string(Pick(kOdd));
  }

  std::string OddTtl() {
    const std::string word = OddWord();
    const bool endless = word == std::to_string(INT64_MAX);
    return endless && !test::ServerUnderTest().RefusesEndlessTtls() ? "1" : word;
  }

  void Spoil(test::ScriptWords& call) {
    auto& words = OneIn(4) || call.args.empty() ? call.keys : call.args;
    if (words.empty()) return;
    const std::size_t at = Below(words.size());
    switch (Below(4)) {
      case 0:
        return words.resize(at);
      case 1:
        return std::swap(words[at], words[0]);
      default:
        words[at] = OddTtl();  // which it may be
    }
  }

  // What the hash of a queue says of one; mostly a good one.
  std::string Entry() {
    constexpr std::array<std::string_view, 7> kModes = {"0", "1", "1", "2", "2", "3", ""};
    std::string entry = OneIn(6) ? OddWord() : std::to_string(now_ + kWantLife / 1us);
    entry += OneIn(10) ? "  " : " ";
    entry += OneIn(6) ? OddWord() : std::to_string(now_ + (OneIn(2) ? -kSecond : kSecond / 8));
    entry += OneIn(6) ? " " + OddWord() : " 50000";
    entry += " ";
    entry += Pick(kModes);
    if (OneIn(3)) entry += OneIn(8) ? " " + OddWord() : " s";
    return entry;
  }

  // That all servers read alike.
  std::string Score() {
    constexpr std::array<std::string_view, 7> kOdd = {"", "abc", "nan", "inf", "-1", "5.5", "1e18"};
    return OneIn(4) ? std::string(Pick(kOdd)) : std::to_string(Stamp());
  }

  // Somebody plays the daemon, or meddles with its queue.
  Command QueueCommand() {
    if (OneIn(6)) return {{"ZADD", "redlockd:shares:app:job", Score(), Owner()}};
    const std::string queue = Key(), instance = Instance();
    const std::string score = Score();
    switch (Below(9)) {
      case 0:
        return {{"ZADD", OneIn(4) ? queue : kQueue, score, instance}};
      case 1:
        return {{"ZADD", queue, "xx", score, instance}};
      case 2:
        return {{"ZREM", queue, instance, Instance()}};
      case 3:
        return {{"ZRANK", queue, instance}};
      case 4:
        return {{"ZSCORE", queue, instance}};
      case 5:
        if (OneIn(2)) return {{"ZRANGE", queue, OddWord(), OneIn(2) ? "3" : OddWord()}};
        return {{"ZRANGE", queue, "0", "-1", "withscores"}};
      case 6:
        return {{"ZREVRANGEBYSCORE", queue, std::to_string(last_stamp_), "-inf", "WITHSCORES",
                 "LIMIT", "0", "2"}};
      case 7:
        return {{"HSET", kWait, "ahead", OneIn(2) ? OddWord() : std::to_string(Below(5))}};
      default:
        return {{"HSET", kWait, instance, Entry()}};
    }
  }

  std::string Key() {
    constexpr std::array<std::string_view, 12> kKeys = {"app:job",
                                                        "app:job",
                                                        "app:other",
                                                        "redlockd:fence:app:job",
                                                        "redlockd:fence:app:job",
                                                        "redlockd:fence:app:other",
                                                        "redlockd:fence:app:other",
                                                        "redlockd:node",
                                                        "redlockd:queue:app:job",
                                                        "redlockd:queue:app:job",
                                                        "redlockd:wait:app:job",
                                                        "redlockd:shares:app:job"};
    return std::string(Pick(kKeys));
  }

  Command PlainCommand() {
    constexpr std::array<std::string_view, 8> kFields = {
        "run", "ready", "max_ttl", "fence_window", "quarantine", "term", "id", "set"};
    constexpr std::array<std::string_view, 3> kReads = {"GET", "PTTL", "TYPE"};
    const std::string key = Key();
    const std::string field(Pick(kFields));
    const std::string hash = OneIn(2) ? "redlockd:node" : key;
    if (OneIn(5)) return QueueCommand();
    switch (Below(17)) {
      case 0:
        return {{"SET", key, OddWord()}};
      case 1:
        return {{"SET", key, Owner(), "PX", std::to_string(Ttl() / 1ms)}};
      case 2:
        return {{"SET", key, std::to_string(NearFence()), "px", OddTtl()}};
      case 3:
        return {{"HSET", hash, field, OddWord()}};
      case 4:
        return {{"HSET", hash, field, std::to_string(now_ + kSecond), "more", "1"}};
      case 5:
        return {{"HDEL", hash, field, "more"}};
      case 6:
        return {{"HDEL", hash, "more", "run", "ready", "max_ttl", "fence_window", "quarantine",
                 "term", "id", "set"}};
      case 7:
        if (OneIn(2)) return {{"EXISTS", key, hash, OddWord(), key}};
        return {{"GETRANGE", key, OddWord(), OneIn(2) ? "3" : OddWord()}};
      case 8:
        return {{"PEXPIRE", hash, OneIn(2) ? std::to_string(Ttl() / 1ms) : OddTtl()}};
      case 9:
        return {{"PEXPIRE", key, OneIn(2) ? "0" : "-1"}};
      case 10:
        return {{std::string(Pick(kReads)), key}};
      case 11:
        return QueueCommand();
      case 12:
        return {{"PUBLISH", OneIn(2) ? key : "redlockd:to:" + Instance(), OddWord()}};
      case 13:
        return {{"SET", key, OneIn(2) ? Owner() : "redlockd:shared", "XX"}};
      case 14:
        return {{"HGET", hash, field}};
      case 15:  // longer than any script reads
        return {{"SET", key, std::string(250 + Below(12), '7')}};
      default:
        return {{"DEL", key, Key()}};
    }
  }

  const std::string kQueue = "redlockd:queue:app:job", kWait = "redlockd:wait:app:job";
  // The first is what most were told.
  const std::array<SetOptions, 4> kSets = {Settings(2s, 500ms, 3s), Settings(1s, 500ms, 2s),
                                           Settings(2s, 250ms, 3s), Settings(2s, 500ms, 5s)};
  std::mt19937_64 random_;
  const Faults faults_;
  std::vector<Step> steps_;
  NodeTime now_ = kStart;
  std::uint64_t run_ = 2;
  engine::Fence last_fence_ = kStart;
  engine::Stamp last_stamp_ = kStart;
  std::string last_owner_;
  std::vector<NodeTime> moments_;
};

}  // namespace

std::vector<Step> Generate(std::uint64_t seed, std::size_t count, Faults faults) {
  return Generator(seed, faults).Steps(count);
}

}  // namespace redlockd::contract
