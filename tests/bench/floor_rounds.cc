#include "tests/bench/floor_rounds.h"

#include <stdexcept>
#include <utility>

namespace redlockd::bench {

FloorRounds::FloorRounds(const std::vector<int>& ports, std::size_t locks, Done done,
                         FloorNode::Commands commands)
    : done_(std::move(done)),
      majority_(ports.size() / 2 + 1),
      next_cycle_(std::stoll(MicrosecondsNow())),
      locks_(locks),
      asked_(ports.size()) {
  for (const int port : ports) {
    nodes_.emplace_back(port, commands);
    polled_.push_back({.fd = nodes_.back().fd(), .events = POLLIN, .revents = 0});
  }
  polled_.push_back({.fd = -1, .events = POLLIN, .revents = 0});
}

void FloorRounds::Acquire(std::size_t lock) {
  const std::string& cycle = locks_[lock].cycle = std::to_string(next_cycle_++);
  const std::string proposal = MicrosecondsNow();
  Ask(
      lock, [&](FloorNode & node) -> auto& { return node.acquire().With(cycle, proposal); });
}

void FloorRounds::Release(std::size_t lock) {
  const std::string& cycle = locks_[lock].cycle;
  Ask(
      lock, [&](FloorNode & node) -> auto& { return node.release().With(cycle, {}); });
}

template <class Command>
void FloorRounds::Ask(std::size_t lock, const Command& command) {
  locks_[lock].oks = 0;
  const unsigned step = ++locks_[lock].step;
  for (std::size_t node = 0; node < nodes_.size(); ++node) {
    nodes_[node].Queue(command(nodes_[node]));
    asked_[node].push_back({lock, step});
  }
}

bool FloorRounds::Turn(int other) {
  for (FloorNode& node : nodes_) node.Flush();
  polled_.back().fd = other;
  polled_.back().revents = 0;
  poll(polled_.data(), polled_.size(), 1000);
  for (std::size_t node = 0; node < nodes_.size(); ++node) {
    if (polled_[node].revents != 0) TakeReplies(node);
  }
  return polled_.back().revents != 0;
}

void FloorRounds::TakeReplies(std::size_t node) {
  nodes_[node].Read();
  while (const ReplyPtr reply = nodes_[node].NextReply()) {
    const Asked asked = asked_[node].front();
    asked_[node].pop_front();
    if (!SaysOk(*reply)) throw std::runtime_error("a node refused the floor");
    Lock& lock = locks_[asked.lock];
    if (asked.step == lock.step && ++lock.oks == majority_) done_(asked.lock);
  }
}

}  // namespace redlockd::bench
