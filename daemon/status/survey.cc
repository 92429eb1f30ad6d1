#include "daemon/status/survey.h"

#include <algorithm>
#include <variant>

#include "base/check.h"

namespace redlockd::status {
namespace {

engine::RowPlace After(const engine::HoldView& hold) { return {hold.name, 0, hold.place + 1}; }
engine::RowPlace After(const engine::KeptView& kept) { return {kept.name, 1}; }
engine::RowPlace After(const engine::WaitView& wait) { return {wait.name, wait.place + 1}; }

}  // namespace

void Survey::Begin(engine::Time now) {
  CHECK(!is_under_way_);
  is_under_way_ = true;
  began_ = now;
  next_ = {};
  lock_ = {};
  holder_.reset();
  hidden_ = 0;
}

void Survey::GoOn() {
  CHECK(is_under_way_);
  for (int batch = 0; batch < kBatches; ++batch) {
    const auto rows = sources_.rows(next_, kRows);
    for (const engine::RowView& row : rows) {
      std::visit(
          [&](const auto& view) {
            next_ = After(view);
            if (sources_.may_show(view.name)) return Take(view);
            ++hidden_;
          },
          row);
    }
    if (rows.size() >= kRows) continue;
    OfferLock();
    last_ = Findings{began_, hot_.Take(), waits_.Take(), hidden_};
    is_under_way_ = false;
    return;
  }
}

engine::Duration Survey::Since(engine::Time then) const {
  return std::max(began_ - then, engine::Duration(0));
}

void Survey::Take(const engine::HoldView& hold) {
  TurnTo(hold.name);
  lock_.is_held = true;
  lock_.held = Since(hold.granted);
  holder_ = hold.session;
}

void Survey::Take(const engine::KeptView& kept) { TurnTo(kept.name); }

void Survey::Take(const engine::WaitView& wait) {
  TurnTo(wait.name);
  const engine::Duration waited = Since(wait.since);
  ++lock_.waiting;
  lock_.longest_wait = std::max(lock_.longest_wait, waited);
  waits_.Offer(waited, [&] {
    return Wait{wait.name, waited, wait.place, sources_.client_of(wait.session)};
  });
}

void Survey::TurnTo(const std::string& lock) {
  if (lock_.name == lock) return;
  OfferLock();
  lock_ = {};
  lock_.name = lock;
  holder_.reset();
}

// All rows of the lock have been read.
void Survey::OfferLock() {
  if (lock_.waiting == 0) return;
  hot_.Offer({lock_.waiting, lock_.longest_wait}, [this] {
    if (holder_) lock_.holder = sources_.client_of(*holder_);
    return lock_;
  });
}

}  // namespace redlockd::status
