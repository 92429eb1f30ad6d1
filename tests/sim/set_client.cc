#include "tests/sim/set_client.h"

#include <algorithm>
#include <utility>

#include "tests/sim/settings.h"
#include "tests/sim/words.h"

namespace redlockd::sim {
namespace {

using namespace std::chrono_literals;

std::string ToText(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : " ") + name;
  return text;
}

std::vector<std::string> Further(const std::vector<std::string>& names) {
  return {names.begin() + 1, names.end()};
}

}  // namespace

SetClient::SetClient(const Parts& parts) : parts_(parts), chance_(parts.seed, 'S', parts.number) {
  Later(chance_.UpTo(100ms), [this] { Come(); });
}

void SetClient::Broken(Promise promise, const std::string& what) {
  parts_.checker.Broken(promise, Name() + ": " + what);
}

void SetClient::Later(Duration delay, std::function<void()> act) {
  parts_.timeline.After(delay, [this, act = std::move(act), changes = changes_] {
    if (changes == changes_) act();
  });
}

// --- coming and going ---------------------------------------------------------------------------

void SetClient::Come() {
  Changed();
  if (is_home_ || (parts_.calm && !shares_)) return;
  if (!parts_.daemon.up()) return Later(chance_.UpTo(20ms), [this] { Come(); });
  session_ = parts_.daemon.Open(*this);
  Later(chance_.UpTo(5ms), [this] { Ask(); });
}

void SetClient::Forget() {
  Changed();
  session_.reset();
  request_.reset();
  held_.clear();
}

void SetClient::Leave() {
  if (!session_) return;
  parts_.trace([&] { return Name() + " leaves"; });
  for (const auto& [lock, fence] : held_) parts_.checker.LetGo(lock, fence);
  const engine::SessionId session = *session_;
  Forget();
  parts_.daemon.Close(session);
  Later(chance_.UpTo(shares_ ? 2ms : 50ms), [this] { Come(); });
}

void SetClient::GoHome() {
  is_home_ = true;
  Leave();
  Changed();
}

void SetClient::OnHangUp() {
  Forget();
  Later(chance_.UpTo(30ms), [this] { Come(); });
}

bool SetClient::CountsOn(const std::string& lock, engine::Fence fence) const {
  const auto held = held_.find(lock);
  return held != held_.end() && held->second == fence;
}

void SetClient::Finish() {
  if (held_.empty() || request_) return;
  Changed();
  Later(chance_.UpTo(50ms), [this] { EndHold(); });
}

void SetClient::Share() {
  shares_ = true;
  longest_ = {};
  grants_ = 0;
  if (request_) return;
  Changed();
  if (!held_.empty()) return EndHold();
  Later(chance_.UpTo(5ms), [this] { session_ ? Ask() : Come(); });
}

Duration SetClient::LongestWait() const {
  const bool waits = request_ && request_->is_lock;
  return std::max(longest_, waits ? parts_.timeline.now() - request_->sent : Duration(0));
}

// --- asking -------------------------------------------------------------------------------------

void SetClient::Ask() {
  Changed();
  if (is_home_ || (parts_.calm && !shares_)) return;
  Names names;
  for (std::size_t i = 0; i < kNames; ++i) names.push_back("set" + std::to_string(i));
  for (std::size_t i = names.size(); i-- > 1;) std::swap(names[i], names[chance_.Below(i + 1)]);
  names.resize(1 + chance_.Below(4));
  engine::LockRequested lock{.session = *session_,
                             .request = ++last_request_,
                             .name = names.front(),
                             .note = "set client",
                             .renewed_events = true,
                             .also = Further(names)};
  if (!shares_ && chance_.OneIn(3)) lock.wait = chance_.OneIn(2) ? 0ns : chance_.UpTo(400ms);
  if (chance_.OneIn(3)) lock.ttl = chance_.Between(Duration(110ms), WorldTiming().max_ttl);
  request_ = Request{last_request_, parts_.timeline.now(), names, true};
  parts_.trace([&] {
    return Name() + " asks for " + ToText(names) +
           (lock.wait ? " and waits " + engine::ToText(*lock.wait) : "");
  });
  if (!shares_ && chance_.OneIn(4)) Later(chance_.UpTo(300ms), [this] { ChangeOfMind(); });
  parts_.daemon.Feed(lock);
}

void SetClient::AskAgain() {
  Later(chance_.UpTo(shares_ ? 1ms : 20ms), [this] { Ask(); });
}

// While it waits.
void SetClient::ChangeOfMind() {
  if (chance_.OneIn(2)) return Leave();
  parts_.trace([&] { return Name() + " cancels"; });
  parts_.daemon.Feed(engine::CancelRequested{.session = *session_,
                                             .request = ++last_request_,
                                             .target = request_->id,
                                             .name = request_->names.front()});
}

// --- answers ------------------------------------------------------------------------------------

