#include "tests/sim/crowd.h"

#include <algorithm>
#include <cstdio>
#include <deque>
#include <optional>
#include <stdexcept>
#include <string>
#include <variant>
#include <vector>

#include "tests/sim/hosts.h"

namespace redlockd::sim {
namespace {

using namespace std::chrono_literals;

constexpr char kLock[] = "hot";
constexpr Duration kHold = 2ms;
constexpr engine::RequestId kRequest = 1;

double Seconds(Duration duration) { return static_cast<double>(duration.count()) / 1e9; }
double Milliseconds(Duration duration) { return 1e3 * Seconds(duration); }

// Who holds the lock, since when it is free, and what was seen of that.
class Log {
 public:
  explicit Log(const Timeline& timeline) : timeline_(timeline) {}

  void Granted(Duration waited) {
    if (held_) is_exclusive_ = false;
    held_ = true;
    ++grants_;
    longest_wait_ = std::max(longest_wait_, waited);
    longest_gap_ = std::max(longest_gap_, timeline_.now() - free_since_);
  }
  void Released() {
    held_ = false;
    free_since_ = timeline_.now();
  }
  // Counts from now on.
  void Begin() {
    grants_ = 0;
    longest_wait_ = longest_gap_ = Duration{};
    free_since_ = std::max(free_since_, timeline_.now());
  }

  std::size_t grants() const { return grants_; }
  Duration longest_wait() const { return longest_wait_; }
  // Also the one that has not ended yet.
  Duration longest_gap() const {
    return held_ ? longest_gap_ : std::max(longest_gap_, timeline_.now() - free_since_);
  }
  bool is_exclusive() const { return is_exclusive_; }

 private:
  const Timeline& timeline_;
  bool held_ = false;
  bool is_exclusive_ = true;
  Moment free_since_{};
  std::size_t grants_ = 0;
  Duration longest_wait_{}, longest_gap_{};
};

// Takes the lock again and again.
class Taker : public SessionUser {
 public:
  Taker(Timeline& timeline, Log& log, SimDaemon& daemon)
      : timeline_(timeline), log_(log), daemon_(daemon) {}

  void Begin() {
    session_ = daemon_.Open(*this);
    Lock();
  }
  // For how long it will hold it each time.
  void Hold(Duration hold) { hold_ = hold; }
  std::size_t grants() const { return grants_; }

  void OnAnswer(engine::RequestId, const engine::Answer& answer) override {
    const auto* granted = std::get_if<engine::Granted>(&answer);
    if (granted == nullptr) return;
    ++grants_;
    fence_ = granted->fence;
    log_.Granted(timeline_.now() - asked_);
    timeline_.After(hold_, [this, fence = *fence_] {
      if (fence_ == fence) LetGo();
    });
  }
  void OnNotice(const engine::Notice& notice) override {
    if (notice.kind == engine::Notice::Kind::kLost) Forget();
  }
  void OnHangUp() override {
    session_.reset();
    Forget();
  }
  bool CountsOn(const std::string&, engine::Fence fence) const override { return fence_ == fence; }

 private:
  void Lock() {
    asked_ = timeline_.now();
    daemon_.Feed(engine::LockRequested{.session = *session_, .request = kRequest, .name = kLock});
  }
  void LetGo() {
    Forget();
    daemon_.Feed(engine::UnlockRequested{.session = *session_, .request = kRequest, .name = kLock});
    Lock();
  }
  void Forget() {
    if (fence_) log_.Released();
    fence_.reset();
  }

  Timeline& timeline_;
  Log& log_;
  SimDaemon& daemon_;
  Duration hold_ = kHold;
  std::optional<engine::SessionId> session_;
  std::optional<engine::Fence> fence_;
  Moment asked_{};
  std::size_t grants_ = 0;
};

class Crowd {
 public:
  Crowd(const CrowdWanted& wanted, const ScriptSet& scripts);

  bool Run();

 private:
  void Pass(Duration time) { hosts_.Pass(time); }
  // What the nodes have done so far, per node.
  struct Work {
    double scripts, introductions, messages;
  };
  Work Done() const;
  void TakeTurns();
  void WaitForOne();
  void LoseFirst();
  void LoseHalf();
  std::string AwaitHolder();

