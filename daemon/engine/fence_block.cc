#include "daemon/engine/fence_block.h"

#include <algorithm>

#include "base/check.h"
#include "daemon/engine/reasons.h"

namespace redlockd::engine {
namespace {

// Half of the window of rule A6: the other half is for clocks that differ.
bool IsPlausible(Stamp clock, Fence fence, const Timing& timing) {
  const Duration half = timing.fence_window / 2;
  return fence <= clock + std::chrono::duration_cast<std::chrono::microseconds>(half).count();
}

}  // namespace

void FenceBlock::Learn(Stamp clock, Fence stored, const Timing& timing) {
  if (clock != 0 && IsPlausible(clock, stored, timing)) known_ = std::max(known_, stored);
}

void FenceBlock::LearnFrom(Stamp clock, const NodeAnswer& answer, const Timing& timing) {
  switch (answer.verdict) {
    case Verdict::kOk:
    case Verdict::kBusy:
    case Verdict::kNotTurn:
    case Verdict::kTurn:
      return Learn(clock, answer.fence, timing);
    default:
      return;
  }
}

Fence FenceBlock::SizeFrom(Stamp clock, Fence proposal, const Timing& timing) {
  return clock != 0 && IsPlausible(clock, proposal + kFull - 1, timing) ? kFull : 1;
}

void FenceBlock::Begin(Fence first, Fence size) {
  CHECK(!asking_ && !HasNext() && size >= 1);
  next_ = first;
  last_ = first + size - 1;
  known_ = std::max(known_, last_);
}

void FenceBlock::End() {
  asking_.reset();
  next_ = 1;
  last_ = 0;
}

Fence FenceBlock::TakeNext() {
  CHECK(HasNext());
  return next_++;
}

void FenceBlock::Ask(std::uint32_t round, std::size_t nodes, NodeSet asked, Fence size) {
  CHECK(!asking_ && size >= 1);
  asking_.reset(new Question{.round = round, .size = size, .ballot = Ballot(nodes, asked)});
}

Fence FenceBlock::Next() const {
  CHECK(HasNext());
  return next_;
}

FenceBlock::Outcome FenceBlock::OnAnswer(const NodeAnswer& answer, bool votes) {
  asking_->ballot.Take(answer, votes);
  return Judge();
}

FenceBlock::Outcome FenceBlock::OnSilence(const NodeSilence& silence) {
  asking_->ballot.Miss(silence.node, ReasonOf(silence));
  return Judge();
}

FenceBlock::Outcome FenceBlock::Judge() {
  const Ballot::Result result = asking_->ballot.Judge();
  if (result == Ballot::Result::kOpen) return Outcome::kOpen;
  const auto asked = std::move(asking_);
  if (result != Ballot::Result::kAgreed) return HasNext() ? Outcome::kFailed : Outcome::kUsedUp;
  const Fence first = asked->ballot.Agreed();
  if (first != last_ + 1) next_ = first;  // what is left of the old is dropped (rule B4)
  last_ = first + asked->size - 1;
  known_ = std::max(known_, last_);
  return Outcome::kExtended;
}

}  // namespace redlockd::engine
