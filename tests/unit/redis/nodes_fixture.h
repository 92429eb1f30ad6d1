#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "daemon/redis/nodes.h"
#include "tests/support/redis_node.h"
#include "tests/unit/redis/fake_node.h"

namespace redlockd::redis {

using namespace std::chrono_literals;
using engine::NodeAnswer;
using engine::NodeDown;
using engine::NodeHint;
using engine::NodeLinkUp;
using engine::NodeSilence;
using engine::Ticket;
using engine::Verdict;

inline constexpr auto kPatience = test::kPatience;
inline const std::string kInstance = "0123456789abcdef01234567";
inline const std::string kOwner = kInstance + ":1:host";

// The daemon's nodes, in the loop of the test, and what is heard of them.
class NodesTest : public ::testing::Test {
 protected:
  NodesTest() {
    options_.set = {.key_prefix = "",
                    .max_ttl = 2s,
                    .fence_window = 500ms,
                    .fence_life = 20s,
                    .quarantine = 3s,
                    .retry_interval = 100ms,
                    .max_interval = 5s,
                    .first_poll = 500ms};
  }

  NodeOptions& AddNode(const std::string& path) {
    NodeOptions& node = options_.nodes.emplace_back();
    node.address.path = path;
    node.connect_timeout = kPatience;
    node.command_timeout = kPatience;
    return node;
  }
  NodeOptions& AddFake() {
    fake_.emplace(loop_);
    return AddNode(fake_->path());
  }
  void Start() {
    nodes_ = std::make_unique<Nodes>(
        loop_, options_,
        Callbacks{.on_event = [this](const engine::Event& event) { OnEvent(event); },
                  .on_note = [this](engine::NodeIndex,
                                    const std::string& note) { notes_.push_back(note); }});
  }
  void StartAndWaitUp() {
    Start();
    ASSERT_TRUE(Until([this] { return ups_.size() == options_.nodes.size() * options_.links; }));
  }
  bool Until(const std::function<bool()>& condition) {
    return loop_.RunUntil(condition, kPatience);
  }

  virtual void OnEvent(const engine::Event& event) {
    ASSERT_FALSE(asking_) << "an event came from within Ask";
    if (const auto* up = std::get_if<NodeLinkUp>(&event)) ups_.push_back(*up);
    if (const auto* down = std::get_if<NodeDown>(&event)) downs_.push_back(down->reason);
    if (const auto* answer = std::get_if<NodeAnswer>(&event)) answers_.push_back(*answer);
    if (const auto* batch = std::get_if<engine::NodeAnswers>(&event)) {
      answers_.insert(answers_.end(), batch->answers.begin(), batch->answers.end());
    }
    if (const auto* silence = std::get_if<NodeSilence>(&event)) silences_.push_back(*silence);
    if (const auto* hint = std::get_if<NodeHint>(&event)) hints_.push_back(*hint);
    if (const auto* hint = std::get_if<engine::HolderAsked>(&event)) holder_asked_.push_back(*hint);
    if (const auto* hint = std::get_if<engine::HolderNamed>(&event)) named_.push_back(*hint);
    if (on_event_) on_event_(event);
  }

  void Ask(const engine::NodeOp& op, std::uint64_t subject = 0) {
    engine::NodeSet all;
    for (std::size_t i = 0; i < options_.nodes.size(); ++i) all.set(i);
    asking_ = true;
    nodes_->Ask({all, Ticket{Ticket::Kind::kQuery, 0, subject, {}}, op});
    asking_ = false;
  }
  NodeAnswer Answer(const engine::NodeOp& op) {
    const auto before = answers_.size();
    Ask(op);
    EXPECT_TRUE(Until([&] { return answers_.size() > before; }));
    return answers_.size() > before ? answers_.back() : NodeAnswer{};
  }
  static engine::AcquireOp Acquire(const std::string& lock = "job") {
    return {lock, kOwner, 1s, 0};
  }
  std::size_t Gone() const {
    return static_cast<std::size_t>(
        std::count_if(silences_.begin(), silences_.end(), [](const auto& s) { return s.gone; }));
  }
  std::size_t TimedOut() const { return silences_.size() - Gone(); }

  event::Loop loop_;
  Options options_;
  std::optional<FakeNode> fake_;
  std::unique_ptr<Nodes> nodes_;
  bool asking_ = false;
  std::function<void(const engine::Event&)> on_event_;
  std::vector<NodeLinkUp> ups_;
  std::vector<std::string> downs_;
  std::vector<NodeAnswer> answers_;
  std::vector<NodeSilence> silences_;
  std::vector<NodeHint> hints_;
  std::vector<engine::HolderAsked> holder_asked_;
  std::vector<engine::HolderNamed> named_;
  std::vector<std::string> notes_;
};

}  // namespace redlockd::redis
