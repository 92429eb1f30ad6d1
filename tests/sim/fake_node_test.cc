#include "tests/sim/fake_node.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <filesystem>
#include <map>
#include <optional>
#include <random>
#include <utility>

#include "daemon/redis/reply.h"
#include "tests/sim/hiredis_reply.h"
#include "tests/support/files.h"

namespace redlockd::sim {
namespace {

using namespace std::chrono_literals;
using engine::Verdict;
using ::testing::HasSubstr;

constexpr engine::NodeTime kNow = 1'700'000'000'000'000;
const std::string kRun(40, 'a');
const std::string kA = "0123456789abcdef01234567:5:host-a";
const std::string kB = "fedcba987654321001234567:5:host-b";

redis::SetOptions SmallSet() {
  return {.key_prefix = "app:",
          .max_ttl = 2s,
          .fence_window = 500ms,
          .fence_life = 20s,
          .quarantine = 3s,
          .retry_interval = 100ms,
          .max_interval = 5s,
          .first_poll = 500ms};
}

class FakeNodeTest : public ::testing::Test {
 protected:
  engine::NodeAnswer Do(const engine::NodeOp& op) {
    return node_.Run(now_, SmallSet(), node_.Facts().run_id, op);
  }
  engine::NodeAnswer Acquire(const std::string& owner) {
    return Do(engine::AcquireOp{"job", owner, 1s, 0});
  }
  void Ready() {
    ASSERT_EQ(Do(engine::ProbeOp{"node-1", "set-1"}).verdict, Verdict::kAmnesia);
    ASSERT_EQ(Do(engine::TrustOp{}).verdict, Verdict::kOk);
  }

