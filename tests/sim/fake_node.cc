#include "tests/sim/fake_node.h"

#include <utility>

#include "daemon/redis/reply.h"
#include "tests/sim/hiredis_reply.h"

namespace redlockd::sim {
namespace {

std::string Info(const engine::NodeFacts& facts) {
  return "redis_version:" + facts.version + "\r\nrun_id:" + facts.run_id +
         "\r\nmaxmemory_policy:" + facts.maxmemory_policy +
         "\r\nevicted_keys:" + std::to_string(facts.evicted_keys) +
         "\r\nrole:" + (facts.master ? "master" : "slave") +
         "\r\ncluster_enabled:" + (facts.cluster ? "1" : "0") + "\r\n";
}

}  // namespace

FakeNode::FakeNode(const ScriptSet& scripts, std::string run_id) : scripts_(scripts) {
  facts_.run_id = std::move(run_id);
  facts_.version = "7.0.15";
  facts_.maxmemory_policy = "noeviction";
}

engine::NodeAnswer FakeNode::Run(engine::NodeTime now, const redis::SetOptions& set,
                                 std::string_view run_id, const engine::NodeOp& op, bool hears) {
  const Reply reply = Call(now, redis::ScriptOf(op), test::WordsOf(op, set, run_id, hears));
  const HiredisReply raw(reply);
  if (!std::holds_alternative<engine::ProbeOp>(op)) {
    return redis::ParseAnswers(raw.get(), redis::FormOf(op), redis::PartsOf(op)).front();
  }
  const Reply info = Reply::String(Info(facts_));
  return redis::ParseProbe(HiredisReply(info).get(), raw.get());
}

Reply FakeNode::Call(engine::NodeTime now, redis::ScriptId script, const test::ScriptWords& call) {
  store_.SetListeners(listeners_);
  Reply reply = scripts_.Run(script, call, store_, now);
  published_ = store_.TakePublished();
  return reply;
}

bool FakeNode::Evict(std::string_view key) {
  if (!store_.Erase(key)) return false;
  ++facts_.evicted_keys;
  return true;
}

void FakeNode::Restart(std::string run_id) {
  facts_.run_id = std::move(run_id);
  facts_.evicted_keys = 0;
}

}  // namespace redlockd::sim
