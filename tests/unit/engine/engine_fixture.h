#pragma once

#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "daemon/engine/engine.h"
#include "tests/support/engine_rows.h"
#include "tests/unit/engine/obedient_node.h"

namespace redlockd::engine {

using namespace std::chrono_literals;

class SeededRandom : public Random {
 public:
  explicit SeededRandom(std::uint64_t seed) : source_(seed) {}
  std::uint64_t Below(std::uint64_t bound) override { return source_() % bound; }

 private:
  std::mt19937_64 source_;
};

// Small times, so that tests can wait out each of them: quarantine 7.008 s.
Timing TestTiming();
// What a lease of `ttl` is good for, counted from asking.
inline Duration Promise(Duration ttl) { return ttl - TestTiming().DriftAllowance(ttl); }

// One question to one node.
struct Asked {
  NodeIndex node;
  Ticket ticket;
  NodeOp op;
};

// What a client asks for; see LockRequested.
struct Wish {
  std::string name = "x";
  std::optional<Duration> wait{};
  std::optional<Duration> ttl{};
  std::optional<Duration> max_hold{};
  Duration min_hold{0};
  bool renewed_events = false;
  bool wanted_events = false;
  TaskId task{};
  std::vector<std::string> also{};
  Mode mode = Mode::kExclusive;
};

// One engine, its clock, and its nodes. A node either obeys (it answers at
// once, as a real one would), or is in the test's hand: what it is asked waits in a line until the
// test takes it and answers.
class EngineFixture : public ::testing::Test {
 protected:
  explicit EngineFixture(std::size_t nodes = 3, bool trust_new_nodes = false);
  ~EngineFixture() override;

  // --- the engine and its clock
  void Make(std::size_t nodes, bool trust_new_nodes = false, Limits limits = {},
            std::size_t attempts = EngineOptions{}.attempts);
  void Do(const Event& event);
  // Lets time pass: each timer rings at its time, obedient nodes answer.
  void Pass(Duration duration);
  // Lets the clock jump, as in a suspend: timers that were due ring late, all at once.
  void Jump(Duration duration);

  // --- nodes
  void Up(NodeIndex node);    // its connection is made
  void Down(NodeIndex node);  // its connection is gone, and what was asked of it with it
  void Start();               // all nodes are up, trusted and vote
  void Obey(NodeIndex node) { in_hand_.erase(node); }
  void ByHand(NodeIndex node) { in_hand_.insert(node); }
  void AllByHand();
  NodeState StateOf(NodeIndex node) const { return engine_->Nodes(now_).at(node).state; }
  // How many nodes have the lock's key, of the same owner as the view of the hold says.
  std::size_t KeysOf(const std::string& owner, const std::string& lock = "x");

  // The first question of that kind to that node that waits; it leaves the line. Fails the test and
  // returns a question that nobody knows if there is none.
  template <typename Op>
  Asked Take(NodeIndex node) {
    for (auto it = asked_.begin(); it != asked_.end(); ++it) {
      if (it->node != node || !std::holds_alternative<Op>(it->op)) continue;
      Asked asked = *it;
      asked_.erase(it);
      return asked;
    }
    ADD_FAILURE() << "node " << node << " was not asked";
    return {node, Ticket{Ticket::Kind::kRelease, 0, 0, now_}, Op{}};
  }
  template <typename Op>
  bool IsAsked(NodeIndex node) const {
    return Count<Op>(node) > 0;
  }
  template <typename Op>
  std::size_t Count(NodeIndex node) const {
    std::size_t count = 0;
    for (const auto& asked : asked_) {
      count += asked.node == node && std::holds_alternative<Op>(asked.op);
    }
    return count;
  }
  void ForgetAsked() { asked_.clear(); }

