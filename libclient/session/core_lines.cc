// What the daemon says: answers, events, and what they mean for the holds.
#include <algorithm>

#include "libclient/session/core.h"
#include "libclient/wire.h"
#include "protocol/printable.h"

namespace redlock::client {
namespace {

// After `no-quorum` a wait that has time left asks again when this has passed.
constexpr std::int64_t kQuorumPause = 100'000'000;

bool IsGrantOf(const protocol::Reply& line, const HeldLock& lock) {
  const std::string* name = line.Find("lock");
  return name != nullptr && *name == lock.name && IntegerField(line, "fence") != 0 &&
         IntegerField(line, "deadline") != 0 && DurationField(line, "ttl") != 0;
}

bool IsInJeopardy(const Hold& hold) {
  return std::any_of(hold.locks.begin(), hold.locks.end(),
                     [](const HeldLock& lock) { return lock.in_jeopardy; });
}

// What was refused, if it is one of several.
std::string Refusal(const Hold& hold, const protocol::Reply& line) {
  const std::string* name = line.Find("lock");
  if (!hold.is_of_several() || name == nullptr) return line.text;
  return "'" + protocol::Printable(*name) + "': " + line.text;
}

}  // namespace

// --- Answers -------------------------------------------------------------------------------------

void Core::TakeLine(std::string_view text, std::int64_t now) {
  if (state_ == State::kClosed) return;
  const auto parsed = protocol::ParseReply(text);
  const auto* line = std::get_if<protocol::Reply>(&parsed);
  if (line == nullptr) return Drop(REDLOCK_EPROTOCOL, std::get<std::string>(parsed), now);
  last_read_ns_ = now;
  pinged_ns_ = 0;
  is_silent_ = false;
  if (is_hung_) SetHung(false, now);
  if (state_ == State::kGreeting) return TakeGreeting(*line, now);
  if (line->kind == protocol::Reply::Kind::kEvent) return TakeEvent(*line);
  TakeAnswer(*line, now);
}

void Core::TakeGreeting(const protocol::Reply& line, std::int64_t now) {
  if (line.kind == protocol::Reply::Kind::kErr) {
    return Drop(ErrorNumber(line.word), line.text, now);
  }
  if (!IsGreeting(line)) {
    return Drop(REDLOCK_EPROTOCOL, "the greeting is not that of redlockd, version 1", now);
  }
  const std::string* caps = line.Find("caps");
  if (!HasWord(caps, "owners")) {
    return Drop(REDLOCK_EPROTOCOL,
                "expected a redlockd that knows owners within a session, found a greeting without "
                "the word 'owners' in caps=" +
                    (caps == nullptr ? "" : *caps),
                now);
  }
  offset_ns_ = ClockOffset(IntegerField(line, "now"), connected_ns_, now);
  has_renew_ = HasWord(caps, "renew");
  has_tasks_ = HasWord(caps, "tasks");
  has_sets_ = HasWord(caps, "set");
  greeting_due_ns_ = kNever;
  state_ = State::kOpen;
  if (HasWord(caps, "page")) SendQuietly({{}, "page", {}, {}});
}

void Core::TakeRow(Pending& pending, const protocol::Reply& line) {
  if (pending.what == What::kLock) {
    // One more than there may be is enough to see that it is no grant.
    if (pending.grant.size() <= pending.hold->locks.size()) pending.grant.push_back(line);
  } else if (pending.what == What::kQuery && !pending.query->is_answered) {
    pending.query->reply.TakeRow(line);
  }
}

void Core::TakeAnswer(const protocol::Reply& line, std::int64_t now) {
  std::int64_t tag = 0;
  if (!ParseInteger(line.tag, &tag)) return;
  const auto found = pending_.find(static_cast<std::uint64_t>(tag));
  if (found == pending_.end()) return;
  if (line.kind == protocol::Reply::Kind::kRow) return TakeRow(found->second, line);
  failures_ = 0;
  Pending pending = std::move(found->second);
  pending_.erase(found);
  GiveUp(pending);
  const bool is_ok = line.kind == protocol::Reply::Kind::kOk;
  // The grant of one name has no row.
  if (pending.what == What::kLock && !pending.hold->is_of_several()) pending.grant = {line};
  if (pending.what == What::kQuery && !pending.query->is_answered) {
    TakeQueryAnswer(pending.query, pending.checked, line);
  } else if (pending.what == What::kLock && pending.abandoned) {
    if (is_ok) GiveBack(pending);
  } else if (pending.what == What::kLock) {
    TakeLockAnswer(pending, line, now);
  } else if (pending.what == What::kUnlock && is_ok) {
    if (--pending.hold->unreleased == 0) FinishRelease(pending.hold, REDLOCK_OK, {});
  } else if (pending.what == What::kUnlock) {
    // The daemon does not count us as the holder any more, whatever the word is.
    FinishRelease(pending.hold, REDLOCK_ELOST, line.word == "lost" ? LossReason(line) : line.text);
  }
}

void Core::TakeLockAnswer(const Pending& pending, const protocol::Reply& line, std::int64_t now) {
  const HoldPtr& hold = pending.hold;
  if (line.kind == protocol::Reply::Kind::kOk) {
    if (TakeGrant(hold, pending.grant)) return Answer(*hold, REDLOCK_OK, {});
    Fail(hold, REDLOCK_EPROTOCOL, "the grant cannot be read");
    return Drop(REDLOCK_EPROTOCOL, "a grant cannot be read", now);
  }
  const int error = ErrorNumber(line.word);
  const bool is_without_end = hold->until_ns == kNever;
  if (error == REDLOCK_EDRAINING) {
    is_draining_ = true;
    FailOrRetry(hold, error, Refusal(*hold, line), now);
  } else if (error == REDLOCK_ENOQUORUM && !hold->is_try && !is_without_end) {
    // The daemon has waited for its quorum_wait; a caller with more time has it used.
    hold->last_error = error;
    hold->last_text = Refusal(*hold, line);
    hold->phase = Hold::Phase::kUnsent;
    later_.emplace(now + kQuorumPause, hold);
    Schedule(hold);
  } else {
    hold->phase = Hold::Phase::kOver;
    Fail(hold, error, Refusal(*hold, line));
  }
}

bool Core::TakeGrant(const HoldPtr& hold, const std::vector<protocol::Reply>& lines) {
  const bool is_whole =
      std::equal(lines.begin(), lines.end(), hold->locks.begin(), hold->locks.end(), &IsGrantOf);
  if (!is_whole) return false;
  std::int64_t span = kNever;
  for (const protocol::Reply& line : lines) span = std::min(span, DurationField(line, "ttl"));
  const std::int64_t most = hold->options.max_hold_ns;
  if (most > 0) span = std::min(span, most);
  const std::int64_t wanted = hold->options.margin_ns;
  hold->margin_ns = wanted < 0 ? DefaultMargin(span) : std::min(wanted, span / 2);
  hold->offset_ns = offset_ns_;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    HeldLock& lock = hold->locks[i];
    const auto slot = static_cast<std::size_t>(IntegerField(lines[i], "slot"));
    const auto use = static_cast<std::uint64_t>(IntegerField(lines[i], "use"));
    if (page_ != nullptr && use != 0 && page_->Has(slot)) lock.place = {page_, slot, use};
    SetDeadline(lock, IntegerField(lines[i], "deadline"));
    lock.fence = static_cast<std::uint64_t>(IntegerField(lines[i], "fence"));
    lock.is_attached = true;
    attached_[{lock.name, lock.fence}] = {hold, &lock};
  }
  hold->phase = Hold::Phase::kHeld;
  hold->is_good = true;
  Schedule(hold);
  return true;
}

