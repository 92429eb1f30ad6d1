#include "daemon/engine/waits_for.h"

#include <algorithm>
#include <utility>

namespace redlockd::engine {
namespace {

constexpr std::size_t kFewestBuckets = 64;

}  // namespace

WaitsFor::Wait::Wait(WaitsFor& all, const Lockable& lock, TaskId task, SessionId session,
                     RequestId request)
    : all_(all),
      lock_(lock),
      task_(task),
      session_(session),
      request_(request),
      number_(++all.last_number_) {
  if (++all_.count_ > all_.buckets_.size()) all_.Grow();
  all_.Insert(*this);
}

WaitsFor::Wait::~Wait() {
  --all_.count_;
  *link_ = next_;
  if (next_ != nullptr) next_->link_ = link_;
}

std::size_t WaitsFor::BucketOf(TaskId task) const {
  const std::uint64_t mixed = (task.session + task.number * 31) * 0x9e3779b97f4a7c15;
  return static_cast<std::size_t>(mixed >> 32) & (buckets_.size() - 1);
}

void WaitsFor::Insert(Wait& wait) {
  Wait*& first = buckets_[BucketOf(wait.task_)];
  wait.next_ = std::exchange(first, &wait);
  wait.link_ = &first;
  if (wait.next_ != nullptr) wait.next_->link_ = &wait.next_;
}

void WaitsFor::Grow() {
  const std::vector<Wait*> before =
      std::exchange(buckets_, std::vector<Wait*>(std::max(kFewestBuckets, 2 * buckets_.size())));
  for (Wait* first : before) {
    for (Wait* wait = first; wait != nullptr;) Insert(*std::exchange(wait, wait->next_));
  }
}

// Until `visit` returns false.
template <typename Visit>
void WaitsFor::ForEachOf(TaskId task, Visit visit) const {
  if (buckets_.empty()) return;
  for (const Wait* wait = buckets_[BucketOf(task)]; wait != nullptr; wait = wait->next_) {
    if (wait->task_ == task && !visit(*wait)) return;
  }
}

bool WaitsFor::Waits(TaskId task) const {
  bool waits = false;
  ForEachOf(task, [&](const Wait&) { return !std::exchange(waits, true); });
  return waits;
}

// By breadth: each wait leads to the tasks that hold its lock, and so to the waits of those.
std::optional<WaitsFor::Cycle> WaitsFor::CycleOf(TaskId task) const {
  // Hardly any holder waits, and then this is all.
  bool leads_on = false;
  std::size_t looked_at = 0;
  ForEachOf(task, [&](const Wait& wait) {
    bool is_further = false;
    wait.ForEachHolder([&](TaskId holder) {
      leads_on = holder == task || Waits(holder);
      if (std::exchange(is_further, true)) ++looked_at;
      return !leads_on && looked_at < kMostWaits;
    });
    return !leads_on && ++looked_at < kMostWaits;
  });
  if (!leads_on) return std::nullopt;
  std::vector<Reached> reached;
  AddWaits(task, kNone, reached);
  std::vector<TaskId> seen;
  looked_at = 0;
  for (std::size_t i = 0; i < reached.size(); ++i) {
    bool is_closed = false;
    const Wait& wait = *reached[i].wait;
    wait.ForEachHolder([&](TaskId holder) {
      is_closed = holder == task;
      if (is_closed) return false;
      const bool is_new = std::find(seen.begin(), seen.end(), holder) == seen.end();
      if (is_new && AddWaits(holder, i, reached)) seen.push_back(holder);
      return ++looked_at < kMostWaits;
    });
    if (is_closed) return CycleTo(reached, i);
  }
  return std::nullopt;
}

// Whether it waits at all.
bool WaitsFor::AddWaits(TaskId task, std::size_t before, std::vector<Reached>& reached) const {
  bool waits = false;
  ForEachOf(task, [&](const Wait& wait) {
    waits = true;
    if (reached.size() < kMostWaits) reached.push_back({&wait, before});
    return reached.size() < kMostWaits;
  });
  return waits;
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
  for (std::size_t i = 0; i < waits.size(); ++i) {  // each is for a lock of the next one's task
    const Wait& next = *waits[(i + 1) % waits.size()];
    cycle.waits.push_back({waits[i]->lock_.name(), next.task_});
  }
  return cycle;
}

}  // namespace redlockd::engine
