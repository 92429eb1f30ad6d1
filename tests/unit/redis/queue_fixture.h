#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "tests/unit/redis/scripts_fixture.h"

namespace redlockd::redis {

using engine::Queueing;
using engine::Stamp;

inline const std::string kInstanceB = "fedcba987654321001234567";
inline const std::string kInstanceC = "00112233445566778899aabb";
inline const std::string kLaterB = kInstanceB + ":6:host-b";
inline const std::string kC = kInstanceC + ":1:host-c";
inline constexpr Stamp kEarly = 1000, kLate = 2000;
inline constexpr NodeTime kMs = 1000;
inline constexpr NodeTime kInterval = 100 * kMs, kGrace = 50 * kMs;

// Whom a node has sent a hint, and which.
using Hint = std::pair<std::string, std::string>;
inline const std::string kFree = "free app:job";
inline std::string Next(NodeTime rest) { return "next " + std::to_string(rest) + " app:job"; }

// The queue of a lock on a real node, whose clock stands still but for Pass.
class QueueTest : public ScriptsTest {
 protected:
  QueueTest() {
    hears_ = true;
    Ready();
    now_ = Now();
    Pass(0);
    listener_.reset(redisConnectUnix(server_.SocketPath().c_str()));
    for (const std::string& instance : {kInstance, kInstanceB, kInstanceC, std::string("end")}) {
      Listen(instance);
    }
  }
  // Whatever a test did: no key of a queue, or of those who share a lock, stays for good.
  void TearDown() override {
    for (const char* keys : {"redlockd:queue:*", "redlockd:wait:*", "redlockd:shares:*"}) {
      std::istringstream found(Redis({"KEYS", keys}));
      for (std::string key; std::getline(found, key);) {
        if (foreign_.contains(key)) continue;
        EXPECT_GT(Number({"PTTL", key}), 0) << key;
      }
    }
  }

  // The node's clock goes on.
  void Pass(NodeTime time) {
    now_ += time;
    server_.StopClock(std::chrono::microseconds(now_));
  }

  NodeAnswer Ask(const std::string& owner, Queueing queueing, Stamp stamp = 0,
                 const std::string& lock = "job") {
    return Do(OpOf(owner, queueing, stamp, lock));
  }
  engine::AcquireOp OpOf(const std::string& owner, Queueing queueing, Stamp stamp,
                         const std::string& lock) {
    engine::AcquireOp op{lock, owner, 2s, 0};
    op.queueing = queueing;
    op.stamp = stamp;
    op.grace = 50ms;
    op.most_life = most_life_;
    return op;
  }
  NodeAnswer Leave(const std::string& owner) { return Do(engine::ReleaseOp{"job", owner, true}); }

  static std::string Queue(const std::string& lock = "job") { return "redlockd:queue:app:" + lock; }
  static std::string Wait(const std::string& lock = "job") { return "redlockd:wait:app:" + lock; }

  // What an entry says, but for its stamp.
  struct Entry {
    NodeTime until = 0;
    NodeTime at = 0;
    NodeTime grace = 0;
    int mode = -1;
    bool operator==(const Entry&) const = default;
    friend std::ostream& operator<<(std::ostream& out, const Entry& entry) {
      return out << entry.until << ' ' << entry.at << ' ' << entry.grace << ' ' << entry.mode;
    }
  };
  // Of one that came a second ago, and is fresh for ten more.
  Entry Silent() const {
    return {now_ + 10 * kSecond, now_ - kSecond + kInterval + kGrace, kGrace, 1};
  }
  Entry Stale() const { return {now_, now_ - kSecond, kGrace, 1}; }
  Entry With(Entry entry, int mode) const {
    entry.mode = mode;
    return entry;
  }
  void Enter(const std::string& instance, Stamp stamp, const Entry& entry,
             const std::string& lock = "job") {
    std::ostringstream text;
    text << entry;
    Redis({"ZADD", Queue(lock), std::to_string(stamp), instance});
    Redis({"HSET", Wait(lock), instance, text.str()});
    Live(lock);
  }
  void Enter(const std::string& instance, Stamp stamp) { Enter(instance, stamp, Silent()); }
  // That number of others, the i-th with the stamp `first` + i.
  void EnterMany(int count, Stamp first, const Entry& entry, const std::string& lock = "job") {
    std::ostringstream text;
    text << entry;
    std::vector<std::string> zadd = {"ZADD", Queue(lock)}, hset = {"HSET", Wait(lock)};
    for (int i = 0; i < count; ++i) {
      zadd.insert(zadd.end(), {std::to_string(first + i), Other(i)});
      hset.insert(hset.end(), {Other(i), text.str()});
    }
    Redis(zadd);
    Redis(hset);
    Live(lock);
  }
  static std::string Other(int i) { return "other" + std::to_string(i); }
  void Live(const std::string& lock = "job") {
    for (const std::string& key : {Queue(lock), Wait(lock)}) Redis({"PEXPIRE", key, "60000"});
  }

  // In both keys.
  bool HasEntry(const std::string& instance) {
    return StampOf(instance) != 0 && At(instance) != "";
  }
  Stamp StampOf(const std::string& instance) {
    const std::string score = Redis({"ZSCORE", Queue(), instance});
    return score == "(nil)" ? 0 : std::stoll(score);
  }
  std::string At(const std::string& instance) {
    const std::string entry = Redis({"HGET", Wait(), instance});
    return entry == "(nil)" ? "" : entry;
  }
  Entry EntryOf(const std::string& instance) {
    Entry entry;
    std::istringstream(At(instance)) >> entry.until >> entry.at >> entry.grace >> entry.mode;
    return entry;
  }
  bool IsNoQueue() { return Redis({"EXISTS", Queue(), Wait()}) == "0"; }

  void Listen(const std::string& instance) { Listener("SUBSCRIBE", instance); }
  void Deafen(const std::string& instance) { Listener("UNSUBSCRIBE", instance); }
  // What was published since it was asked last.
  std::vector<Hint> Hints() {
    std::vector<Hint> hints;
    Redis({"PUBLISH", "redlockd:to:end", "end"});
    for (;;) {
      void* got = nullptr;
      if (redisGetReply(listener_.get(), &got) != REDIS_OK) {
        ADD_FAILURE() << listener_->errstr;
        return hints;
      }
      const std::unique_ptr<redisReply, FreeReply> message(static_cast<redisReply*>(got));
      const std::string channel = message->element[1]->str;
      const std::string instance = channel.substr(channel.rfind(':') + 1);
      if (instance == "end") return hints;
      hints.emplace_back(instance, message->element[2]->str);
    }
  }

  NodeTime now_ = 0;
  engine::Duration most_life_ = engine::kNoExpiry;
  std::set<std::string> foreign_;  // keys of queues that are another program's

 private:
  // Nothing was published since Hints.
  void Listener(const char* command, const std::string& instance) {
    const std::string channel = "redlockd:to:" + instance;
    freeReplyObject(redisCommand(listener_.get(), "%s %s", command, channel.c_str()));
  }

  std::unique_ptr<redisContext, FreeContext> listener_;
};

}  // namespace redlockd::redis
