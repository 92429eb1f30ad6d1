#include "tests/sim/client.h"

#include <algorithm>
#include <utility>

#include "tests/sim/settings.h"
#include "tests/sim/words.h"

namespace redlockd::sim {
namespace {

using namespace std::chrono_literals;

// A lock request without a wait, or with a short one, is decided by rounds. Each takes the command
// timeout at most: three first rounds and the confirm rounds after them (rule A4). Where another
// may be about to get the lock there are more of them, for ten of those times and a last one, and
// ten at least (rule E10).
constexpr Duration kRoundMost = 6 * 20ms;
constexpr Duration kTryMost =
    std::max<Duration>(10 * 20ms + 2 * kRoundMost, 10 * kRoundMost) + 40ms;

}  // namespace

Client::Client(const Parts& parts) : parts_(parts), chance_(parts.seed, 'c', parts.number) {
  Later(chance_.UpTo(100ms), [this] { Come(); });
}

void Client::Broken(Promise promise, const std::string& what) {
  if (parts_.wrong_clock && plan_ == Plan::kAnything && promise != Promise::kDeath) return;
  parts_.checker.Broken(promise, Name() + ": " + what);
}

void Client::Later(Duration delay, std::function<void()> act) {
  parts_.timeline.After(delay, [this, act = std::move(act), changes = changes_] {
    if (changes == changes_) act();
  });
}

// --- coming and going ---------------------------------------------------------------------------

void Client::Come() {
  Changed();
  if (parts_.calm && plan_ == Plan::kAnything) return;
  if (!parts_.daemon.up()) return Later(chance_.UpTo(20ms), [this] { Come(); });
  session_ = parts_.daemon.Open(*this);
  input_ended_ = false;
  losses_.clear();
  Later(chance_.UpTo(5ms), [this] { Ask(); });
}

void Client::Forget() {
  Changed();
  session_.reset();
  request_.reset();
  fence_.reset();
}

// Its socket is closed: by itself, or by the kernel when it died.
void Client::Leave() {
  if (!session_) return;
  parts_.trace([&] { return Name() + " leaves"; });
  if (fence_) parts_.checker.LetGo(lock_, *fence_);
  const engine::SessionId session = *session_;
  Forget();
  parts_.daemon.Close(session);
  if (plan_ == Plan::kAnything) Later(chance_.UpTo(50ms), [this] { Come(); });
  if (plan_ == Plan::kShare) Later(chance_.UpTo(2ms), [this] { Come(); });
}

void Client::GoHome() {
  Leave();
  Changed();
}

void Client::OnHangUp() {
  // What it holds it holds until the deadline that it knows: the checker keeps the hold.
  Forget();
  Later(chance_.UpTo(30ms), [this] { Come(); });
}

bool Client::CountsOn(const std::string& lock, engine::Fence fence) const {
  return fence_ == fence && lock == lock_;
}

// --- asking -------------------------------------------------------------------------------------

std::string Client::ChooseLock() {
  if (plan_ == Plan::kAlone) return "alone" + std::to_string(parts_.number);
  if (plan_ == Plan::kTry) return tried_;
  if (plan_ != Plan::kAnything || parts_.haste) return "all";
  switch (chance_.Below(10)) {
    case 0:
      return "own" + std::to_string(parts_.number);
    case 1:
    case 2:
      return "some";
    default:
      return "all";
  }
}

engine::RequestId Client::Begin(std::optional<Duration> most, bool is_lock) {
  request_ = Request{++last_request_, parts_.timeline.now(), most, is_lock};
  return last_request_;
}

void Client::Ask() {
  Changed();
  if (parts_.calm && plan_ == Plan::kAnything) return;
  engine::LockRequested request{.session = *session_,
                                .request = 0,
                                .name = ChooseLock(),
                                .wait = std::nullopt,
                                .ttl = std::nullopt,
                                .max_hold = std::nullopt,
                                .note = "session " + std::to_string(*session_),
                                .renewed_events = true,
                                .wanted_events = true};
  Wish(request);
  Send(std::move(request));
}

void Client::Wish(engine::LockRequested& request) {
  switch (plan_) {
    case Plan::kAlone:
      request.wait = 0ns;
      return;
    case Plan::kTry:
      request.wait = tries_for_;
      return;
    case Plan::kCompete:
    case Plan::kKeep:
      return;
    case Plan::kGiveUp:
      request.wait = chance_.OneIn(3) ? 0ns : chance_.UpTo(60ms);
      return;
    case Plan::kAnything:
      if (chance_.OneIn(3)) request.wait = chance_.OneIn(2) ? 0ns : chance_.UpTo(300ms);
      if (chance_.OneIn(8)) request.max_hold = chance_.UpTo(600ms);
      if (chance_.OneIn(12)) {
        request.min_hold = chance_.UpTo(request.max_hold.value_or(600ms));
      }
      if (parts_.haste && chance_.OneIn(2)) request.wait = 0ns;
      break;
    case Plan::kShare:
      if (!parts_.polite && chance_.OneIn(6))
        request.wait = chance_.OneIn(2) ? 0ns : chance_.UpTo(30ms);
  }
  if (chance_.OneIn(3)) request.ttl = chance_.Between(Duration(110ms), WorldTiming().max_ttl);
}

void Client::Send(engine::LockRequested request) {
  std::optional<Duration> most;
  if (request.wait) most = *request.wait + kTryMost;
  if (most && request.wait == Duration(0) && parts_.in_line) *most += WorldTiming().quorum_wait;
  request.request = Begin(most, true);
  lock_ = request.name;
  max_hold_ = request.max_hold;
  min_hold_ = request.min_hold;
  parts_.trace([&] {
    return Name() + " asks for " + lock_ +
           (request.wait ? " and waits " + engine::ToText(*request.wait) : "");
  });
  if (plan_ == Plan::kAnything && chance_.OneIn(4)) {
    Later(chance_.UpTo(300ms), [this] { ChangeOfMind(); });
  }
  if (plan_ == Plan::kGiveUp && chance_.OneIn(2)) {
    Later(chance_.UpTo(60ms), [this] { ChangeOfMind(); });
  }
  parts_.daemon.Feed(request);
}

// While it waits.
void Client::ChangeOfMind() {
  switch (chance_.Below(3)) {
    case 0:
      parts_.trace([&] { return Name() + " cancels"; });
      return parts_.daemon.Feed(engine::CancelRequested{
          .session = *session_, .request = ++last_request_, .target = request_->id, .name = lock_});
    case 1:
      parts_.trace([&] { return Name() + " ends its input"; });
      input_ended_ = true;
      return parts_.daemon.Feed(engine::SessionInputEnded{*session_});
    default:
      return Leave();
  }
}

// --- answers ------------------------------------------------------------------------------------

void Client::CheckTime(const Request& request) {
  const Moment now = parts_.timeline.now();
  // While the daemon was stopped nobody counted.
  const Moment from = std::max(request.sent, parts_.daemon.running_since());
  // The host's clock may run slow.
  if (request.most && now - from > *request.most + *request.most / 50 + kSlack) {
    Broken(Promise::kAnswered, "was answered after " + engine::ToText(now - from) +
                                   ", expected it within " + engine::ToText(*request.most));
  }
}

void Client::OnAnswer(engine::RequestId id, const engine::Answer& answer) {
  parts_.trace([&] { return Name() + " hears: " + ToText(answer); });
  if (!request_ || request_->id != id) {
    // The answer to its cancel; everything else it has one of at a time.
    const auto* failed = std::get_if<engine::Failed>(&answer);
    if (std::holds_alternative<engine::WaitCancelled>(answer)) return;
    if (failed && failed->failure == engine::Failure::kNoSuchWait) return;
    return Broken(Promise::kAnswered, "was answered what it did not ask: " + ToText(answer));
  }
  const Request request = *std::exchange(request_, std::nullopt);
  Changed();
  CheckTime(request);
  if (request.is_lock) {
    AnsweredLock(answer);
  } else {
    AnsweredOther(answer);
  }
}

void Client::AnsweredLock(const engine::Answer& answer) {
  if (const auto* granted = std::get_if<engine::Granted>(&answer)) return Granted(*granted);
  if (plan_ == Plan::kAlone) {
    return Broken(Promise::kAnswered, "did not get a lock that nobody wants: " + ToText(answer));
  }
  if (input_ended_) return Later(1us, [this] { Leave(); });
  if (plan_ == Plan::kCompete || plan_ == Plan::kKeep) {
    return Later(chance_.UpTo(20ms), [this] { Ask(); });
  }
  AskAgain();
}

void Client::AskAgain() {
  if (plan_ == Plan::kShare) return Later(chance_.UpTo(1ms), [this] { Ask(); });
  if (plan_ != Plan::kAnything) return;
  Later(chance_.UpTo(parts_.haste ? 3ms : 20ms), [this] { Ask(); });
}

void Client::Granted(const engine::Granted& granted) {
  if (granted.name != lock_) Broken(Promise::kAnswered, "got another lock than it asked for");
  fence_ = granted.fence;
  warned_ = false;
  advised_ = false;
  const Moment deadline = parts_.daemon.WhenIs(granted.deadline);
  ends_ = parts_.timeline.now() + max_hold_.value_or(1h);
  CheckMaxHold(deadline);
  parts_.checker.Granted(lock_, granted.fence, parts_.number, deadline);
  if (input_ended_) return Later(1us, [this] { Leave(); });
  Later(chance_.UpTo(100us), [this] { Hold(); });
}

void Client::AnsweredOther(const engine::Answer& answer) {
  if (const auto* checked = std::get_if<engine::Checked>(&answer)) {
    if (fence_ != checked->fence) Broken(Promise::kDeath, "has what it let go: " + ToText(answer));
    parts_.checker.Extended(lock_, checked->fence, parts_.daemon.WhenIs(checked->deadline));
    return Later(chance_.UpTo(20ms), [this] { EndHold(); });
  }
  const auto* released = std::get_if<engine::Released>(&answer);
  if (released && released->kept > Duration(0) && is_kept_) {
    // By a clock that may run fast.
    const Duration kept = released->kept - released->kept / 50;
    parts_.checker.Kept(lock_, released->fence, parts_.number, parts_.timeline.now() + kept);
  }
  const auto* failed = std::get_if<engine::Failed>(&answer);
  if (failed && IsToldOfLoss(*failed)) return Later(chance_.UpTo(1ms), [this] { Check(); });
  if (plan_ == Plan::kAlone && failed) {
    Broken(Promise::kAnswered, "could not let go: " + ToText(answer));
  }
  AskAgain();
}

// Once of each, and of the newest first where no fence was named (rule C18).
bool Client::IsToldOfLoss(const engine::Failed& failed) {
  const bool is_told = failed.failure == engine::Failure::kLost;
  if (!is_told && failed.failure != engine::Failure::kNotHeld) return false;
  auto loss = losses_.upper_bound({lock_, asked_of_.value_or(INT64_MAX)});
  const bool is_due = loss != losses_.begin() && (--loss)->first == lock_ &&
                      loss->second == asked_of_.value_or(loss->second);
  if (is_due && is_told && failed.fence == loss->second) {
    losses_.erase(loss);
  } else if (is_told) {
    Broken(Promise::kTold,
           "was told of a loss that was none, or twice: " + ToText(engine::Answer(failed)));
  } else if (is_due) {
    Broken(Promise::kTold, "was not told that it had lost " + lock_);
  }
  return is_told;
}

}  // namespace redlockd::sim
