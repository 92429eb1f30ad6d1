#include <poll.h>

#include <deque>
#include <stdexcept>

#include "tests/bench/floor.h"
#include "tests/bench/floor_node.h"
#include "tests/bench/measure.h"

namespace redlockd::bench {
namespace {

class Floor {
 public:
  explicit Floor(const FloorOptions& options)
      : options_(options),
        majority_(options.ports.size() / 2 + 1),
        next_cycle_(std::stoll(MicrosecondsNow())),
        slots_(static_cast<std::size_t>(options.in_flight)) {
    for (const int port : options.ports) {
      nodes_.emplace_back(port);
      polled_.push_back({.fd = nodes_.back().fd(), .events = POLLIN, .revents = 0});
    }
    asked_.resize(nodes_.size());
  }

  void Run() {
    const Nanoseconds end = Now() + Seconds(options_.seconds);
    for (std::size_t slot = 0; slot < slots_.size(); ++slot) Acquire(slot);
    while (Now() < end) {
      for (FloorNode& node : nodes_) node.Flush();
      poll(polled_.data(), polled_.size(), 1000);
      for (std::size_t node = 0; node < nodes_.size(); ++node) {
        if (polled_[node].revents != 0) TakeReplies(node);
      }
    }
  }

  nlohmann::json Result() const {
    return {{"per_second", static_cast<double>(cycles_.size()) / options_.seconds},
            {"acquire", Summary(acquires_)},
            {"cycle", Summary(cycles_)}};
  }

 private:
  // One lock on its way.
  struct Slot {
    std::string cycle;
    bool releases = false;  // acquires first
    std::size_t oks = 0;
    unsigned step = 0;  // late replies are those of an earlier one
    Nanoseconds began = 0;
  };
  struct Asked {
    std::size_t slot;
    unsigned step;
  };

  void Acquire(std::size_t number) {
    Slot& slot = slots_[number];
    slot.cycle = std::to_string(next_cycle_++);
    slot.releases = false;
    slot.began = Now();
    const std::string proposal = MicrosecondsNow();
    Ask(
        number, [&](FloorNode & node) -> auto& {
          return node.acquire().With(slot.cycle, proposal);
        });
  }

  void Release(std::size_t number) {
    Slot& slot = slots_[number];
    slot.releases = true;
    Ask(
        number, [&](FloorNode & node) -> auto& { return node.release().With(slot.cycle, {}); });
  }

  template <class Command>
  void Ask(std::size_t number, const Command& command) {
    Slot& slot = slots_[number];
    slot.oks = 0;
    ++slot.step;
    for (std::size_t node = 0; node < nodes_.size(); ++node) {
      nodes_[node].Queue(command(nodes_[node]));
      asked_[node].push_back({number, slot.step});
    }
  }

  void TakeReplies(std::size_t node) {
    nodes_[node].Read();
    while (const ReplyPtr reply = nodes_[node].NextReply()) {
      const Asked asked = asked_[node].front();
      asked_[node].pop_front();
      if (!SaysOk(*reply)) throw std::runtime_error("a node refused the floor");
      Slot& slot = slots_[asked.slot];
      if (asked.step == slot.step && ++slot.oks == majority_) GoOn(asked.slot);
    }
  }

  void GoOn(std::size_t number) {
    const Nanoseconds took = Now() - slots_[number].began;
    if (!slots_[number].releases) {
      acquires_.push_back(took);
      Release(number);
    } else {
      cycles_.push_back(took);
      Acquire(number);
    }
  }

  const FloorOptions& options_;
  const std::size_t majority_;
  long long next_cycle_;
  std::vector<Slot> slots_;
  std::deque<FloorNode> nodes_;
  std::vector<pollfd> polled_;
  std::vector<std::deque<Asked>> asked_;  // by node
  std::vector<Nanoseconds> acquires_;
  std::vector<Nanoseconds> cycles_;
};

}  // namespace

nlohmann::json RunFloor(const FloorOptions& options) {
  Floor floor(options);
  floor.Run();
  return floor.Result();
}

}  // namespace redlockd::bench
