#include "daemon/session/words.h"

#include <cstdlib>

namespace redlockd::session {

using redlock::protocol::ErrorCode;

// No default in these: a new enumerator without a word is a compiler's warning, hence an error.

FailureWord WordOf(engine::Failure failure) {
  using engine::Failure;
  switch (failure) {
    case Failure::kBadTtl:
      return {ErrorCode::kBadRequest, "the ttl is out of bounds"};
    case Failure::kNotHeld:
      return {ErrorCode::kNotHeld, "it is not held"};
    case Failure::kLost:
      return {ErrorCode::kLost, "the hold ended before it was released"};
    case Failure::kDeadlock:
      return {ErrorCode::kDeadlock, "this session already holds it or waits for it"};
    case Failure::kNoSuchWait:
      return {ErrorCode::kNoSuchTag, "no waiting request has this tag"};
    case Failure::kBusy:
      return {ErrorCode::kBusy, "another holds it"};
    case Failure::kTimeout:
      return {ErrorCode::kTimeout, "another held it until the wait was over"};
    case Failure::kNoTurn:
      return {ErrorCode::kNoTurn, "too many lock attempts are in flight"};
    case Failure::kCancelled:
      return {ErrorCode::kCancelled, "the wait was cancelled"};
    case Failure::kNoQuorum:
      return {ErrorCode::kNoQuorum, "too few nodes could be asked; see nodes"};
    case Failure::kLimit:
      return {ErrorCode::kLimit, "too many locks held and waited for"};
    case Failure::kDraining:
      return {ErrorCode::kDraining, "the daemon is stopping"};
    case Failure::kRefused:
      return {ErrorCode::kDenied, "the nodes are in use"};
    case Failure::kNothingDiffers:
      return {ErrorCode::kDenied, "there is nothing to adopt"};
  }
  std::abort();
}

std::string_view WordOf(engine::LossReason reason) {
  using engine::LossReason;
  switch (reason) {
    case LossReason::kDeadline:
      return "expired";
    case LossReason::kMaxHold:
      return "max-hold";
    case LossReason::kDraining:
      return "drain";
    case LossReason::kBroken:
      return "broken";
    case LossReason::kNone:
      break;
  }
  std::abort();
}

std::string_view WordOf(engine::NodeState state) {
  using engine::NodeState;
  switch (state) {
    case NodeState::kDown:
      return "down";
    case NodeState::kProbing:
      return "connecting";
    case NodeState::kUp:
      return "up";
    case NodeState::kNew:
    case NodeState::kQuarantine:
      return "quarantine";
    case NodeState::kSkewed:
    case NodeState::kReplica:
    case NodeState::kCluster:
    case NodeState::kEvicts:
    case NodeState::kSettings:
    case NodeState::kDuplicate:
    case NodeState::kStranger:
    case NodeState::kOtherSet:
    case NodeState::kFull:
    case NodeState::kOtherRun:
    case NodeState::kError:
      return "refused";
  }
  std::abort();
}

std::string_view WordOf(engine::Notice::Kind kind) {
  using Kind = engine::Notice::Kind;
  switch (kind) {
    case Kind::kRenewed:
      return "RENEWED";
    case Kind::kJeopardy:
      return "JEOPARDY";
    case Kind::kSafe:
      return "SAFE";
    case Kind::kLost:
      return "LOST";
    case Kind::kBroken:
      return "BROKEN";
    case Kind::kWanted:
      return "WANTED";
    case Kind::kDraining:
      return "DRAINING";
  }
  std::abort();
}

std::string_view WordOf(engine::WatchNotice::What what) {
  using What = engine::WatchNotice::What;
  switch (what) {
    case What::kGranted:
      return "granted";
    case What::kUnlocked:
    case What::kClosed:
    case What::kLost:
      return "ended";
    case What::kWanted:
      return "wanted";
    case What::kKept:
      return "kept";
    case What::kReleased:
      return "released";
  }
  std::abort();
}

std::string_view WhyEnded(const engine::WatchNotice& notice) {
  using What = engine::WatchNotice::What;
  switch (notice.what) {
    case What::kUnlocked:
      return "unlock";
    case What::kClosed:
      return "closed";
    case What::kLost:
      return WordOf(notice.reason);
    case What::kGranted:
    case What::kWanted:
    case What::kKept:
    case What::kReleased:
      return "";
  }
  std::abort();
}

std::string_view WordOf(engine::By by) {
  switch (by) {
    case engine::By::kHere:
      return "here";
    case engine::By::kElsewhere:
      return "elsewhere";
  }
  std::abort();
}

}  // namespace redlockd::session
