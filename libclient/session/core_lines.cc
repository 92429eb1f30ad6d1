// What the daemon says: answers, events, and what they mean for the holds.
#include <algorithm>

#include "libclient/session/core.h"
#include "libclient/wire.h"

namespace redlock::client {
namespace {

// After `no-quorum` a wait that has time left asks again when this has passed.
constexpr std::int64_t kQuorumPause = 100'000'000;

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
  greeting_due_ns_ = kNever;
  state_ = State::kOpen;
  if (HasWord(caps, "page")) SendQuietly({{}, "page", {}, {}});
}

void Core::TakeAnswer(const protocol::Reply& line, std::int64_t now) {
  std::int64_t tag = 0;
  if (!ParseInteger(line.tag, &tag)) return;
  const auto found = pending_.find(static_cast<std::uint64_t>(tag));
  if (found == pending_.end()) return;
  if (line.kind == protocol::Reply::Kind::kRow) {
    Query* query = found->second.query.get();
    if (query != nullptr && !query->is_answered) query->reply.TakeRow(line);
    return;
  }
  failures_ = 0;
  const Pending pending = found->second;
  pending_.erase(found);
  if (pending.hold != nullptr) gone_.push_back(pending.hold);
  const bool is_ok = line.kind == protocol::Reply::Kind::kOk;
  if (pending.what == What::kQuery && !pending.query->is_answered) {
    TakeQueryAnswer(*pending.query, line);
    queries_.Finish(pending.query);
  } else if (pending.what == What::kLock && pending.abandoned) {
    if (is_ok) GiveBack(*pending.hold, line);
  } else if (pending.what == What::kLock) {
    TakeLockAnswer(pending.hold, line, now);
  } else if (pending.what == What::kUnlock && is_ok) {
    FinishRelease(pending.hold, REDLOCK_OK, {});
  } else if (pending.what == What::kUnlock) {
    // The daemon does not count us as the holder any more, whatever the word is.
    FinishRelease(pending.hold, REDLOCK_ELOST, line.word == "lost" ? LossReason(line) : line.text);
  }
}

void Core::TakeLockAnswer(const HoldPtr& hold, const protocol::Reply& line, std::int64_t now) {
  if (line.kind == protocol::Reply::Kind::kOk) {
    if (TakeGrant(hold, line)) return Answer(*hold, REDLOCK_OK, {});
    Fail(hold, REDLOCK_EPROTOCOL, "the grant cannot be read");
    return Drop(REDLOCK_EPROTOCOL, "a grant cannot be read", now);
  }
  const int error = ErrorNumber(line.word);
  const bool is_without_end = hold->until_ns == kNever;
  if (error == REDLOCK_EDRAINING) {
    is_draining_ = true;
    FailOrRetry(hold, error, line.text, now);
  } else if (error == REDLOCK_ENOQUORUM && !hold->is_try && !is_without_end) {
    // The daemon has waited for its quorum_wait; a caller with more time has it used.
    hold->last_error = error;
    hold->last_text = line.text;
    hold->phase = Hold::Phase::kUnsent;
    later_.emplace(now + kQuorumPause, hold);
    Schedule(hold);
  } else {
    hold->phase = Hold::Phase::kOver;
    Fail(hold, error, line.text);
  }
}

bool Core::TakeGrant(const HoldPtr& hold, const protocol::Reply& line) {
  const std::int64_t fence = IntegerField(line, "fence");
  const std::int64_t deadline = IntegerField(line, "deadline");
  const std::int64_t ttl = DurationField(line, "ttl");
  if (fence == 0 || deadline == 0 || ttl == 0) return false;
  const std::int64_t most = hold->options.max_hold_ns;
  const std::int64_t span = most > 0 ? std::min(ttl, most) : ttl;
  const std::int64_t wanted = hold->options.margin_ns;
  hold->margin_ns = wanted < 0 ? DefaultMargin(span) : std::min(wanted, span / 2);
  const auto slot = static_cast<std::size_t>(IntegerField(line, "slot"));
  const auto use = static_cast<std::uint64_t>(IntegerField(line, "use"));
  if (page_ != nullptr && use != 0 && page_->Has(slot)) hold->place = {page_, slot, use};
  hold->offset_ns = offset_ns_;
  hold->fence = static_cast<std::uint64_t>(fence);
  SetDeadline(*hold, deadline);
  hold->phase = Hold::Phase::kHeld;
  hold->is_attached = true;
  hold->is_good = true;
  attached_[{hold->name, hold->fence}] = hold;
  Schedule(hold);
  return true;
}

// A grant that crossed the cancel: nobody wants it.
void Core::GiveBack(const Hold& hold, const protocol::Reply& line) {
  protocol::Request request{{}, "unlock", {hold.name}, {}};
  const std::int64_t fence = IntegerField(line, "fence");
  if (fence != 0) request.options.push_back({"fence", std::to_string(fence)});
  AddOwner(hold, &request);
  SendQuietly(std::move(request));
}

// --- Events --------------------------------------------------------------------------------------

HoldPtr Core::HeldBy(const protocol::Reply& event) const {
  const std::string* name = event.Find("lock");
  if (name == nullptr) return nullptr;
  const auto fence = static_cast<std::uint64_t>(IntegerField(event, "fence"));
  const auto found = attached_.find({*name, fence});
  return found == attached_.end() ? nullptr : found->second;
}

void Core::TakeEvent(const protocol::Reply& line) {
  if (line.word == "DRAINING") return TakeDraining(line);
  const HoldPtr hold = HeldBy(line);
  if (hold == nullptr) return;
  if (line.word == "LOST" || line.word == "BROKEN") {
    SendQuietly(UnlockRequest(*hold));  // so that the daemon need not remember the loss
    return Lose(hold, LossReason(line));
  }
  if (const std::int64_t deadline = IntegerField(line, "deadline"); deadline != 0) {
    SetDeadline(*hold, deadline);
  }
  if (line.word == "JEOPARDY") Endanger(hold, line.text);
  const bool is_well = line.word == "SAFE" || line.word == "RENEWED";
  if (is_well && hold->in_jeopardy && !hold->was_stopped) {
    hold->in_jeopardy = false;
    Notify(hold, REDLOCK_EVENT_SAFE);
  }
  Schedule(hold);
}

void Core::TakeDraining(const protocol::Reply& line) {
  is_draining_ = true;
  HoldNotice notice;
  notice.type = REDLOCK_EVENT_DRAINING;
  notice.within_ns = DurationField(line, "within");
  for (const auto& [key, hold] : attached_) {
    notice.deadline_ns = hold->deadline_ns;
    notices_.emplace_back(hold, notice);
  }
}

// --- Holds ---------------------------------------------------------------------------------------

void Core::SetDeadline(Hold& hold, std::int64_t deadline) const {
  hold.deadline_ns = ToOwnClock(deadline, offset_ns_);
  hold.usable_until_ns = hold.deadline_ns - hold.margin_ns;
}

void Core::Notify(const HoldPtr& hold, int type, const std::string& reason) {
  notices_.emplace_back(hold, HoldNotice{type, hold->deadline_ns, 0, reason});
}

void Core::Endanger(const HoldPtr& hold, const std::string& why) {
  if (hold->in_jeopardy) return;
  hold->in_jeopardy = true;
  Notify(hold, REDLOCK_EVENT_JEOPARDY, why);
}

// It stays stopped: an obedient holder has begun to end its work.
void Core::Stop(const HoldPtr& hold) {
  hold->is_good = false;
  if (hold->was_stopped) return;
  hold->was_stopped = true;
  Notify(hold, REDLOCK_EVENT_STOP);
}

void Core::Lose(const HoldPtr& hold, const std::string& reason) {
  Stop(hold);
  Detach(hold);
  hold->loss = reason;
  hold->phase = Hold::Phase::kOver;
  SetDue(hold, kNever);
  Notify(hold, REDLOCK_EVENT_LOST, reason);
}

void Core::Detach(const HoldPtr& hold) {
  hold->is_attached = false;
  gone_.push_back(hold);
  attached_.erase({hold->name, hold->fence});
}

}  // namespace redlock::client
