#pragma once

#include <hiredis/hiredis.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/contract/step.h"
#include "tests/sim/fake_node.h"
#include "tests/sim/reply.h"
#include "tests/support/redis_node.h"

// The two sides of the contract. Both do the same steps.
namespace redlockd::contract {

// What a step shows of a node.
struct Seen {
  sim::Reply reply;
  // Of each key: {key, type, PTTL, value or {field, value ...} or {member, score ...}}; sorted, but
  // for members.
  sim::Reply state;
  bool operator==(const Seen&) const = default;
};

class FakeSide {
 public:
  // `drops_due`: as a server that, where it loads its keys again, also drops those that end just
  // then.
  explicit FakeSide(bool drops_due = false);

  Seen Do(const Step& step);
  void Reset() { node_.store() = snapshot_ = {}; }

 private:
  sim::Reply State(engine::NodeTime now);

  const bool drops_due_;
  const sim::ScriptSet scripts_;
  sim::FakeNode node_{scripts_, "run"};
  sim::Store snapshot_;
};

// A redis-server whose clock the steps turn, and which forgets no key by itself: when it does that
// is chance, and may only be seen if the clock goes back afterwards.
class RealSide {
 public:
  // The server under test, with these arguments. Throws std::runtime_error if it does not answer.
  explicit RealSide(std::vector<std::string> args = {});

  Seen Do(const Step& step);
  sim::Reply Ask(const std::vector<std::string>& argv);
  void Reset();

 private:
  struct FreeContext {
    void operator()(redisContext* context) const { redisFree(context); }
  };

  void Connect();
  void Listen();
  void ReadPublished();
  void StartAgain();
  void Send(const std::string& command);
  static sim::Reply Receive(redisContext& context);

  test::RedisNode server_;
  std::unique_ptr<redisContext, FreeContext> context_;
  std::unique_ptr<redisContext, FreeContext> listener_;
  std::string ask_state_;  // a command
  bool saved_ = false;     // since Reset
};

}  // namespace redlockd::contract
