#include "daemon/engine/agenda.h"

namespace redlockd::engine {

std::optional<Time> Agenda::Next() const {
  if (entries_.empty()) return std::nullopt;
  return entries_.begin()->at;
}

void Agenda::Run(Time now) {
  while (!entries_.empty() && entries_.begin()->at <= now) {
    Alarm& alarm = *entries_.begin()->alarm;
    alarm.Clear();
    const auto ring = alarm.ring_;  // a copy: the alarm may die of it
    ring(now);
  }
}

void Alarm::Set(Time at) {
  if (at_ == at) return;
  Clear();
  at_ = at;
  agenda_.entries_.insert({at, id_, this});
}

void Alarm::Clear() {
  if (!at_) return;
  agenda_.entries_.erase({*at_, id_, this});
  at_.reset();
}

}  // namespace redlockd::engine
