#include "tests/unit/engine/want_queue.h"

#include <algorithm>
#include <iterator>

namespace redlockd::engine {
namespace {

constexpr NodeTime kFarthestAhead = 600'000'000;  // 10 min
constexpr int kMostAhead = 32;
constexpr int kMostCalledBeside = 16;

// Rounded up.
std::int64_t Milliseconds(NodeTime us) { return (us + 999) / 1000; }

}  // namespace

void WantQueue::Expire(NodeTime now) {
  if (now / 1000 > last_ms_) *this = {};
}

std::uint32_t WantQueue::Register(NodeTime now, const Timing& timing, const std::string& instance,
                                  const AcquireOp& op, bool shares, bool hears) {
  if (const auto old = Find(instance); old != entries_.end()) entries_.erase(old);
  const auto at = entries_.try_emplace({op.stamp, instance}).first;
  const auto place = static_cast<std::uint32_t>(std::distance(entries_.begin(), at)) + 1;
  const Duration interval = timing.Interval(place);
  const NodeTime life = Us(std::min(6 * interval, op.most_life));
  const Duration comes_in = hears ? timing.retry_interval : std::min(interval, timing.FirstPoll());
  at->second = {.until = now + life,
                .at = now + Us(comes_in + op.grace),
                .grace = Us(op.grace),
                .mode = hears ? Mode::kHears : Mode::kDeaf,
                .shares = shares};
  Live(now, life);
  return place;
}

void WantQueue::Put(NodeTime now, const Place& place, const Entry& entry) {
  Leave(place.second);
  entries_[place] = entry;
  Live(now, entry.until - now);
}

// Rule E8.1: it is there for longer than any entry is fresh.
void WantQueue::Live(NodeTime now, NodeTime life) {
  if (last_ms_ - now / 1000 >= Milliseconds(life)) return;
  last_ms_ = now / 1000 + Milliseconds(2 * life);
}

bool WantQueue::Leave(const std::string& instance) {
  const auto found = Find(instance);
  if (found == entries_.end()) return false;
  entries_.erase(found);
  if (entries_.empty()) *this = {};
  return true;
}

void WantQueue::Drop(Entries::iterator entry, bool was_called) {
  if (was_called) ahead_ = std::min(2 * ahead_, kMostAhead);
  entries_.erase(entry);
  if (entries_.empty()) *this = {};
}

void WantQueue::NoteGrant() { ahead_ = std::max(ahead_ - 1, 1); }

std::optional<WantQueue::Other> WantQueue::FirstBut(NodeTime now, const std::string& instance) {
  for (auto at = entries_.begin(); at != entries_.end();) {
    const auto entry = at++;
    const auto& [place, says] = *entry;
    if (place.second == instance) continue;
    if (says.until <= now || place.first > now + kFarthestAhead) {
      Drop(entry, says.mode == Mode::kCalled);
      continue;
    }
    Other first{place};
    for (const auto& [other, unused] : entries_) {
      const bool counts = other.second != instance && other.first <= now + kFarthestAhead;
      if (counts) first.greatest = other.first;
    }
    return first;
  }
  return std::nullopt;
}

bool WantQueue::CallOne(NodeTime now, Entries::value_type& entry, const Publish& publish) {
  auto& [place, says] = entry;
  const bool is_heard = publish(NodeHint::Kind::kFree, place.second, Duration(0));
  if (!is_heard && says.mode == Mode::kHears) return false;  // rule E8.6
  says.until = std::min(says.until, std::max(now + says.grace, says.at));
  says.mode = Mode::kCalled;
  return true;
}

std::pair<std::optional<WantQueue::Other>, Duration> WantQueue::Call(NodeTime now,
                                                                     const std::string& instance,
                                                                     std::optional<Other> first,
                                                                     bool is_shared,
                                                                     const Publish& publish) {
  const std::optional<Other> before = first;
  while (first) {
    const auto entry = entries_.find(first->place);
    if (is_shared && !entry->second.shares) return {first, Duration(0)};
    const bool is_new = entry->second.mode != Mode::kCalled;
    if (!is_new || CallOne(now, *entry, publish)) {
      const Duration rest = std::chrono::microseconds(entry->second.until - now);
      if (entry->second.shares) CallBeside(now, instance, first->place, publish);
      if (!is_shared && (is_new || ahead_ > 1))
        CallAhead(now, instance, first->place, rest, !is_new, publish);
      // Of those that were the greatest before, some may have been dropped by now.
      return {first->place == before->place ? first : FirstBut(now, instance), rest};
    }
    Drop(entry, true);
    first = FirstBut(now, instance);
  }
  return {std::nullopt, Duration(0)};
}

std::optional<WantQueue::Place> WantQueue::FirstAlone(NodeTime now,
                                                      const std::string& instance) const {
  for (const auto& [place, says] : entries_) {
    const bool is_fresh = says.until > now && place.first <= now + kFarthestAhead;
    if (place.second != instance && is_fresh && !says.shares) return place;
  }
  return std::nullopt;
}

// Rule F7.
void WantQueue::CallBeside(NodeTime now, const std::string& instance, const Place& first,
                           const Publish& publish) {
  int calls = kMostCalledBeside - 1;
  for (auto at = std::next(entries_.find(first)); at != entries_.end();) {
    const auto entry = at++;
    const auto& [place, says] = *entry;
    const bool is_fresh = says.until > now && place.first <= now + kFarthestAhead;
    if (place.second == instance || !is_fresh) continue;
    if (!says.shares || calls == 0) return;
    if (says.mode == Mode::kCalled) continue;
    --calls;
    if (!CallOne(now, *entry, publish)) Drop(entry, true);
  }
}

// Rules E8.7, E8.8.
void WantQueue::CallAhead(NodeTime now, const std::string& instance, const Place& first,
                          Duration rest, bool next_knows, const Publish& publish) {
  int more = ahead_ - 1;
  auto at = std::next(entries_.find(first));
  // Whoever is far behind those that are called is no next one.
  auto looks = 2 * more + 4 - std::distance(entries_.begin(), at);
  while (at != entries_.end() && looks-- > 0) {
    const auto entry = at++;
    const auto& [place, says] = *entry;
    if (place.second == instance) continue;
    const bool is_waiting = says.mode != Mode::kCalled;
    if (is_waiting && more > 0 && now >= says.at - says.grace) {
      if (!CallOne(now, *entry, publish)) {
        Drop(entry, true);
        ++more;
      }
    } else if (is_waiting && !next_knows) {
      next_knows = true;
      publish(NodeHint::Kind::kNext, place.second, rest);
    }
    if (--more < 0 && next_knows) return;
  }
}

WantQueue::Entries::const_iterator WantQueue::Find(const std::string& instance) const {
  return std::find_if(entries_.begin(), entries_.end(),
                      [&](const auto& entry) { return entry.first.second == instance; });
}

Stamp WantQueue::StampOf(const std::string& instance) const {
  const auto found = Find(instance);
  return found == entries_.end() ? 0 : found->first.first;
}

std::uint32_t WantQueue::PlaceOf(const std::string& instance) const {
  return static_cast<std::uint32_t>(std::distance(entries_.begin(), Find(instance))) + 1;
}

bool WantQueue::IsFresh(NodeTime now, const std::string& instance) const {
  const auto found = Find(instance);
  return found != entries_.end() && found->second.until > now;
}

bool WantQueue::IsFirst(const std::string& instance) const {
  return !entries_.empty() && entries_.begin()->first.second == instance;
}

}  // namespace redlockd::engine