// A grant that crossed the cancel: nobody wants it.
void Core::GiveBack(const Pending& abandoned) {
  const Hold& hold = *abandoned.hold;
  for (std::size_t i = 0; i < hold.locks.size(); ++i) {
    protocol::Request request{{}, "unlock", {hold.locks[i].name}, {}};
    const bool is_there = i < abandoned.grant.size();
    const std::int64_t fence = is_there ? IntegerField(abandoned.grant[i], "fence") : 0;
    if (fence != 0) request.options.push_back({"fence", std::to_string(fence)});
    AddOwner(hold, &request);
    SendQuietly(std::move(request));
  }
}

// --- Events --------------------------------------------------------------------------------------

void Core::TakeEvent(const protocol::Reply& line) {
  if (line.word == "DRAINING") return TakeDraining(line);
  const std::string* name = line.Find("lock");
  const auto fence = static_cast<std::uint64_t>(IntegerField(line, "fence"));
  const auto found = name == nullptr ? attached_.end() : attached_.find({*name, fence});
  if (found == attached_.end()) return;
  const HoldPtr hold = found->second.hold;
  HeldLock& lock = *found->second.lock;
  if (line.word == "LOST" || line.word == "BROKEN") {
    SendQuietly(UnlockRequest(*hold, lock));  // so that the daemon need not remember the loss
    return Lose(hold, lock, LossReason(line));
  }
  if (const std::int64_t deadline = IntegerField(line, "deadline"); deadline != 0) {
    SetDeadline(lock, deadline);
  }
  if (line.word == "JEOPARDY") Endanger(hold, lock, line.text);
  if (line.word == "SAFE" || line.word == "RENEWED") BeSafe(hold, lock);
  Schedule(hold);
}

