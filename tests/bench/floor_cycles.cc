#include "tests/bench/floor.h"
#include "tests/bench/floor_rounds.h"
#include "tests/bench/measure.h"

namespace redlockd::bench {
namespace {

class Floor {
 public:
  explicit Floor(const FloorOptions& options)
      : options_(options),
        locks_(static_cast<std::size_t>(options.in_flight)),
        rounds_(
            options.ports, locks_.size(), [this](std::size_t lock) { GoOn(lock); },
            options.plain ? FloorNode::Commands::kPlain : FloorNode::Commands::kOurs) {}

  void Run() {
    const Nanoseconds cpu = CpuTime();
    const Nanoseconds end = Now() + Seconds(options_.seconds);
    for (std::size_t lock = 0; lock < locks_.size(); ++lock) Begin(lock);
    while (Now() < end) rounds_.Turn();
    cpu_ = CpuTime() - cpu;
  }

  nlohmann::json Result() const {
    nlohmann::json result = {{"per_second", static_cast<double>(cycles_.size()) / options_.seconds},
                             {"acquire", Summary(acquires_)},
                             {"cycle", Summary(cycles_)}};
    if (!cycles_.empty()) {
      result["cpu_us"] = static_cast<double>(cpu_) / 1000 / static_cast<double>(cycles_.size());
    }
    return result;
  }

 private:
  struct Lock {
    bool releases = false;  // acquires first
    Nanoseconds began = 0;
  };

  void Begin(std::size_t number) {
    locks_[number] = {.releases = false, .began = Now()};
    rounds_.Acquire(number);
  }

  void GoOn(std::size_t number) {
    Lock& lock = locks_[number];
    const Nanoseconds took = Now() - lock.began;
    if (!lock.releases) {
      acquires_.push_back(took);
      lock.releases = true;
      rounds_.Release(number);
    } else {
      cycles_.push_back(took);
      Begin(number);
    }
  }

  const FloorOptions& options_;
  std::vector<Lock> locks_;
  FloorRounds rounds_;
  std::vector<Nanoseconds> acquires_;
  std::vector<Nanoseconds> cycles_;
  Nanoseconds cpu_ = 0;
};

}  // namespace

nlohmann::json RunFloor(const FloorOptions& options) {
  Floor floor(options);
  floor.Run();
  return floor.Result();
}

}  // namespace redlockd::bench
