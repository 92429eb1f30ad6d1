#pragma once

#include <deque>
#include <optional>
#include <random>
#include <string>
#include <variant>
#include <vector>

#include "daemon/engine/engine.h"
#include "tests/fuzz/bytes.h"
#include "tests/fuzz/engine_checker.h"
#include "tests/unit/engine/obedient_node.h"

namespace redlockd::fuzz {

// One engine, its sessions and its nodes, in the hands of an input: each byte says what happens
// next, the bytes after it how. All that may happen by engine/events.h, effects.h and node_op.h
// may happen here, and nothing else: each node that is asked gives one answer, or gone-silence, in
// the end.
class World : private engine::Random {
 public:
  explicit World(Bytes input);

  void Run();
  // All that is under way comes to its end, within the time that it may take.
  void End();

 private:
  struct Asked {
    engine::NodeIndex node;
    engine::Ticket ticket;
    engine::NodeOp op;
    bool timed_out = false;
    std::optional<engine::NodeAnswer> answer{};  // it has run on the node
  };
  struct Node {
    engine::ObedientNode obedient;
    std::string run_id;
    bool linked = false;
    std::string link_run_id{};  // as the connection learned it
  };
  struct Session {
    engine::SessionId id;
    bool input_ended = false;
  };

  std::uint64_t Below(std::uint64_t bound) override { return chance_() % bound; }

  void Step(const engine::Event& event);
  void Next();

  // Time.
  void Pass(engine::Duration duration) { now_ += duration; }
  void ToNextDeadline();

  // Clients.
  void Sessions();
  void Lock();
  void Ask();
  void Break();
  Session* AnySession();
  std::string AnyName() { return std::string(1, static_cast<char>('a' + input_.Below(3))); }
  std::optional<engine::Fence> AnyFence();
  engine::RequestId NewRequest() { return ++last_request_; }

  // Nodes.
  void Start();
  void LinkUp(engine::NodeIndex node);
  void LinkDown(engine::NodeIndex node);
  void NodeTrouble();
  void Hint();
  engine::HolderNamed Named(engine::NodeIndex node);

  // What was asked. One lock's questions to one node are answered in their order.
  std::optional<std::size_t> AnyAsked();
  void RunOnNode(Asked& asked);
  void Answer(std::size_t at);
  void Refuse(std::size_t at);
  void Lie(std::size_t at);
  void TimeOut(std::size_t at);
  void Gone(std::size_t at);
  void AnswerAll();
  Asked Take(std::size_t at);

  Bytes input_;
  std::mt19937_64 chance_;
  engine::EngineOptions options_;
  Checker checker_;
  engine::Engine engine_;
  engine::Time now_{std::chrono::seconds(1000)};
  std::vector<Node> nodes_;
  std::deque<Asked> asked_;
  std::vector<Session> sessions_;
  engine::SessionId last_session_ = 0;
  engine::RequestId last_request_ = 0;
  std::uint64_t last_run_ = 0;
  engine::InquiryNumber last_inquiry_ = 0;
};

}  // namespace redlockd::fuzz