  const ScriptSet scripts_;
  FakeNode node_{scripts_, kRun};
  engine::NodeTime now_ = kNow;
};

TEST_F(FakeNodeTest, GivesALockAndTakesItBackWhenItsTimeIsOver) {
  Ready();
  const auto taken = Acquire(kA);
  EXPECT_EQ(taken.verdict, Verdict::kOk) << taken.text;
  EXPECT_EQ(taken.node_time, now_);
  EXPECT_EQ(taken.fence, now_ - 500'000 + 1);
  const auto busy = Acquire(kB);
  EXPECT_EQ(busy.verdict, Verdict::kBusy);
  EXPECT_EQ(busy.text, kA);
  EXPECT_EQ(busy.left, 1s);
  now_ += 1'001'000;
  EXPECT_EQ(Acquire(kB).fence, taken.fence + 1);
}

// Rule C16: a batch is a schedule in which those scripts run one after another.
TEST_F(FakeNodeTest, SeveralLocksInOneCallAreAsEachByItself) {
  Ready();
  std::minstd_rand random(1);
  const auto below = [&random](unsigned most) { return static_cast<int>(random() % most); };
  std::map<Verdict, int> met;
  for (int round = 0; round < 3000; ++round) {
    now_ += below(400'000);
    std::vector<engine::AcquireOp> ops;
    for (int locks = 2 + below(3); locks > 0; --locks) {
      ops.push_back({.lock = "job" + std::to_string(below(4)),
                     .owner = (below(2) != 0 ? "a:" : "b:") + std::to_string(below(5)) + ":h",
                     .ttl = std::chrono::milliseconds(1 + below(900)),
                     .proposal = now_ - 200'000 + below(800'000),
                     .block = 1 + below(3),
                     .queueing = static_cast<engine::Queueing>(below(5)),
                     .stamp = now_ - below(1000),
                     .grace = 50ms});
    }
    if (below(3) == 0) Do(engine::ReleaseOp{"job0", "a:" + std::to_string(below(5)) + ":h", true});
    const Store before = node_.store();
    std::vector<engine::NodeAnswer> one_by_one;
    std::vector<Store::Message> said;
    for (const engine::AcquireOp& op : ops) {
      one_by_one.push_back(Do(op));
      for (const Store::Message& message : node_.published()) said.push_back(message);
    }
    const Store after = std::exchange(node_.store(), before);
    const Reply reply =
        node_.Call(now_, redis::ScriptId::kAcquire,
                   test::WordsOf(redis::CallOf(ops, SmallSet()), node_.Facts().run_id));
    const HiredisReply raw(reply);
    const auto together = redis::ParseAnswers(raw.get(), redis::ReplyForm::kRows, ops.size());
    ASSERT_EQ(together.size(), ops.size());
    for (std::size_t i = 0; i < ops.size(); ++i) {
      EXPECT_EQ(together[i].verdict, one_by_one[i].verdict) << round;
      EXPECT_EQ(together[i].fence, one_by_one[i].fence) << round;
      EXPECT_EQ(together[i].left, one_by_one[i].left) << round;
      EXPECT_EQ(together[i].text, one_by_one[i].text) << round;
      EXPECT_EQ(together[i].greatest, one_by_one[i].greatest) << round;
      EXPECT_EQ(together[i].place, one_by_one[i].place) << round;
      ++met[together[i].verdict];
    }
    EXPECT_EQ(node_.published(), said) << round;
    EXPECT_EQ(node_.store(), after) << round;
    ASSERT_FALSE(HasFailure());
  }
  for (const Verdict verdict : {Verdict::kOk, Verdict::kBusy, Verdict::kNotTurn, Verdict::kSkew}) {
    EXPECT_GE(met[verdict], 50) << static_cast<int>(verdict);
  }
}

// What claims are compared with: acquires of the same names, one after the other, on the same keys.
class FakeNodeClaimsTest : public FakeNodeTest {
 protected:
  struct Outcome {
    std::vector<engine::NodeAnswer> answers{};
    Store after{};
    std::vector<Store::Message> published{};
  };

  int Below(unsigned most) { return static_cast<int>(random_() % most); }

  // Of one daemon, as others were before.
  engine::ClaimOp AnyClaim(int most_names) {
    constexpr std::array kQueueings = {engine::Queueing::kNone, engine::Queueing::kIfRefused,
                                       engine::Queueing::kAlways, engine::Queueing::kIgnore};
    engine::ClaimOp op{.ttl = std::chrono::milliseconds(1 + Below(900)),
                       .queueing = kQueueings.at(Below(kQueueings.size())),
                       .stamp = now_ - Below(1000),
                       .grace = 50ms};
    const std::string daemon = Below(2) != 0 ? "a:" : "b:";
    std::vector<std::string> locks = {"job0", "job1", "job2", "job3"};
    for (int names = 1 + Below(static_cast<unsigned>(most_names)); names > 0; --names) {
      const auto lock = locks.begin() + Below(static_cast<unsigned>(locks.size()));
      op.names.push_back({.lock = *lock,
                          .owner = daemon + std::to_string(Below(5)) + ":h",
                          .proposal = now_ - 200'000 + Below(750'000),
                          .block = 1 + Below(3)});
      locks.erase(lock);
    }
    return op;
  }
  static engine::AcquireOp OfName(const engine::ClaimOp& op, std::size_t i,
                                  engine::Queueing queueing) {
    const engine::ClaimOp::Name& name = op.names[i];
    return {name.lock, name.owner, op.ttl,   name.proposal, name.block,
            queueing,  op.stamp,   op.grace, op.most_life};
  }
  // On the keys as they are, which stay as they are.
  Outcome OneByOne(const engine::ClaimOp& op, engine::Queueing queueing) {
    const Store before = node_.store();
    Outcome outcome;
    for (std::size_t i = 0; i < op.names.size(); ++i) {
      outcome.answers.push_back(Do(OfName(op, i, queueing)));
      const auto& said = node_.published();
      outcome.published.insert(outcome.published.end(), said.begin(), said.end());
    }
    outcome.after = std::exchange(node_.store(), before);
    return outcome;
  }
  static bool MayBeHad(const engine::NodeAnswer& answer) {
    return answer.verdict == Verdict::kOk || answer.verdict == Verdict::kTurn;
  }
  void ExpectSame(const engine::NodeAnswer& name, const engine::NodeAnswer& alone) {
    EXPECT_EQ(name.verdict, alone.verdict);
    EXPECT_EQ(name.fence, alone.fence);
    EXPECT_EQ(name.left, alone.left);
    EXPECT_EQ(name.text, alone.text);
    EXPECT_EQ(name.greatest, alone.greatest);
    EXPECT_EQ(name.place, alone.place);
  }
  // Of what a lock is: its owner and its fence, and until when they are there.
  std::vector<std::optional<Store::Entry>> KeysOf(const engine::ClaimOp& op) {
    std::vector<std::optional<Store::Entry>> keys;
    for (const engine::ClaimOp::Name& name : op.names) {
      for (const std::string& key : {"app:" + name.lock, "redlockd:fence:app:" + name.lock}) {
        const Store::Entry* entry = node_.store().Find(now_, key);
        keys.push_back(entry == nullptr ? std::nullopt : std::optional(*entry));
      }
    }
    return keys;
  }
  void LetGoOfSome() {
    const std::string daemon = Below(2) != 0 ? "a:" : "b:";
    if (Below(3) != 0) return;
    Do(engine::ReleaseOp{"job" + std::to_string(Below(4)), daemon + std::to_string(Below(5)) + ":h",
                         Below(2) == 0});
  }

  std::minstd_rand random_{1};
};

TEST_F(FakeNodeClaimsTest, OfOneNameAreAsAnAcquire) {
  Ready();
  std::map<Verdict, int> met;
  for (int round = 0; round < 3000 && !HasFailure(); ++round) {
    SCOPED_TRACE(round);
    now_ += Below(300'000);
    LetGoOfSome();
    const engine::ClaimOp op = AnyClaim(1);
    const Outcome alone = OneByOne(op, op.queueing);
    const engine::NodeAnswer answer = Do(op);
    ExpectSame(answer, alone.answers[0]);
    EXPECT_EQ(answer.node_time, alone.answers[0].node_time);
    ASSERT_EQ(answer.names.size(), 1u);
    ExpectSame(answer.names[0], alone.answers[0]);
    EXPECT_EQ(node_.published(), alone.published);
    EXPECT_EQ(node_.store(), alone.after);
    ++met[answer.verdict];
  }
  for (const Verdict verdict : {Verdict::kOk, Verdict::kBusy, Verdict::kNotTurn, Verdict::kSkew}) {
    EXPECT_GE(met[verdict], 50) << static_cast<int>(verdict);
  }
}

// Rule G1.
TEST_F(FakeNodeClaimsTest, OfSeveralNamesTakeAllOrNone) {
  Ready();
  int taken = 0, refused = 0;
  for (int round = 0; round < 2000 && !HasFailure(); ++round) {
    SCOPED_TRACE(round);
    now_ += Below(400'000);
    LetGoOfSome();
    const engine::ClaimOp op = AnyClaim(4);
    const Outcome alone = OneByOne(op, op.queueing);
    const Outcome stands = OneByOne(op, engine::Queueing::kStand);
    const auto keys = KeysOf(op);
    const engine::NodeAnswer answer = Do(op);
    ASSERT_EQ(answer.names.size(), op.names.size());
    if (std::ranges::all_of(alone.answers, MayBeHad)) {
      ++taken;
      for (std::size_t i = 0; i < op.names.size(); ++i)
        ExpectSame(answer.names[i], alone.answers[i]);
      EXPECT_EQ(answer.verdict, alone.answers[0].verdict);
      EXPECT_EQ(node_.published(), alone.published);
      EXPECT_EQ(node_.store(), alone.after);
      continue;
    }
    ++refused;
    EXPECT_FALSE(MayBeHad(answer));
    EXPECT_EQ(KeysOf(op), keys) << "something of it was taken";
    for (std::size_t i = 0; i < op.names.size(); ++i) {
      EXPECT_EQ(MayBeHad(answer.names[i]), MayBeHad(alone.answers[i]));
      EXPECT_NE(answer.names[i].verdict, Verdict::kOk);
    }
    if (op.queueing == engine::Queueing::kAlways) {
      EXPECT_EQ(node_.store(), stands.after) << "its entries are not those of as many stands";
      // Who is next is called while the names are judged, and holders are told after that.
      EXPECT_THAT(node_.published(), ::testing::UnorderedElementsAreArray(stands.published));
    }
  }
  EXPECT_GE(taken, 200);
  EXPECT_GE(refused, 200);
}

TEST_F(FakeNodeTest, ShowsWhatTheLastScriptPublished) {
  Ready();
  Acquire(kA);
  Acquire(kB);
  EXPECT_EQ(
      node_.published(),
      (std::vector<Store::Message>{{"redlockd:to:0123456789abcdef01234567", "wanted app:job"}}));
  Do(engine::ReleaseOp{"job", kA});
  EXPECT_TRUE(node_.published().empty()) << "kB does not wait";
}

TEST_F(FakeNodeTest, AProbeTellsWhatInfoSaysAndTheSentinelKeeps) {
  node_.facts().master = false;
  node_.facts().evicted_keys = 7;
  const auto answer = Do(engine::ProbeOp{"node-1", "set-1"});
  EXPECT_EQ(answer.verdict, Verdict::kAmnesia);
  engine::NodeFacts expected = node_.Facts();
  expected.node_id = "node-1";
  expected.set = "set-1";
  expected.count = 1;
  expected.memory = engine::NodeFacts::Memory::kNew;
  ASSERT_TRUE(answer.facts);
  EXPECT_EQ(*answer.facts, expected);
}

TEST_F(FakeNodeTest, AnotherProcessThatRememberedIsNoticed) {
  Ready();
  node_.Restart(std::string(40, 'b'));
  EXPECT_EQ(Acquire(kA).verdict, Verdict::kAmnesia);
  EXPECT_EQ(Acquire(kA).verdict, Verdict::kQuarantine);
}

TEST_F(FakeNodeTest, AnEvictedKeyIsGoneAndCounted) {
  Ready();
  Acquire(kA);
  EXPECT_TRUE(node_.Evict("app:job"));
  EXPECT_FALSE(node_.Evict("app:job"));
  EXPECT_EQ(node_.Facts().evicted_keys, 1);
  EXPECT_EQ(Acquire(kB).verdict, Verdict::kOk);
}

TEST_F(FakeNodeTest, AnErrorSaysWhereInTheScript) {
  Ready();
  const std::vector<std::string_view> set = {"SET", "redlockd:fence:app:job", "many"};
  node_.store().Execute(now_, set);
  const auto answer = Acquire(kA);
  EXPECT_EQ(answer.verdict, Verdict::kError);
  EXPECT_THAT(answer.text, HasSubstr("the fence key holds no number script: " +
                                     std::string(redis::Get(redis::ScriptId::kAcquire).sha)));
}

// --- scripts of one's own -----------------------------------------------------------------------

class OwnScriptTest : public ::testing::Test {
 protected:
  OwnScriptTest() {
    for (const redis::Script& script : redis::AllScripts()) Write(std::string(script.name), "");
    for (const char* part : {"prelude", "queue", "want"}) Write(part, "");
  }

  void Write(const std::string& name, std::string_view text) {
    test::WriteFile(directory_ / (name + ".lua"), text);
  }
  Reply Run(const std::string& text, const test::ScriptWords& call = {}) {
    Write("inspect", text);
    const ScriptSet scripts(directory_.path());
    return scripts.Run(redis::ScriptId::kInspect, call, store_, kNow);
  }
  std::string ErrorOf(const std::string& text) {
    const Reply reply = Run(text);
    EXPECT_EQ(reply.kind, Reply::Kind::kError) << reply;
    return reply.text;
  }

  const test::TempDir directory_;
  Store store_;
};

TEST_F(OwnScriptTest, TheDirectorysScriptsAreTheProgramsIfTheyAreTheSame) {
  const ScriptSet scripts(REDLOCKD_TEST_SCRIPTS);
  FakeNode node(scripts, kRun);
  EXPECT_EQ(node.Run(kNow, SmallSet(), kRun, engine::SuspectOp{}).left, 3s);
}

TEST_F(OwnScriptTest, WhatIsNoLuaOrMissingIsAnErrorOfTheSet) {
  EXPECT_THROW(Run("return return"), std::runtime_error);
  std::filesystem::remove(directory_ / "trust.lua");
  EXPECT_THROW(ScriptSet{directory_.path()}, std::runtime_error);
}

TEST_F(OwnScriptTest, ConvertsReplies) {
  EXPECT_EQ(Run("return 3.99"), Reply::Integer(3));
  EXPECT_EQ(Run("return -3.99"), Reply::Integer(-3));
  EXPECT_EQ(Run("return true"), Reply::Integer(1));
  EXPECT_EQ(Run("return false"), Reply{});
  EXPECT_EQ(Run("return"), Reply{});
  EXPECT_EQ(Run("return {ok='fine'}"), Reply::Status("fine"));
  EXPECT_EQ(Run("return {err='BAD thing'}"), Reply::Error("BAD thing"));
  EXPECT_EQ(Run("return {1, 'two', {}, nil, 5}").elements,
            (std::vector<Reply>{Reply::Integer(1), Reply::String("two"),
                                Reply{.kind = Reply::Kind::kArray}}));
  EXPECT_EQ(Run("return redis.call('GET', 'none')"), Reply{});
  EXPECT_EQ(Run("return type(redis.call('GET', 'none'))"), Reply::String("boolean"));
  EXPECT_EQ(Run("return redis.call('SET', 'key', 'v').ok"), Reply::String("OK"));
  EXPECT_EQ(Run("return KEYS[1] .. ARGV[2]", {{"k"}, {"a", "b"}}), Reply::String("kb"));
}

TEST_F(OwnScriptTest, NumbersThatAreArgumentsKeepTheirDigits) {
  EXPECT_EQ(Run("redis.call('SET', 'n', 1763931234567890) return redis.call('GET', 'n')"),
            Reply::String("1763931234567890"));
  EXPECT_EQ(Run("redis.call('SET', 'n', 0.1) return redis.call('GET', 'n')"),
            Reply::String("0.10000000000000001"));
}

TEST_F(OwnScriptTest, RaisesOrReturnsErrors) {
  store_.Execute(kNow, std::vector<std::string_view>{"HSET", "hash", "f", "v"});
  EXPECT_EQ(ErrorOf("local x = 1\nredis.call('GET', 'hash')"),
            "WRONGTYPE Operation against a key holding the wrong kind of value script: inspect, on "
            "@user_script:2.");
  EXPECT_EQ(Run("return redis.pcall('GET', 'hash').err"),
            Reply::String("WRONGTYPE Operation against a key holding the wrong kind of value"));
  EXPECT_THAT(ErrorOf("redis.call('FLUSHALL')"), HasSubstr("Unknown Redis command"));
  EXPECT_THAT(ErrorOf("redis.call('GET')"), HasSubstr("Wrong number of args"));
  EXPECT_THAT(ErrorOf("redis.call('GET', {})"), HasSubstr("must be strings or integers"));
  EXPECT_THAT(ErrorOf("redis.call()"), HasSubstr("at least one argument"));
  EXPECT_THAT(ErrorOf("error('mine')"), HasSubstr("ERR user_script:1: mine script: "));
}

TEST_F(OwnScriptTest, CannotLeaveAnythingBehind) {
  EXPECT_THAT(ErrorOf("left = 1"), HasSubstr("Attempt to modify a readonly table"));
  EXPECT_THAT(ErrorOf("_G.left = 1"), HasSubstr("Attempt to modify a readonly table"));
  EXPECT_THAT(ErrorOf("return left"), HasSubstr("nonexistent global variable 'left'"));
  EXPECT_THAT(ErrorOf("return os.time()"), HasSubstr("nonexistent global variable 'os'"));
  EXPECT_THAT(ErrorOf("return math.random()"), HasSubstr("random"));
}

}  // namespace
}  // namespace redlockd::sim
