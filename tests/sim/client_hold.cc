#include <utility>

#include "tests/sim/client.h"
#include "tests/sim/settings.h"
#include "tests/sim/words.h"

// What a client does with what it holds, and what it is told to do after the trouble.
namespace redlockd::sim {
namespace {

using namespace std::chrono_literals;

// A release is told to nodes that are silent until its connection is given up.
constexpr Duration kSyncMost = 500ms;
// Nodes are asked to keep a lock until its lease ends.
const Duration kKeptMost = WorldTiming().max_ttl + kSyncMost;

}  // namespace

// Rule C9: no deadline beyond it is told. Its clock may run slow.
void Client::CheckMaxHold(Moment deadline) {
  if (max_hold_ && deadline > ends_ + *max_hold_ / 50 + 1us) {
    Broken(Promise::kTold, "was told a deadline beyond its max-hold");
  }
}

void Client::Hold() {
  Changed();
  parts_.checker.Wrote(lock_, *fence_);
  if (plan_ == Plan::kKeep || plan_ == Plan::kTry) return;
  const bool long_hold =
      plan_ == Plan::kAnything && !parts_.calm && chance_.OneIn(parts_.haste ? 20 : 4);
  const Duration time = long_hold                  ? chance_.UpTo(chance_.OneIn(3) ? 3s : 1s)
                        : plan_ == Plan::kAnything ? chance_.UpTo(parts_.haste ? 3ms : 30ms)
                        : chance_.OneIn(8)         ? chance_.UpTo(kShareHold)
                                                   : chance_.UpTo(2ms);
  Later(time, [this] { EndHold(); });
}

void Client::EndHold() {
  Changed();
  if (plan_ == Plan::kShare && !parts_.polite && chance_.OneIn(12)) return Leave();
  if (plan_ != Plan::kAnything) {
    const bool sync = plan_ == Plan::kShare && !parts_.polite && chance_.OneIn(8);
    return Unlock(plan_ == Plan::kAlone || sync);
  }
  parts_.checker.Wrote(lock_, *fence_);
  if (min_hold_ > Duration(0) && chance_.OneIn(2)) return Unlock(true);
  switch (chance_.Below(16)) {
    case 0:
    case 1:
      return Leave();
    case 2: {  // it reads no more: the daemon throws it out, and keeps what it was told (rule C9)
      parts_.trace([&] { return Name() + " is thrown out"; });
      const engine::SessionId session = *session_;
      Forget();
      parts_.daemon.Drop(session);
      return Later(chance_.UpTo(200ms), [this] { Come(); });
    }
    case 3:
      return Sleep();
    case 4:
      return Check();
    case 5:
    case 6:
      return Unlock(true);
    default:
      return Unlock(false);
  }
}

void Client::Unlock(bool sync) {
  parts_.checker.LetGo(lock_, *fence_);
  is_kept_ = sync && min_hold_ > Duration(0);
  const Duration most = is_kept_ ? kKeptMost : sync ? kSyncMost : kSlack;
  asked_of_ = chance_.OneIn(2) ? fence_ : std::nullopt;
  const engine::UnlockRequested request{.session = *session_,
                                        .request = Begin(most, false),
                                        .name = lock_,
                                        .fence = asked_of_,
                                        .sync = sync};
  fence_.reset();
  parts_.trace([&] { return Name() + " lets go of " + lock_; });
  parts_.daemon.Feed(request);
}

// It is paused, maybe past its deadline, and then goes on as if no time had passed. What it is told
// meanwhile it reads too late; only the fence can stop it.
void Client::Sleep() {
  parts_.timeline.After(chance_.UpTo(1200ms), [this, lock = lock_, fence = *fence_] {
    parts_.checker.Wrote(lock, fence);
  });
  Later(chance_.UpTo(1200ms), [this] { Unlock(false); });
}

void Client::Check() {
  asked_of_.reset();
  parts_.daemon.Feed(engine::CheckRequested{*session_, Begin(kSlack, false), lock_, std::nullopt});
}

void Client::OnNotice(const engine::Notice& notice) {
  using Kind = engine::Notice::Kind;
  parts_.trace([&] { return Name() + " hears: " + ToText(notice); });
  if (notice.kind == Kind::kDraining) return;
  if (!CountsOn(notice.name, notice.fence)) {
    // It has let go, and the daemon will hear that, but not before it was lost.
    const bool is_over = notice.kind == Kind::kLost || notice.kind == Kind::kBroken;
    if (is_over) losses_.emplace(notice.name, notice.fence);
    return;
  }
  switch (notice.kind) {
    case Kind::kRenewed:
      CheckMaxHold(parts_.daemon.WhenIs(notice.deadline));
      return parts_.checker.Extended(lock_, *fence_, parts_.daemon.WhenIs(notice.deadline));
    case Kind::kJeopardy:
    case Kind::kSafe:
      if (warned_ == (notice.kind == Kind::kJeopardy)) Broken(Promise::kTold, "was told it twice");
      warned_ = notice.kind == Kind::kJeopardy;
      return;
    case Kind::kWanted:
      if (std::exchange(advised_, true)) Broken(Promise::kTold, "was told twice that it is wanted");
      return;
    default:
      break;
  }
  const bool was_stopped =
      parts_.daemon.running_since() > parts_.timeline.now() - 1ms ||
      parts_.daemon.running_since() > parts_.checker.DeadlineOf(lock_, *fence_).value_or(Moment{});
  if (parts_.undisturbed && notice.reason == engine::LossReason::kDeadline) {
    Broken(Promise::kOneHost, "LOST " + lock_ + ", and it is another host's clock that is wrong");
  }
  if (!warned_ && notice.reason == engine::LossReason::kDeadline && !was_stopped) {
    Broken(Promise::kTold, "LOST " + lock_ + " without JEOPARDY before");
  }
  if (notice.kind == Kind::kBroken) parts_.reached(Reached::kBroken);
  parts_.checker.Lost(lock_, *fence_, was_stopped);
  losses_.emplace(lock_, *fence_);
  fence_.reset();
  if (request_) return;  // its check is on its way, and will say so
  Changed();
  Later(chance_.UpTo(5ms), [this] { AfterLoss(); });
}

void Client::AfterLoss() {
  if (chance_.OneIn(2)) return Check();
  if (plan_ == Plan::kAnything) Ask();
}

// --- after the trouble --------------------------------------------------------------------------

void Client::Audit() {
  constexpr Duration kLate = 5ms;
  if (!fence_ || !parts_.daemon.up()) return;
  const Moment deadline = parts_.checker.DeadlineOf(lock_, *fence_).value_or(Moment::max());
  const Moment since = std::max(deadline, parts_.daemon.running_since());
  if (since < parts_.timeline.now() - kLate) Broken(Promise::kTold, "was not told of a loss");
}

void Client::Finish() {
  if (!fence_ || request_) return;
  Changed();
  Later(chance_.UpTo(50ms), [this] { EndHold(); });
}

void Client::Begin(Plan plan) {
  plan_ = plan;
  if (fence_) return EndHold();  // what it kept; and then it asks
  if (session_ && !input_ended_) return Ask();
  Leave();
  Come();
}

void Client::UseAlone() { Begin(Plan::kAlone); }
void Client::Compete() { Begin(Plan::kCompete); }
void Client::Try(const std::string& lock, Duration delay, Duration wait) {
  tried_ = lock;
  tries_for_ = wait;
  Later(delay, [this] { Begin(Plan::kTry); });
}
void Client::LetGo() {
  if (fence_) EndHold();
}
void Client::Keep() { Begin(Plan::kKeep); }
void Client::GiveUp() { Begin(Plan::kGiveUp); }
void Client::Share() { Begin(Plan::kShare); }

}  // namespace redlockd::sim
