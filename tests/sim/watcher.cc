#include "tests/sim/watcher.h"

#include <algorithm>
#include <utility>
#include <variant>

namespace redlockd::sim {

using namespace std::chrono_literals;
using What = engine::WatchNotice::What;

Watcher::Watcher(const Parts& parts) : parts_(parts), chance_(parts.seed, 'w', parts.number) {
  if (chance_.OneIn(3)) lock_ = "all";
  Come();
}

void Watcher::Broken(const std::string& what) {
  parts_.checker.Broken(Promise::kWatched,
                        "the watcher of daemon " + std::to_string(parts_.number) + " " + what);
}

void Watcher::Come() {
  if (is_home_) return;
  if (!parts_.daemon.up()) {
    return parts_.timeline.After(1ms + chance_.UpTo(20ms), [this] { Come(); });
  }
  session_ = parts_.daemon.Open(*this);
  parts_.daemon.Feed(engine::WatchRequested{*session_, 1, lock_});
}

void Watcher::GoHome() {
  is_home_ = true;
  if (session_) parts_.daemon.Close(*std::exchange(session_, std::nullopt));
  has_begun_ = false;
}

void Watcher::OnHangUp() {
  session_.reset();
  has_begun_ = false;
  parts_.timeline.After(1ms, [this] { Come(); });
}

std::map<std::string, engine::Fence> Watcher::Held() const {
  auto held = parts_.daemon.HeldFences();
  if (!lock_.empty()) std::erase_if(held, [this](const auto& h) { return h.first != lock_; });
  return held;
}

void Watcher::OnAnswer(engine::RequestId, const engine::Answer& answer) {
  if (!std::holds_alternative<engine::Done>(answer)) return Broken("may not watch");
  // What is held when the step is over, in which the watch began.
  parts_.timeline.After(0ns, [this, session = session_] {
    if (session_ != session) return;
    has_begun_ = true;
    held_.clear();
    kept_.clear();
    wanted_.clear();
    const auto counts = parts_.daemon.HoldCounts();
    for (const auto& [lock, fence] : Held()) {
      held_[lock].assign(counts.at(lock), Hold{fence, std::nullopt});
    }
  });
}

void Watcher::OnWatch(const engine::WatchNotice& notice) {
  if (!has_begun_) return;
  const std::string& lock = notice.name;
  if (!lock_.empty() && lock != lock_) return Broken("hears of " + lock + ", and watches " + lock_);
  switch (notice.what) {
    case What::kGranted:
      if (held_.contains(lock) && held_.at(lock).front().fence != notice.fence) {
        Broken("hears of two holds of " + lock);
      }
      if (kept_.contains(lock)) Broken("hears of a grant of " + lock + ", which is kept");
      held_[lock].push_back({notice.fence, notice.pid});
      wanted_.erase(lock);
      return;
    case What::kUnlocked:
    case What::kClosed:
    case What::kLost:
      return OnEnded(notice);
    case What::kWanted:
      return OnWanted(notice);
    case What::kKept:
      if (held_.contains(lock)) Broken("hears that " + lock + " is kept, and held");
      kept_.insert(lock);
      return;
    case What::kReleased:
      if (held_.contains(lock)) Broken("hears that " + lock + " is released, and held");
      kept_.erase(lock);
      return;
  }
}

void Watcher::OnEnded(const engine::WatchNotice& notice) {
  const auto held = held_.find(notice.name);
  if (held == held_.end()) return Broken("hears of the end of no hold of " + notice.name);
  auto& holds = held->second;
  if (holds.front().fence != notice.fence) Broken("hears of the end of another hold");
  auto hold = std::ranges::find(holds, std::optional(notice.pid), &Hold::pid);
  if (hold == holds.end()) {
    hold = std::ranges::find(holds, std::optional<std::int32_t>(), &Hold::pid);
  }
  if (hold == holds.end()) return Broken("hears of another holder");
  holds.erase(hold);
  if (holds.empty()) held_.erase(held);
}

void Watcher::OnWanted(const engine::WatchNotice& notice) {
  const auto held = held_.find(notice.name);
  const engine::Fence fence = held == held_.end() ? 0 : held->second.front().fence;
  if (fence != notice.fence) Broken("hears that another hold of " + notice.name + " is wanted");
  if (!wanted_.insert(notice.name).second) Broken("hears twice that " + notice.name + " is wanted");
}

void Watcher::Audit() {
  if (!has_begun_ || parts_.daemon.is_resuming()) return;
  std::map<std::string, engine::Fence> heard;
  for (const auto& [lock, holds] : held_) heard[lock] = holds.front().fence;
  if (heard != Held()) Broken("has not heard what is held");
  const auto counts = parts_.daemon.HoldCounts();
  for (const auto& [lock, holds] : held_) {
    const auto count = counts.find(lock);
    if (count != counts.end() && count->second != holds.size()) {
      Broken("has not heard how many hold " + lock);
    }
  }
}

}  // namespace redlockd::sim