void SetClient::OnAnswer(engine::RequestId id, const engine::Answer& answer) {
  parts_.trace([&] { return Name() + " hears: " + sim::ToText(answer); });
  if (!request_ || request_->id != id) {
    const auto* failed = std::get_if<engine::Failed>(&answer);
    if (std::holds_alternative<engine::WaitCancelled>(answer)) return;
    if (failed && failed->failure == engine::Failure::kNoSuchWait) return;
    return Broken(Promise::kAnswered, "was answered what it did not ask");
  }
  const Request request = *std::exchange(request_, std::nullopt);
  Changed();
  if (request.is_lock && shares_) {
    longest_ = std::max(longest_, parts_.timeline.now() - request.sent);
  }
  if (const auto* granted = std::get_if<engine::Granted>(&answer)) {
    return Granted(request.names, *granted);
  }
  if (const auto* released = std::get_if<engine::Released>(&answer)) {
    return Released(request.names, *released);
  }
  const auto& failed = std::get<engine::Failed>(answer);
  if (std::find(request.names.begin(), request.names.end(), failed.name) == request.names.end()) {
    Broken(Promise::kAnswered, "heard of " + failed.name + ", which it did not ask for");
  }
  // They are let go on this host, whatever the nodes have said of it.
  if (!request.is_lock && failed.failure == engine::Failure::kNoQuorum) {
    return Ended(request.names);
  }
  // It let go of one that was lost: none is let go then, and it does so one by one.
  if (!request.is_lock && request.names.size() > 1) {
    return Later(chance_.UpTo(1ms), [this] { EndHold(); });
  }
  if (held_.empty()) AskAgain();
}

void SetClient::GrantedOne(const std::string& lock, engine::Fence fence, engine::Time deadline) {
  held_[lock] = fence;
  parts_.checker.Granted(lock, fence, NumberOf(parts_.number), parts_.daemon.WhenIs(deadline));
  parts_.checker.Wrote(lock, fence);
}

void SetClient::Granted(const Names& asked, const engine::Granted& granted) {
  Names names{granted.name};
  GrantedOne(granted.name, granted.fence, granted.deadline);
  for (const auto& other : granted.also) {
    names.push_back(other.name);
    GrantedOne(other.name, other.fence, other.deadline);
  }
  if (names != asked)
    Broken(Promise::kAnswered, "asked for " + ToText(asked) + ", got " + ToText(names));
  ++grants_;
  if (names.size() > 1) parts_.reached(Reached::kSet);
  const Duration most = shares_ || !chance_.OneIn(4) ? 10ms : chance_.OneIn(3) ? 3s : 1s;
  Later(chance_.UpTo(parts_.calm ? 10ms : most), [this] { EndHold(); });
}

void SetClient::EndHold() {
  Changed();
  Names names;
  for (const auto& [lock, fence] : held_) names.push_back(lock);
  if (names.empty()) return AskAgain();
  for (const auto& [lock, fence] : held_) parts_.checker.Wrote(lock, fence);
  if (!shares_ && chance_.OneIn(8)) return Leave();
  if (chance_.OneIn(2)) names.resize(1 + chance_.Below(names.size()));
  Unlock(std::move(names));
}

void SetClient::Unlock(Names names) {
  parts_.trace([&] { return Name() + " lets go of " + ToText(names); });
  const engine::UnlockRequested unlock{.session = *session_,
                                       .request = ++last_request_,
                                       .name = names.front(),
                                       .sync = chance_.OneIn(4),
                                       .also = Further(names)};
  for (const std::string& name : names) parts_.checker.LetGo(name, held_.at(name));
  if (names.size() == 1) held_.erase(names.front());
  request_ = Request{last_request_, parts_.timeline.now(), std::move(names), false};
  parts_.daemon.Feed(unlock);
}

// Those of several it has let go only when it hears so: one may have been lost, and then it has the others.
void SetClient::Released(const Names& asked, const engine::Released& released) {
  Names names{released.name};
  for (const auto& other : released.also) names.push_back(other.name);
  if (names != asked)
    Broken(Promise::kAnswered, "let go of " + ToText(asked) + ", not of " + ToText(names));
  Ended(names);
}

void SetClient::Ended(const Names& names) {
  for (const std::string& name : names) held_.erase(name);
  if (held_.empty()) return AskAgain();
  Later(chance_.UpTo(5ms), [this] { EndHold(); });
}

void SetClient::OnNotice(const engine::Notice& notice) {
  using Kind = engine::Notice::Kind;
  parts_.trace([&] { return Name() + " hears: " + sim::ToText(notice); });
  if (notice.kind == Kind::kDraining || !CountsOn(notice.name, notice.fence)) return;
  if (notice.kind == Kind::kRenewed) {
    return parts_.checker.Extended(notice.name, notice.fence,
                                   parts_.daemon.WhenIs(notice.deadline));
  }
  if (notice.kind != Kind::kLost && notice.kind != Kind::kBroken) return;
  parts_.checker.Lost(notice.name, notice.fence, true);
  held_.erase(notice.name);
  if (request_ || !held_.empty()) return;
  Changed();
  AskAgain();
}

void SetClient::Audit() {
  if (!request_ || !request_->is_lock || !parts_.daemon.running()) return;
  for (const std::string& name : parts_.daemon.HeldBy(*session_)) {
    const bool is_part =
        std::find(request_->names.begin(), request_->names.end(), name) != request_->names.end();
    if (is_part) Broken(Promise::kAnswered, "holds " + name + " while it waits for more");
  }
}

}  // namespace redlockd::sim
