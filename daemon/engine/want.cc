#include "daemon/engine/want.h"

#include <algorithm>
#include <utility>

namespace redlockd::engine {
namespace {

constexpr Stamp kFarFuture = 10 * 60 * Stamp{1'000'000};  // us; a stamp beyond it is a mistake

}  // namespace

Queueing Want::NextRound(Time now, Stamp clock) {
  if (stays_out_until_) return Queueing::kNone;
  if (only_queue_since_ && now - *only_queue_since_ > timing_.WantPenalty()) {
    only_queue_since_.reset();
    return Queueing::kIgnore;
  }
  Stamped(clock);
  return Entries().none() ? Queueing::kIfRefused : Queueing::kAlways;
}

Queueing Want::NextRoundOfTry(Stamp clock) {
  Stamped(clock);
  return Queueing::kAlways;
}

void Want::Stamped(Stamp clock) {
  if (stamp_ == 0) stamp_ = std::max(clock, greatest_ + 1);
}

void Want::OnAsked(NodeSet nodes, Queueing queueing) {
  // Votes are for this round from now on: whether the one before was refused is not heard any more.
  entries_ |= std::exchange(if_refused_, {});
  if (queueing == Queueing::kIfRefused) if_refused_ = nodes;
  if (queueing == Queueing::kAlways) entries_ |= nodes;
}

void Want::OnSeen(Stamp greatest, Stamp clock) {
  if (greatest <= clock + kFarFuture) greatest_ = std::max(greatest_, greatest);
}

void Want::OnRoundFailed(Time now, bool reached, bool only_queue) {
  if (!reached) {
    stays_out_until_ = now + timing_.WantPenalty();
  } else if (stays_out_until_ && now >= *stays_out_until_) {
    stays_out_until_.reset();
  }
  if (!only_queue) {
    only_queue_since_.reset();
  } else if (!only_queue_since_) {
    only_queue_since_ = now;
  }
}

void Want::End() {
  stamp_ = 0;
  entries_.reset();
  if_refused_.reset();
  only_queue_since_.reset();
}

}  // namespace redlockd::engine
