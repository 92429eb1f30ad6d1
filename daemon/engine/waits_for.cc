#include "daemon/engine/waits_for.h"

#include <algorithm>
#include <unordered_set>

namespace redlockd::engine {

WaitsFor::Wait::Wait(WaitsFor& all, const Lockable& lock, TaskId task, SessionId session,
                     RequestId request)
    : all_(all),
      lock_(lock),
      task_(task),
      session_(session),
      request_(request),
      number_(++all.last_number_) {
  all_.waits_.emplace(task_, this);
}

WaitsFor::Wait::~Wait() {
  const auto [first, last] = all_.waits_.equal_range(task_);
  all_.waits_.erase(
      std::find_if(first, last, [this](const auto& entry) { return entry.second == this; }));
}

// By breadth: each wait leads to the task that holds its lock, and so to the waits of that task.
std::optional<WaitsFor::Cycle> WaitsFor::CycleOf(TaskId task) const {
  std::vector<Reached> reached;
  if (!AddWaits(task, kNone, reached)) return std::nullopt;
  std::unordered_set<TaskId, Hash> seen;
  for (std::size_t i = 0; i < reached.size(); ++i) {
    const TaskId holder = reached[i].wait->lock_.HeldBy();
    if (holder == task) return CycleTo(reached, i);
    if (!seen.contains(holder) && AddWaits(holder, i, reached)) seen.insert(holder);
  }
  return std::nullopt;
}

// Whether it waits at all, which hardly any holder does.
bool WaitsFor::AddWaits(TaskId task, std::size_t before, std::vector<Reached>& reached) const {
  const auto [first, last] = waits_.equal_range(task);
  for (auto at = first; at != last && reached.size() < kMostWaits; ++at) {
    reached.push_back({at->second, before});
  }
  return first != last;
}

WaitsFor::Cycle WaitsFor::CycleTo(const std::vector<Reached>& reached, std::size_t last) {
  std::vector<const Wait*> waits;
  for (std::size_t at = last; at != kNone; at = reached[at].before) {
    waits.push_back(reached[at].wait);
  }
  std::reverse(waits.begin(), waits.end());
  std::rotate(
      waits.begin(),
      std::max_element(waits.begin(), waits.end(),
                       [](const Wait* a, const Wait* b) { return a->number_ < b->number_; }),
      waits.end());
  Cycle cycle{waits.front()->session_, waits.front()->request_, {}};
  for (const Wait* wait : waits) {
    cycle.waits.push_back({wait->lock_.name(), wait->lock_.HeldBy()});
  }
  return cycle;
}

}  // namespace redlockd::engine