  Hosts hosts_;
  Timeline& timeline_ = hosts_.timeline;
  std::deque<SimNode>& nodes_ = hosts_.nodes;
  std::deque<SimDaemon>& daemons_ = hosts_.daemons;
  Log log_{timeline_};
  std::deque<Taker> takers_;
};

Crowd::Crowd(const CrowdWanted& wanted, const ScriptSet& scripts)
    : hosts_(scripts, wanted.daemons) {
  for (SimDaemon& daemon : daemons_) takers_.emplace_back(timeline_, log_, daemon);
  Pass(3s);
}

Crowd::Work Crowd::Done() const {
  Work work{};
  for (const SimNode& node : nodes_) {
    work.scripts += static_cast<double>(node.scripts()) / Hosts::kNodes;
    work.introductions += static_cast<double>(node.introductions()) / Hosts::kNodes;
    work.messages += static_cast<double>(node.published()) / Hosts::kNodes;
  }
  return work;
}

// Each has had the lock before it is counted.
void Crowd::TakeTurns() {
  for (Taker& taker : takers_) {
    taker.Begin();
    Pass(1ms);
  }
  Pass(5 * daemons_.size() * 1ms + 1s);
  log_.Begin();
  const Work before = Done();
  const Moment since = timeline_.now();
  Pass(5s);
  const Work after = Done();
  const auto grants = static_cast<double>(log_.grants());
  std::printf("grants a second                       %.0f\n",
              grants / Seconds(timeline_.now() - since));
  std::printf("scripts a grant, on each node         %.1f\n",
              (after.scripts - before.scripts) / grants);
  std::printf("messages a grant, on each node        %.1f\n",
              (after.messages - before.messages) / grants);
  std::printf("longest wait                          %.0f ms\n", Milliseconds(log_.longest_wait()));
  std::printf("longest time without a grant          %.0f ms\n", Milliseconds(log_.longest_gap()));
}

// One holds it, and all others wait.
void Crowd::WaitForOne() {
  constexpr Duration kLong = 25s;
  for (Taker& taker : takers_) taker.Hold(kLong);
  Pass(10s);
  const Work before = Done();
  Pass(10s);
  const Work after = Done();
  std::printf("scripts a second, while one holds it  %.0f\n",
              (after.scripts - before.scripts) / 10);
  std::printf("introductions a second                %.0f\n",
              (after.introductions - before.introductions) / 10);
  for (Taker& taker : takers_) taker.Hold(kHold);
  Pass(kLong);
}

// Who has the lock or asks for it just now keeps it from the others for its ttl, which is no matter of
// the queue. So those die who wait while another has it.
void Crowd::LoseFirst() {
  log_.Begin();
  const std::string holder = AwaitHolder();
  const std::string first = nodes_.front().FirstBut(holder, kLock);
  for (SimDaemon& daemon : daemons_) {
    if (daemon.Instance() == first) daemon.Kill();
  }
  Pass(2s);
  std::printf("longest gap, the first host has died  %.0f ms\n", Milliseconds(log_.longest_gap()));
}

void Crowd::LoseHalf() {
  log_.Begin();
  const std::string holder = AwaitHolder();
  for (std::size_t d = 0; d < daemons_.size(); d += 2) {
    if (daemons_[d].running() && daemons_[d].Instance() != holder) daemons_[d].Kill();
  }
  constexpr Duration kAfter = 5s;
  Pass(kAfter);
  std::printf("longest gap, half of all have died    %.0f ms\n", Milliseconds(log_.longest_gap()));
  std::printf("grants a second, half of all dead     %.0f\n",
              static_cast<double>(log_.grants()) / Seconds(kAfter));
}

// The daemon that has the lock, in the middle of its hold.
std::string Crowd::AwaitHolder() {
  for (int i = 0; i < 100'000; ++i) {
    for (SimDaemon& daemon : daemons_) {
      if (daemon.running() && daemon.Holds() > 0) {
        Pass(kHold / 2);
        if (daemon.Holds() > 0) return daemon.Instance();
      }
    }
    Pass(100us);
  }
  throw std::runtime_error("nobody has had the lock for 10 s");
}

bool Crowd::Run() {
  std::printf("daemons                               %zu\n", daemons_.size());
  TakeTurns();
  WaitForOne();
  LoseFirst();
  LoseHalf();
  const bool all_served = std::all_of(takers_.begin(), takers_.end(),
                                      [](const Taker& taker) { return taker.grants() > 0; });
  const bool is_good = log_.is_exclusive() && all_served && hosts_.checker.violations().empty();
  for (const Violation& violation : hosts_.checker.violations()) {
    std::printf("%s\n", ToText(violation).c_str());
  }
  std::printf("verdict                               %s\n", is_good ? "PASS" : "FAIL");
  return is_good;
}

}  // namespace

bool RunCrowd(const CrowdWanted& wanted, const ScriptSet& scripts) {
  return Crowd(wanted, scripts).Run();
}

}  // namespace redlockd::sim
