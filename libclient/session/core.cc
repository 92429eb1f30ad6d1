#include "libclient/session/core.h"

#include <algorithm>

#include "protocol/duration.h"

namespace redlock::client {
namespace {

constexpr std::int64_t kMs = 1'000'000;
// The daemon has this long for its own answer after the caller's time is over.
constexpr std::int64_t kGrace = 10 * kMs;
// A wait asks this long before its end whether the daemon lives, or at the half of a short wait.
constexpr std::int64_t kAskForLife = 100 * kMs;
// A release waits no longer than this for its answer.
constexpr std::int64_t kReleaseTime = 250 * kMs;
// After so long without a line comes a ping, and after as long again the daemon counts as hung.
constexpr std::int64_t kSilence = 5000 * kMs;
constexpr std::int64_t kShortestPause = 10 * kMs;
constexpr std::int64_t kLongestPause = 1000 * kMs;

std::string Words(std::int64_t ns) { return protocol::FormatDuration(protocol::Duration(ns)); }

// For whom one attempt to connect is all.
bool ConnectsOnce(const Hold& hold) {
  return hold.is_try || (hold.until_ns == kNever && hold.options.connect_timeout_ns == 0);
}

bool CanChange(int error) { return error != REDLOCK_EDENIED && error != REDLOCK_EPROTOCOL; }

}  // namespace

// --- The caller ----------------------------------------------------------------------------------

void Core::Lock(const HoldPtr& hold, std::int64_t wait_ns, std::int64_t now) {
  hold->owner = ++last_owner_;
  hold->is_try = wait_ns == 0;
  hold->until_ns =
      wait_ns < 0 ? kNever : After(now, hold->is_try ? hold->options.answer_timeout_ns : wait_ns);
  if (hold->was_cancelled) return Fail(hold, REDLOCK_ECANCELLED, "the wait was given up");
  hold->phase = Hold::Phase::kUnsent;
  if (state_ != State::kOpen) hold->failing_since_ns = now;
  if (state_ == State::kClosed && failures_ > 0 && !ConnectsOnce(*hold)) {
    // Its time may be over before the next attempt.
    hold->last_error = connect_error_;
    hold->last_text = connect_text_;
  }
  unsent_.push_back(hold);
  Schedule(hold);
}

void Core::Cancel(const HoldPtr& hold) {
  hold->was_cancelled = true;
  if (hold->phase != Hold::Phase::kUnsent && hold->phase != Hold::Phase::kSent) return;
  Fail(hold, REDLOCK_ECANCELLED, "the wait was given up");
}

void Core::Release(const HoldPtr& hold, bool is_awaited, std::int64_t now) {
  hold->is_answered = false;
  hold->is_let_go = true;
  if (hold->phase == Hold::Phase::kUnsent || hold->phase == Hold::Phase::kSent) {
    // Its locker was thrown out by an exception.
    return Fail(hold, REDLOCK_ENOTHELD, "it was never granted");
  }
  ReleaseRest(hold);
  if (hold->phase != Hold::Phase::kHeld) {
    const bool is_lost = !hold->loss.empty();
    hold->phase = Hold::Phase::kOver;
    return Answer(*hold, is_lost ? REDLOCK_ELOST : REDLOCK_ENOTHELD,
                  is_lost ? hold->loss : "it is released already, or was never granted");
  }
  const bool is_late = now >= hold->FirstToEnd()->deadline_ns;
  if (is_late && hold->loss.empty()) hold->loss = "expired";
  hold->is_good = false;
  hold->phase = Hold::Phase::kReleasing;
  if (!hold->locks.front().is_attached) {
    return FinishRelease(hold, is_late ? REDLOCK_ELOST : REDLOCK_OK, hold->loss);
  }
  for (HeldLock& lock : hold->locks) {
    Send(UnlockRequest(*hold, lock), What::kUnlock, hold);
    Detach(hold, lock);
  }
  hold->unreleased = hold->locks.size();
  // Whether it was lost is certain before its deadline, whatever the daemon answers later.
  hold->last_error = is_late ? REDLOCK_ELOST : REDLOCK_OK;
  hold->until_ns = is_awaited && !is_silent_ ? now + kReleaseTime : now;
  SetDue(hold, hold->until_ns);
  if (hold->until_ns == now) FinishRelease(hold, hold->last_error, hold->loss);
}

// --- The driver ----------------------------------------------------------------------------------

void Core::Run(std::int64_t now) {
  while (!due_.empty() && due_.begin()->first <= now) {
    const HoldPtr hold = due_.begin()->second;
    gone_.push_back(hold);
    SetDue(hold, kNever);
    BeDue(hold, now);
  }
  while (!later_.empty() && later_.begin()->first <= now) {
    const HoldPtr hold = later_.begin()->second;
    gone_.push_back(hold);
    later_.erase(later_.begin());
    if (hold->phase == Hold::Phase::kUnsent) unsent_.push_back(hold);
  }
  if (now >= greeting_due_ns_) Drop(REDLOCK_ENOANSWER, "the daemon does not greet", now);
  if (is_draining_ && holds_nothing() && pending_.empty()) {
    Drop(REDLOCK_EDRAINING, "the daemon is stopping", now);
  }
  FailDueQueries(now);
  if (state_ == State::kOpen) SendUnsent(now);
  if (state_ == State::kOpen) SendQueries(now);
  // These and queries do not wait for the end of a pause: they end with their one attempt to connect.
  const bool is_urgent =
      queries_.has_unsent() || std::any_of(unsent_.begin(), unsent_.end(),
                                           [](const HoldPtr& hold) { return ConnectsOnce(*hold); });
  const bool is_time = !unsent_.empty() && now >= next_attempt_ns_;
  wants_connect_ = state_ == State::kClosed && (is_urgent || is_time);
  Heartbeat(now);
}

std::int64_t Core::NextDue() const {
  std::int64_t next = std::min({greeting_due_ns_, heartbeat_due_ns_, queries_.NextDue()});
  if (!due_.empty()) next = std::min(next, due_.begin()->first);
  if (!later_.empty()) next = std::min(next, later_.begin()->first);
  if (state_ == State::kClosed && !unsent_.empty()) next = std::min(next, next_attempt_ns_);
  return next;
}

void Core::Connected(std::int64_t before) {
  wants_connect_ = false;
  state_ = State::kGreeting;
  connected_ns_ = last_read_ns_ = before;
  greeting_due_ns_ = before + kSilence;
  // What an attempt before this one failed with is no longer why they wait.
  for (const HoldPtr& hold : unsent_) hold->last_error = REDLOCK_OK;
}

void Core::ConnectFailed(int error, const std::string& why, std::int64_t now) {
  wants_connect_ = false;
  const std::int64_t pause = std::min(kShortestPause << std::min(failures_, 10), kLongestPause);
  ++failures_;
  connect_error_ = error;
  connect_text_ = why;
  next_attempt_ns_ =
      now + pause + static_cast<std::int64_t>(jitter_() * static_cast<double>(pause / 2));
  for (const HoldPtr& hold : std::exchange(unsent_, {})) {
    gone_.push_back(hold);
    FailOrRetry(hold, error, why, now);
  }
  queries_.FailUnsent(error, why);
}

void Core::Ended(int error, const std::string& why, std::int64_t now) {
  if (state_ != State::kClosed) Drop(error, why, now);
}

// Its references to holds.
void Core::GiveUp(const Pending& pending) {
  if (pending.hold != nullptr) gone_.push_back(pending.hold);
  if (pending.query != nullptr && pending.query->checked != nullptr) {
    gone_.push_back(pending.query->checked);
  }
}

void Core::Drop(int error, const std::string& why, std::int64_t now) {
  state_ = State::kClosed;
  wants_close_ = true;
  park_until_ = 0;
  greeting_due_ns_ = heartbeat_due_ns_ = kNever;
  pinged_ns_ = 0;
  is_draining_ = is_silent_ = is_hung_ = false;
  outgoing_.clear();
  page_ = nullptr;
  for (const auto& [key, held] : std::exchange(attached_, {})) {
    const auto& [hold, lock] = held;
    if (error == REDLOCK_EPROTOCOL) park_until_ = std::max(park_until_, lock->deadline_ns.load());
    gone_.push_back(hold);
    lock->is_attached = false;
    // At the deadline: until then nobody else gets the lock.
    if (hold->phase == Hold::Phase::kHeld) hold->loss = why;
    Endanger(hold, *lock, why);
    Schedule(hold);
  }
  std::list<HoldPtr> again;
  for (auto& [tag, pending] : std::exchange(pending_, {})) {
    GiveUp(pending);
    if (pending.what == What::kUnlock) {
      FinishRelease(pending.hold, pending.hold->last_error, pending.hold->loss);
    } else if (pending.what == What::kLock && !pending.abandoned) {
      pending.hold->phase = Hold::Phase::kUnsent;
      again.push_back(pending.hold);
    } else if (pending.what == What::kQuery && !pending.query->is_answered) {
      queries_.Fail(pending.query, error, why);
    }
  }
  unsent_.splice(unsent_.begin(), again);  // what was sent first comes first again
  ConnectFailed(error, why, now);
}

// --- Requests ------------------------------------------------------------------------------------

void Core::Send(protocol::Request request, What what, const HoldPtr& hold) {
  request.tag = std::to_string(++last_tag_);
  pending_[last_tag_] = {what, hold, nullptr};
  if (hold != nullptr) hold->tag = last_tag_;
  outgoing_ += protocol::FormatRequest(request);
}

void Core::AddOwner(const Hold& hold, protocol::Request* request) {
  request->options.push_back({"as", std::to_string(hold.owner)});
}

// Each lock by a request and a fence of its own: one `unlock` of all would let go of none of them
// once one is lost.
protocol::Request Core::UnlockRequest(const Hold& hold, const HeldLock& lock) {
  protocol::Request request{{}, "unlock", {lock.name}, {{"fence", std::to_string(lock.fence)}}};
  AddOwner(hold, &request);
  return request;
}

protocol::Request Core::LockRequest(const Hold& hold, std::int64_t now) const {
  protocol::Request request{{}, "lock", {}, {}};
  for (const HeldLock& lock : hold.locks) request.args.push_back(lock.name);
  const auto add = [&](const char* key, std::int64_t ns) {
    if (ns > 0) request.options.push_back({key, Words(ns)});
  };
  if (hold.is_try) request.options.push_back({"wait", "0s"});
  if (!hold.is_try && hold.until_ns != kNever) add("wait", hold.until_ns - now);
  add("ttl", hold.options.ttl_ns);
  add("max-hold", hold.options.max_hold_ns);
  add("min-hold", hold.options.min_hold_ns);
  if (!hold.options.note.empty()) request.options.push_back({"note", hold.options.note});
  if (has_renew_) request.options.push_back({"events", "renew"});
  AddOwner(hold, &request);
  if (has_tasks_ && hold.task != 0) request.options.push_back({"task", std::to_string(hold.task)});
  return request;
}

// Why the daemon cannot be asked for several names, if so.
Problem Core::CheckSeveral(const protocol::Request& request) const {
  if (!has_sets_) {
    return {REDLOCK_EPROTOCOL,
            "expected a redlockd that takes several names at once, found a greeting without the "
            "word 'set' in its caps"};
  }
  const bool is_too_long = CheckRequest(request).error == REDLOCK_ELINETOOLONG;
  if (is_too_long) return {REDLOCK_ELINETOOLONG, "the names and the note, all together"};
  return {};
}

void Core::SendLock(const HoldPtr& hold, std::int64_t now) {
  protocol::Request request = LockRequest(*hold, now);
  const Problem problem = hold->is_of_several() ? CheckSeveral(request) : Problem{};
  if (problem) return Fail(hold, problem.error, problem.text);
  hold->phase = Hold::Phase::kSent;
  hold->sent_ns = now;
  hold->asked_for_life = false;
  hold->failing_since_ns = 0;
  hold->last_error = REDLOCK_OK;
  Send(std::move(request), What::kLock, hold);
  Schedule(hold);
}

void Core::SendUnsent(std::int64_t now) {
  for (const HoldPtr& hold : std::exchange(unsent_, {})) {
    if (is_draining_ && !hold->is_try) {
      unsent_.push_back(hold);  // for the next daemon
    } else {
      SendLock(hold, now);
    }
  }
}

void Core::Answer(Hold& hold, int error, const std::string& text) {
  hold.is_answered = true;
  hold.error = error;
  hold.text = text;
  hold.answered.notify_all();
}

// Answers the caller. What was sent is cancelled, and given back if it was granted just then.
void Core::Fail(const HoldPtr& hold, int error, const std::string& text) {
  if (hold->phase == Hold::Phase::kSent && pending_.contains(hold->tag)) {
    pending_.at(hold->tag).abandoned = true;
    SendQuietly({{}, "cancel", {std::to_string(hold->tag)}, {}});
  }
  gone_.push_back(hold);
  unsent_.remove(hold);
  hold->phase = Hold::Phase::kOver;
  SetDue(hold, kNever);
  Answer(*hold, error, text);
}

// After an attempt to connect that failed, or an answer that may be another one later.
void Core::FailOrRetry(const HoldPtr& hold, int error, const std::string& text, std::int64_t now) {
  if (hold->failing_since_ns == 0) hold->failing_since_ns = now;
  hold->last_error = error;
  hold->last_text = text;
  hold->phase = Hold::Phase::kUnsent;
  if (ConnectsOnce(*hold) || !CanChange(error)) return Fail(hold, error, text);
  unsent_.push_back(hold);
  Schedule(hold);
}

// Of a hold that is lost: what was not lost with it.
void Core::ReleaseRest(const HoldPtr& hold) {
  if (hold->phase != Hold::Phase::kLost) return;
  for (HeldLock& lock : hold->locks) {
    if (!lock.is_attached) continue;
    SendQuietly(UnlockRequest(*hold, lock));
    Detach(hold, lock);
  }
  SetDue(hold, kNever);
}

void Core::FinishRelease(const HoldPtr& hold, int error, const std::string& text) {
  if (hold->phase != Hold::Phase::kReleasing) return;
  hold->phase = Hold::Phase::kOver;
  if (error == REDLOCK_OK) hold->loss.clear();
  SetDue(hold, kNever);
  Answer(*hold, error, text);
}

// --- Time ----------------------------------------------------------------------------------------

void Core::SetDue(const HoldPtr& hold, std::int64_t when) {
  if (hold->due_ns != kNever) due_.erase({hold->due_ns, hold});
  hold->due_ns = when;
  if (when != kNever) due_.insert({when, hold});
}

void Core::Schedule(const HoldPtr& hold) {
  std::int64_t when = hold->until_ns;
  if (hold->phase == Hold::Phase::kHeld || hold->phase == Hold::Phase::kLost) {
    const HeldLock* first = hold->FirstToEnd();
    when = first == nullptr ? kNever : first->deadline_ns.load();
    if (first != nullptr && !hold->was_stopped) when -= hold->margin_ns;
  } else if (when == kNever) {
    // A wait without limit is for another holder, not for a daemon that is not there, or that hangs.
    // Where one attempt is all, its greeting has the time that it has for a try.
    const HoldOptions& options = hold->options;
    const std::int64_t patience =
        options.connect_timeout_ns == 0 ? options.answer_timeout_ns : options.connect_timeout_ns;
    if (patience >= 0 && hold->failing_since_ns != 0)
      when = After(hold->failing_since_ns, patience);
  } else if (hold->phase == Hold::Phase::kSent && !hold->is_try) {
    when = hold->asked_for_life ? After(when, kGrace)
                                : when - std::min((when - hold->sent_ns) / 2, kAskForLife);
  }
  SetDue(hold, when);
}

void Core::BeDue(const HoldPtr& hold, std::int64_t now) {
  switch (hold->phase) {
    case Hold::Phase::kUnsent:
      return BeDueUnsent(hold);
    case Hold::Phase::kSent:
      return BeDueSent(hold);
    case Hold::Phase::kHeld:
    case Hold::Phase::kLost:
      return BeDueHeld(hold, now);
    case Hold::Phase::kReleasing:
      is_silent_ = true;
      return FinishRelease(hold, hold->last_error, hold->loss);
    case Hold::Phase::kIdle:
    case Hold::Phase::kOver:
      return;
  }
}

void Core::BeDueUnsent(const HoldPtr& hold) {
  if (hold->last_error != REDLOCK_OK) return Fail(hold, hold->last_error, hold->last_text);
  if (state_ == State::kGreeting) return Fail(hold, REDLOCK_ENOANSWER, "the daemon does not greet");
  const bool is_bounded = hold->until_ns != kNever && !hold->is_try;
  Fail(hold, is_bounded ? REDLOCK_ETIMEOUT : REDLOCK_ECONNECT,
       "the time was over before the daemon could be asked");
}

void Core::BeDueSent(const HoldPtr& hold) {
  if (hold->until_ns == kNever) return Fail(hold, REDLOCK_ENOANSWER, "the daemon hangs");
  const bool lives = last_read_ns_ > hold->sent_ns;
  if (!hold->is_try && !hold->asked_for_life) {
    // The end of the wait must say whether the daemon hangs, and there is no time then to ask.
    hold->asked_for_life = true;
    if (!lives) SendQuietly({{}, "ping", {}, {}});
    return Schedule(hold);
  }
  is_silent_ = is_silent_ || !lives;
  if (lives && !hold->is_try) return Fail(hold, REDLOCK_ETIMEOUT, "the wait is over");
  Fail(hold, REDLOCK_ENOANSWER, "it has not answered in time");
}

void Core::BeDueHeld(const HoldPtr& hold, std::int64_t now) {
  HeldLock* first = hold->FirstToEnd();
  if (first != nullptr && now >= first->deadline_ns - hold->margin_ns) {
    Endanger(hold, *first, "the deadline is near");
    Stop(hold, *first);
  }
  for (; first != nullptr && now >= first->deadline_ns; first = hold->FirstToEnd()) {
    // A daemon that goes on may still count us as the holder, and nobody else would release it.
    if (first->is_attached) SendQuietly(UnlockRequest(*hold, *first));
    Lose(hold, *first, hold->loss.empty() ? "expired" : hold->loss);
  }
  Schedule(hold);
}

void Core::Heartbeat(std::int64_t now) {
  if (state_ != State::kOpen || (pending_.empty() && attached_.empty())) {
    heartbeat_due_ns_ = kNever;
    pinged_ns_ = 0;
    return;
  }
  if (heartbeat_due_ns_ == kNever) {
    // From here on: what was read last may be long ago, for nothing was to be read.
    heartbeat_due_ns_ = now + kSilence;
    return;
  }
  if (now < heartbeat_due_ns_) return;
  heartbeat_due_ns_ = now + kSilence;
  if (now - last_read_ns_ < kSilence) {
    pinged_ns_ = 0;
    heartbeat_due_ns_ = last_read_ns_ + kSilence;
  } else if (pinged_ns_ == 0) {
    pinged_ns_ = now;
    SendQuietly({{}, "ping", {}, {}});
  } else if (holds_nothing()) {
    Drop(REDLOCK_ENOANSWER, "the daemon hangs", now);
  } else {
    // While something is held we stay: a daemon that goes on would release it with the session.
    SetHung(true, now);
  }
}

// Counts against the patience of the waits without limit.
void Core::SetHung(bool hangs, std::int64_t now) {
  is_hung_ = hangs;
  for (const auto& [tag, pending] : pending_) {
    if (pending.what != What::kLock || pending.abandoned) continue;
    if (hangs && pending.hold->failing_since_ns != 0) continue;
    pending.hold->failing_since_ns = hangs ? now : 0;
    Schedule(pending.hold);
  }
}

}  // namespace redlock::client
