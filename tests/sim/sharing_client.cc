#include "tests/sim/sharing_client.h"

#include <algorithm>
#include <utility>

#include "tests/sim/settings.h"
#include "tests/sim/words.h"

namespace redlockd::sim {

using namespace std::chrono_literals;

SharingClient::SharingClient(const Parts& parts)
    : parts_(parts), chance_(parts.seed, 'R', parts.number) {
  Later(chance_.UpTo(100ms), [this] { Come(); });
}

void SharingClient::Broken(Promise promise, const std::string& what) {
  parts_.checker.Broken(promise, Name() + ": " + what);
}

void SharingClient::Later(Duration delay, std::function<void()> act) {
  parts_.timeline.After(delay, [this, act = std::move(act), changes = changes_] {
    if (changes == changes_) act();
  });
}

// --- coming and going ---------------------------------------------------------------------------

void SharingClient::Come() {
  Changed();
  if (is_home_ || (parts_.calm && !in_hurry_)) return;
  if (!parts_.daemon.up()) return Later(chance_.UpTo(20ms), [this] { Come(); });
  session_ = parts_.daemon.Open(*this);
  Later(chance_.UpTo(5ms), [this] { Ask(); });
}

void SharingClient::Forget() {
  Changed();
  session_.reset();
  request_.reset();
  hold_.reset();
}

void SharingClient::Leave() {
  if (!session_) return;
  parts_.trace([&] { return Name() + " leaves"; });
  if (hold_) parts_.checker.LetGoShared(lock_, hold_->number);
  const engine::SessionId session = *session_;
  Forget();
  parts_.daemon.Close(session);
  Later(chance_.UpTo(in_hurry_ ? 2ms : 50ms), [this] { Come(); });
}

void SharingClient::GoHome() {
  is_home_ = true;
  Leave();
  Changed();
}

void SharingClient::OnHangUp() {
  Forget();
  Later(chance_.UpTo(30ms), [this] { Come(); });
}

bool SharingClient::CountsOn(const std::string& lock, engine::Fence fence) const {
  return hold_ && lock == lock_ && fence == hold_->fence;
}

void SharingClient::Finish() {
  if (!hold_ || request_) return;
  Changed();
  Later(chance_.UpTo(50ms), [this] { EndHold(); });
}

void SharingClient::Hurry() {
  in_hurry_ = true;
  longest_ = {};
  grants_ = 0;
  if (request_) return;
  Changed();
  if (hold_) return EndHold();
  Later(chance_.UpTo(5ms), [this] { session_ ? Ask() : Come(); });
}

Duration SharingClient::LongestWait() const {
  const bool waits = request_ && request_->is_lock;
  return std::max(longest_, waits ? parts_.timeline.now() - request_->sent : Duration(0));
}

// --- asking -------------------------------------------------------------------------------------

void SharingClient::Ask() {
  Changed();
  if (is_home_ || (parts_.calm && !in_hurry_)) return;
  lock_ = "shared" + std::to_string(in_hurry_ || !chance_.OneIn(4) ? 0 : 1);
  mode_ = chance_.OneIn(4) ? engine::Mode::kExclusive : engine::Mode::kShared;
  engine::LockRequested lock{.session = *session_,
                             .request = ++last_request_,
                             .name = lock_,
                             .note = "sharing client",
                             .renewed_events = true,
                             .wanted_events = true,
                             .mode = mode_};
  if (!in_hurry_ && chance_.OneIn(3)) lock.wait = chance_.OneIn(2) ? 0ns : chance_.UpTo(400ms);
  if (!in_hurry_ && chance_.OneIn(8)) lock.max_hold = chance_.UpTo(600ms);
  if (chance_.OneIn(3)) lock.ttl = chance_.Between(Duration(110ms), WorldTiming().max_ttl);
  request_ = Request{last_request_, parts_.timeline.now(), true};
  parts_.trace([&] {
    return Name() + " asks for " + lock_ +
           (mode_ == engine::Mode::kShared ? " to share it" : " for itself") +
           (lock.wait ? " and waits " + engine::ToText(*lock.wait) : "");
  });
  if (!in_hurry_ && chance_.OneIn(4)) Later(chance_.UpTo(300ms), [this] { ChangeOfMind(); });
  parts_.daemon.Feed(lock);
}

void SharingClient::AskAgain() {
  Later(chance_.UpTo(in_hurry_ ? 1ms : 20ms), [this] { Ask(); });
}

// While it waits.
void SharingClient::ChangeOfMind() {
  if (chance_.OneIn(2)) return Leave();
  parts_.trace([&] { return Name() + " cancels"; });
  parts_.daemon.Feed(engine::CancelRequested{
      .session = *session_, .request = ++last_request_, .target = request_->id, .name = lock_});
}

// --- answers ------------------------------------------------------------------------------------

void SharingClient::OnAnswer(engine::RequestId id, const engine::Answer& answer) {
  parts_.trace([&] { return Name() + " hears: " + ToText(answer); });
  if (!request_ || request_->id != id) {
    const auto* failed = std::get_if<engine::Failed>(&answer);
    if (std::holds_alternative<engine::WaitCancelled>(answer)) return;
    if (failed && failed->failure == engine::Failure::kNoSuchWait) return;
    return Broken(Promise::kAnswered, "was answered what it did not ask");
  }
  const Request request = *std::exchange(request_, std::nullopt);
  Changed();
  if (request.is_lock && in_hurry_) {
    longest_ = std::max(longest_, parts_.timeline.now() - request.sent);
  }
  if (const auto* granted = std::get_if<engine::Granted>(&answer)) return Granted(*granted);
  AskAgain();
}

void SharingClient::Granted(const engine::Granted& granted) {
  if (granted.name != lock_ || granted.mode != mode_) {
    Broken(Promise::kAnswered, "got another lock than it asked for");
  }
  ++grants_;
  const Moment deadline = parts_.daemon.WhenIs(granted.deadline);
  const std::uint64_t number =
      parts_.checker.GrantedShared(lock_, mode_, granted.fence, NumberOf(parts_.number), deadline);
  hold_ = Hold{granted.fence, mode_, number};
  Use();
  const Duration most = in_hurry_ || !chance_.OneIn(4) ? 10ms : chance_.OneIn(3) ? 3s : 1s;
  Later(chance_.UpTo(parts_.calm ? 10ms : most), [this] { EndHold(); });
}

void SharingClient::Use() { parts_.checker.UsedShared(lock_, hold_->number); }

void SharingClient::EndHold() {
  Changed();
  if (!hold_) return AskAgain();
  Use();
  if (!in_hurry_ && chance_.OneIn(8)) return Leave();
  if (!in_hurry_ && chance_.OneIn(16)) {  // it reads no more, and is thrown out (rule C9)
    parts_.trace([&] { return Name() + " is thrown out"; });
    const engine::SessionId session = *session_;
    Forget();
    parts_.daemon.Drop(session);
    return Later(chance_.UpTo(200ms), [this] { Come(); });
  }
  Unlock();
}

void SharingClient::Unlock() {
  parts_.trace([&] { return Name() + " lets go of " + lock_; });
  const engine::UnlockRequested unlock{.session = *session_,
                                       .request = ++last_request_,
                                       .name = lock_,
                                       .fence = hold_->fence,
                                       .sync = chance_.OneIn(4)};
  parts_.checker.LetGoShared(lock_, hold_->number);
  hold_.reset();
  request_ = Request{last_request_, parts_.timeline.now(), false};
  parts_.daemon.Feed(unlock);
}

void SharingClient::OnNotice(const engine::Notice& notice) {
  using Kind = engine::Notice::Kind;
  parts_.trace([&] { return Name() + " hears: " + ToText(notice); });
  if (notice.kind == Kind::kDraining || !CountsOn(notice.name, notice.fence)) return;
  if (notice.kind == Kind::kRenewed) {
    return parts_.checker.ExtendedShared(lock_, hold_->number,
                                         parts_.daemon.WhenIs(notice.deadline));
  }
  if (notice.kind != Kind::kLost && notice.kind != Kind::kBroken) return;
  parts_.checker.LostShared(lock_, hold_->number);
  hold_.reset();
  if (request_) return;
  Changed();
  AskAgain();
}

}  // namespace redlockd::sim