  void Answer(const Asked& asked, Verdict verdict, Fence fence = 0, Duration left = 0ns,
              std::string text = {});
  void AnswerAsObedient(const Asked& asked);
  // Whether the nodes were asked for anything while `act` ran.
  template <typename Act>
  bool AsksNodes(Act act) {
    AllByHand();
    ForgetAsked();
    act();
    const bool asked = !asked_.empty();
    for (NodeIndex i = 0; i < nodes_.size(); ++i) Obey(i);
    while (!asked_.empty()) {
      const Asked next = asked_.front();
      asked_.pop_front();
      AnswerAsObedient(next);
    }
    return asked;
  }
  void Silence(const Asked& asked, bool gone = false);
  // Every release that waits is acked: the nodes are through with what was rolled back.
  void AnswerReleases();
  // An answer to what the node was asked last of that kind, in one word.
  void Vote(NodeIndex node, Fence fence) { Answer(Take<AcquireOp>(node), Verdict::kOk, fence); }
  void Busy(NodeIndex node, const std::string& owner = "other:1:h", Duration left = 1s) {
    Answer(Take<AcquireOp>(node), Verdict::kBusy, 0, left, owner);
  }

  // --- clients
  SessionId Open(std::uint32_t uid = 1000);
  RequestId Lock(SessionId session, const Wish& wish = Wish());
  RequestId Try(SessionId session, const std::string& name = "x");
  RequestId Unlock(SessionId session, std::optional<Fence> fence = {}, bool sync = false);
  // Of several locks at once. `wish` is for each; the names are in `names`.
  RequestId LockAll(SessionId session, const std::vector<std::string>& names, Wish wish = {});
  RequestId UnlockAll(SessionId session, const std::vector<std::string>& names, bool sync = false);
  RequestId Check(SessionId session, std::optional<Fence> fence = {});
  void Close(SessionId session) { Do(SessionClosed{session}); }

  bool Answered(RequestId request) const { return answers_.contains(request); }
  std::optional<Granted> GrantOf(RequestId request) const;
  // The names that were granted; none if it was not.
  std::vector<std::string> GrantedTo(RequestId request) const;
  std::optional<Failed> FailureOf(RequestId request) const;
  std::optional<Failure> WhyFailed(RequestId request) const;
  template <typename A>
  std::optional<A> AnswerTo(RequestId request) const {
    const auto found = answers_.find(request);
    if (found == answers_.end() || !std::holds_alternative<A>(found->second)) return std::nullopt;
    return std::get<A>(found->second);
  }
  // Kinds of the notices told to the session so far, in order.
  std::vector<Notice::Kind> Told(SessionId session) const;
  std::optional<Notice> LastTold(SessionId session, Notice::Kind kind) const;
  std::vector<HoldView> Holds() const { return test::RowsOf<HoldView>(*engine_, now_); }
  std::vector<WaitView> Waits() const { return test::RowsOf<WaitView>(*engine_, now_); }
  // The session holds lock "x" on all nodes, which obey.
  Granted MustHold(SessionId session, const Wish& wish = Wish());
  // As MustHold; how many nodes gave it.
  std::size_t VotesOf(SessionId session);

  Time now_{1000s};
  Timing timing_ = TestTiming();
  Linger linger_;  // of the engine that is made next
  Audit audit_;    // likewise
  SeededRandom random_{1};
  std::unique_ptr<Engine> engine_;
  std::deque<ObedientNode> nodes_;
  std::deque<Asked> asked_;  // of nodes in hand
  std::map<RequestId, engine::Answer> answers_;
  std::vector<std::pair<SessionId, Notice>> notices_;
  std::vector<NotifyWatchers> watched_;
  std::vector<Audited> audited_;
  std::vector<NodeChanged> changes_;
  std::vector<std::string> warnings_;

 private:
  void Take(Effects effects);

  std::set<NodeIndex> in_hand_;
  std::deque<Asked> to_obey_;
  SessionId last_session_ = 0;
  RequestId last_request_ = 0;
};

}  // namespace redlockd::engine
