#pragma once

#include <gtest/gtest.h>
#include <hiredis/hiredis.h>

#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "daemon/redis/command.h"
#include "daemon/redis/reply.h"
#include "daemon/redis/scripts.h"
#include "tests/support/redis_call.h"
#include "tests/support/redis_node.h"

namespace redlockd::redis {

using namespace std::chrono_literals;
using engine::Fence;
using engine::NodeAnswer;
using engine::NodeTime;
using engine::Verdict;

inline constexpr std::int64_t kSecond = 1'000'000;  // of a node's TIME
inline const std::string kInstance = "0123456789abcdef01234567";
inline const std::string kA = kInstance + ":5:host-a";
inline const std::string kEarlierA = kInstance + ":4:host-a";
inline const std::string kLaterA = kInstance + ":10:host-a";
inline const std::string kB = "fedcba987654321001234567:5:host-b";

inline SetOptions SmallSet() {
  return {.key_prefix = "app:",
          .max_ttl = 2s,
          .fence_window = 500ms,
          .fence_life = 20s,
          .quarantine = 3s,
          .retry_interval = 100ms,
          .max_interval = 5s,
          .first_poll = 500ms};
}

// The scripts on a real node.
class ScriptsTest : public ::testing::Test {
 protected:
  ScriptsTest() : server_({.shifted_clock = true}) { Connect(); }

  void Connect() {
    context_.reset(redisConnectUnix(server_.SocketPath().c_str()));
    const std::string info = server_.Command({"INFO"});
    run_id_ = info.substr(info.find("run_id:") + 7, 40);
    for (const Script& script : AllScripts()) {
      server_.Command({"SCRIPT", "LOAD", std::string(script.source)});
    }
  }

  // A node that may vote.
  void Ready() {
    ASSERT_EQ(Do(engine::ProbeOp{}).verdict, Verdict::kAmnesia);
    ASSERT_EQ(Do(engine::TrustOp{}).verdict, Verdict::kOk);
  }

  NodeAnswer Do(const engine::NodeOp& op) { return DoAs(set_, op); }
  // A probe's INFO is left out: its answer then has only what the sentinel says.
  NodeAnswer DoAs(const SetOptions& set, const engine::NodeOp& op) {
    Call(ScriptOf(op), test::WordsOf(op, set, run_id_, hears_));
    return ParseAnswers(*last_, FormOf(op), PartsOf(op)).front();
  }
  // Of several locks in one call.
  std::vector<NodeAnswer> AcquireAll(const std::vector<engine::AcquireOp>& acquires) {
    Call(ScriptId::kAcquire, test::WordsOf(CallOf(acquires, set_), run_id_, hears_));
    return ParseAnswers(*last_, acquires.size() > 1 ? ReplyForm::kRows : ReplyForm::kWhole,
                        acquires.size());
  }
  // The same: the whole answer, with their letters.
  NodeAnswer RenewAll(const std::vector<engine::RenewOp>& renewals) {
    Call(ScriptId::kRenew, test::WordsOf(CallOf(renewals, set_), run_id_));
    return ParseAnswer(*last_);
  }
  NodeAnswer ReleaseAll(const std::vector<engine::ReleaseOp>& releases) {
    Call(ScriptId::kRelease, test::WordsOf(CallOf(releases, set_), run_id_));
    return ParseAnswer(*last_);
  }
  void Call(ScriptId script, const test::ScriptWords& words) {
    std::string command;
    test::AppendCall(command, script, words);
    redisAppendFormattedCommand(context_.get(), command.data(), command.size());
    void* got = nullptr;
    EXPECT_EQ(redisGetReply(context_.get(), &got), REDIS_OK);
    last_.reset(static_cast<redisReply*>(got));
  }
  std::string IdFromProbe() const { return last_->element[6]->str; }
  std::string SetFromProbe() const { return last_->element[7]->str; }
  std::string MemoryFromProbe() const { return last_->element[11]->str; }
  std::string OthersFromProbe() const { return last_->element[12]->str; }

  NodeAnswer Acquire(const std::string& owner, engine::Duration ttl = 1s, Fence proposal = 0) {
    return Do(engine::AcquireOp{"job", owner, ttl, proposal});
  }
  NodeAnswer AcquireBlock(const std::string& owner, Fence proposal, Fence block) {
    return Do(engine::AcquireOp{"job", owner, 1s, proposal, block});
  }
  NodeAnswer ConfirmBlock(const std::string& owner, Fence fence, Fence block) {
    return Do(engine::ConfirmOp{"job", owner, fence, block});
  }
  NodeAnswer Confirm(const std::string& owner, Fence fence) {
    return Do(engine::ConfirmOp{"job", owner, fence});
  }
  NodeAnswer Renew(const std::string& owner, engine::Duration ttl = 2s) {
    return Do(engine::RenewOp{"job", owner, ttl});
  }
  NodeAnswer Release(const std::string& owner) { return Do(engine::ReleaseOp{"job", owner}); }
  NodeAnswer Inspect() { return Do(engine::InspectOp{"job"}); }

  std::string Redis(const std::vector<std::string>& args) { return server_.Command(args); }
  long Number(const std::vector<std::string>& args) { return std::stol(Redis(args)); }
  std::string Key() { return Redis({"GET", "app:job"}); }
  std::string StoredFence() { return Redis({"GET", "redlockd:fence:app:job"}); }
  void StoreFence(Fence fence) { Redis({"SET", "redlockd:fence:app:job", std::to_string(fence)}); }
  std::string Sentinel(const std::string& field) { return Redis({"HGET", "redlockd:node", field}); }
  NodeTime Now() { return Inspect().node_time; }

  struct FreeContext {
    void operator()(redisContext* context) const { redisFree(context); }
  };
  struct FreeReply {
    void operator()(redisReply* reply) const { freeReplyObject(reply); }
  };
  SetOptions set_ = SmallSet();
  test::RedisNode server_;
  std::unique_ptr<redisContext, FreeContext> context_;
  std::unique_ptr<redisReply, FreeReply> last_;
  std::string run_id_;
  bool hears_ = false;  // what the node publishes to the daemon
};

}  // namespace redlockd::redis
