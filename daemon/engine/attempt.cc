#include "daemon/engine/attempt.h"

#include "base/check.h"
#include "daemon/engine/reasons.h"

namespace redlockd::engine {
namespace {

// One, and twice more after a confirm round that failed (rule A4).
constexpr unsigned kMaxFirstRounds = 3;

}  // namespace

void Attempt::BeginStand(Time now, std::size_t nodes, NodeSet asked) {
  CHECK(!ballot_);
  asks_ = Ticket::Kind::kStand;
  asked_ = now;
  ballot_ = std::make_unique<Ballot>(nodes, asked);
}

void Attempt::BeginFirstRound(Time now, std::size_t nodes, NodeSet asked) {
  CHECK(first_rounds_ < kMaxFirstRounds);
  CHECK(first_rounds_ == 0 || asks_ == Ticket::Kind::kConfirm);
  asks_ = Ticket::Kind::kAttempt;
  ++first_rounds_;
  asked_ = now;
  ballot_ = std::make_unique<Ballot>(nodes, asked);
}

void Attempt::BeginConfirmRound(std::size_t nodes, NodeSet asked) {
  CHECK(ballot_ && asks_ == Ticket::Kind::kAttempt);
  asks_ = Ticket::Kind::kConfirm;
  confirmed_ = ballot_->ToConfirm();
  ballot_ = std::make_unique<Ballot>(nodes, asked);
}

void Attempt::OnAnswer(const NodeAnswer& answer, bool votes) {
  if (asks_ == Ticket::Kind::kConfirm) return TakeConfirmation(answer, votes);
  const bool is_stand = asks_ == Ticket::Kind::kStand;
  if (is_stand && answer.verdict == Verdict::kTurn && votes) return ballot_->Turn(answer.node);
  if (is_stand && answer.verdict == Verdict::kOk) {  // it was not asked to
    return ballot_->Fail(answer.node, ReasonOf(answer));
  }
  ballot_->Take(answer, votes);
}

void Attempt::TakeConfirmation(const NodeAnswer& answer, bool votes) {
  if (answer.verdict == Verdict::kOk && votes) {
    ballot_->Vote(answer.node, confirmed_);
  } else if (answer.verdict == Verdict::kPassed || answer.verdict == Verdict::kNotOwner) {
    ballot_->Refuse(answer.node);
  } else {
    ballot_->Fail(answer.node, ReasonOf(answer));
  }
}

void Attempt::OnSilence(const NodeSilence& silence) {
  ballot_->Miss(silence.node, ReasonOf(silence));
}

Fence Attempt::Won() const { return IsFirstOfShared() ? ballot_->ToConfirm() : ballot_->Agreed(); }

Attempt::Result Attempt::Judge() const {
  const Ballot::Result result = ballot_->Judge();
  switch (result) {
    case Ballot::Result::kOpen:
      return Result::kOpen;
    case Ballot::Result::kAgreed:
    case Ballot::Result::kDisagreed:
      if (IsFirstOfShared()) {
        return ballot_->IsReached(ballot_->ToConfirm()) ? Result::kWon : Result::kConfirm;
      }
      return result == Ballot::Result::kAgreed ? Result::kWon : Result::kConfirm;
    case Ballot::Result::kTurn:
      return Result::kTurn;
    case Ballot::Result::kRefused:
    case Ballot::Result::kNoQuorum:
      break;
  }
  const bool is_confirming = asks_ == Ticket::Kind::kConfirm;
  if (is_confirming && first_rounds_ < kMaxFirstRounds) return Result::kAgain;
  return result == Ballot::Result::kRefused ? Result::kRefused : Result::kNoQuorum;
}

}  // namespace redlockd::engine