void Core::TakeDraining(const protocol::Reply& line) {
  is_draining_ = true;
  for (const auto& [key, held] : attached_) {
    const HeldLock& first = held.hold->locks.front();
    // A hold hears of it once.
    if (held.hold->phase != Hold::Phase::kHeld || held.lock != &first) continue;
    notices_.emplace_back(
        held.hold,
        HoldNotice{
            REDLOCK_EVENT_DRAINING, &first, first.deadline_ns, DurationField(line, "within"), {}});
  }
}

// --- Holds ---------------------------------------------------------------------------------------

void Core::SetDeadline(HeldLock& lock, std::int64_t deadline) const {
  lock.deadline_ns = ToOwnClock(deadline, offset_ns_);
}

void Core::Notify(const HoldPtr& hold, const HeldLock& lock, int type, const std::string& reason) {
  notices_.emplace_back(hold, HoldNotice{type, &lock, lock.deadline_ns, 0, reason});
}

// A hold is in jeopardy from the first of its locks that is until the last is safe.
void Core::Endanger(const HoldPtr& hold, HeldLock& lock, const std::string& why) {
  const bool is_news = hold->phase == Hold::Phase::kHeld && !IsInJeopardy(*hold);
  lock.in_jeopardy = true;
  if (is_news) Notify(hold, lock, REDLOCK_EVENT_JEOPARDY, why);
}

void Core::BeSafe(const HoldPtr& hold, HeldLock& lock) {
  if (!lock.in_jeopardy || hold->was_stopped) return;
  lock.in_jeopardy = false;
  if (!IsInJeopardy(*hold)) Notify(hold, lock, REDLOCK_EVENT_SAFE);
}

// It stays stopped: an obedient holder has begun to end its work.
void Core::Stop(const HoldPtr& hold, const HeldLock& lock) {
  hold->is_good = false;
  if (hold->was_stopped) return;
  hold->was_stopped = true;
  Notify(hold, lock, REDLOCK_EVENT_STOP);
}

// The hold is lost with the first of its locks. The others stay: its holder may still work under
// them, until it has heard of it and releases them.
void Core::Lose(const HoldPtr& hold, HeldLock& lock, const std::string& reason) {
  Detach(hold, lock);
  if (hold->phase == Hold::Phase::kHeld) {
    Stop(hold, lock);
    hold->loss = reason;
    hold->phase = Hold::Phase::kLost;
    Notify(hold, lock, REDLOCK_EVENT_LOST, reason);
  }
  Schedule(hold);
}

void Core::Detach(const HoldPtr& hold, HeldLock& lock) {
  lock.is_attached = false;
  gone_.push_back(hold);
  attached_.erase({lock.name, lock.fence});
}

}  // namespace redlock::client
