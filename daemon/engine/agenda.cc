#include "daemon/engine/agenda.h"

namespace redlockd::engine {

std::optional<Time> Agenda::Next() {
  Settle();
  if (heap_.empty()) return std::nullopt;
  return heap_.front().at;
}

void Agenda::Run(Time now) {
  for (Settle(); !heap_.empty() && heap_.front().at <= now; Settle()) {
    Alarm& alarm = *heap_.front().alarm;
    Remove(0);
    alarm.Clear();
    const auto ring = alarm.ring_;  // a copy: the alarm may die of it
    ring(now);
  }
}

void Agenda::Settle() {
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
  heap_[place].alarm->place_ = Alarm::kNowhere;
  const Entry last = heap_.back();
  heap_.pop_back();
  if (place == heap_.size()) return;
  const bool rises = place > 0 && last < heap_[(place - 1) / 2];
  rises ? Rise(place, last) : Sink(place, last);
}

void Agenda::Rise(std::size_t place, Entry entry) {
  while (place > 0 && entry < heap_[(place - 1) / 2]) {
    Put(place, heap_[(place - 1) / 2]);
    place = (place - 1) / 2;
  }
  Put(place, entry);
}

void Agenda::Sink(std::size_t place, Entry entry) {
  for (;;) {
    std::size_t child = 2 * place + 1;
    if (child >= heap_.size()) break;
    if (child + 1 < heap_.size() && heap_[child + 1] < heap_[child]) ++child;
    if (!(heap_[child] < entry)) break;
    Put(place, heap_[child]);
    place = child;
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
  at_ = at;
  if (at == kNever) return;
  if (place_ == kNowhere) return agenda_.Insert({at, id_, this});
  if (at < agenda_.heap_[place_].at) agenda_.Rise(place_, {at, id_, this});
}

}  // namespace redlockd::engine
