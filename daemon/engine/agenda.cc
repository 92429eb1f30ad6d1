#include "daemon/engine/agenda.h"

#include <algorithm>

#include "base/check.h"

namespace redlockd::engine {
namespace {

// Each place of the heap has four children. This gives half as many levels as two children would,
// and an alarm that moves touches one other alarm per level, somewhere in memory.
constexpr std::size_t kChildren = 4;
constexpr std::size_t Parent(std::size_t place) { return (place - 1) / kChildren; }

}  // namespace

std::optional<Time> Agenda::Next() {
  Prune();
  if (heap_.empty()) return std::nullopt;
  return heap_.front().at;
}

bool Agenda::RunNext(Time now) {
  Prune();
  if (heap_.empty() || heap_.front().at > now) return false;
  Alarm& alarm = *heap_.front().alarm;
  CHECK(alarm.at_ == heap_.front().at);
  Remove(0);
  alarm.Clear();
  const auto ring = alarm.ring_;  // a copy: the alarm may die of it
  ring(now);
  return true;
}

void Agenda::Prune() {
  while (!heap_.empty()) {
    Entry first = heap_.front();
    if (first.alarm->at_ == first.at) return;
    if (first.alarm->at_ == Alarm::kNever) {
      Remove(0);
    } else {
      first.at = first.alarm->at_;
      Sink(0, first);
    }
  }
}

void Agenda::Insert(Entry entry) {
  heap_.push_back(entry);
  Rise(heap_.size() - 1, entry);
}

void Agenda::Remove(std::size_t place) {
  CHECK(place < heap_.size() && heap_[place].alarm->place_ == place);
  heap_[place].alarm->place_ = Alarm::kNowhere;
  const Entry last = heap_.back();
  heap_.pop_back();
  if (place == heap_.size()) return;
  const bool rises = place > 0 && last < heap_[Parent(place)];
  rises ? Rise(place, last) : Sink(place, last);
}

void Agenda::Rise(std::size_t place, Entry entry) {
  while (place > 0 && entry < heap_[Parent(place)]) {
    Put(place, heap_[Parent(place)]);
    place = Parent(place);
  }
  Put(place, entry);
}

void Agenda::Sink(std::size_t place, Entry entry) {
  for (;;) {
    const auto begin = heap_.begin();
    const auto first =
        begin + static_cast<std::ptrdiff_t>(std::min(kChildren * place + 1, heap_.size()));
    const auto last =
        begin + static_cast<std::ptrdiff_t>(std::min(kChildren * (place + 1) + 1, heap_.size()));
    const auto least = std::min_element(first, last);
    if (least == last || !(*least < entry)) break;
    Put(place, *least);
    place = static_cast<std::size_t>(least - begin);
  }
  Put(place, entry);
}

void Agenda::Put(std::size_t place, const Entry& entry) {
  heap_[place] = entry;
  entry.alarm->place_ = place;
}

Alarm::~Alarm() {
  if (place_ != kNowhere) agenda_.Remove(place_);
}

void Alarm::Set(Time at) {
  CHECK(place_ == kNowhere || agenda_.heap_[place_].alarm == this);
  at_ = at;
  if (at == kNever) return;
  if (place_ == kNowhere) return agenda_.Insert({at, id_, this});
  if (at < agenda_.heap_[place_].at) agenda_.Rise(place_, {at, id_, this});
}

}  // namespace redlockd::engine
