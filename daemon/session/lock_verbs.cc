#include <string>
#include <utility>

#include "daemon/session/handlers.h"
#include "daemon/session/sessions.h"
#include "protocol/duration.h"
#include "protocol/reply.h"

namespace redlockd::session {

using redlock::protocol::ErrorCode;
using redlock::protocol::ReplyLine;

namespace {

// Who waits and holds as one (rule W1). Lines without a tag are one after the other, so nothing is
// let go while one waits. A client that sends tags does several things at a time: it says itself
// which of them belong together.
engine::TaskId TaskOf(const Session& session, const Call& call) {
  if (call.task) return {session.id(), *call.task};
  if (call.tag.empty() || !call.as.empty()) return {call.asker, 0};
  return {};
}

}  // namespace

Outcome RunLock(Session& session, Call& call) {
  if (call.mode == engine::Mode::kShared && (call.min_hold || !call.also.empty())) {
    ReplyLine::Err(session.out(), call.tag, ErrorCode::kBadRequest)
        .Text(call.min_hold ? "mode=shared: expected without min-hold"
                            : "mode=shared: expected with one name, found " +
                                  std::to_string(1 + call.also.size()) + " names");
    return Answered{};
  }
  if (call.min_hold && call.max_hold && *call.min_hold > *call.max_hold) {
    ReplyLine::Err(session.out(), call.tag, ErrorCode::kBadRequest)
        .Text("min-hold: expected at most max-hold, " +
              redlock::protocol::FormatDuration(*call.max_hold) + ", found " +
              redlock::protocol::FormatDuration(*call.min_hold));
    return Answered{};
  }
  return engine::LockRequested{.session = call.asker,
                               .request = call.request,
                               .name = call.subject,
                               .wait = call.wait,
                               .ttl = call.ttl,
                               .max_hold = call.max_hold,
                               .min_hold = call.min_hold.value_or(engine::Duration(0)),
                               .note = std::move(call.note),
                               .renewed_events = call.renewed_events,
                               .wanted_events = call.wanted_events,
                               .task = TaskOf(session, call),
                               .mode = call.mode,
                               .also = call.also};
}

Outcome RunTryLock(Session& session, Call& call) {
  call.wait = engine::Duration(0);
  return RunLock(session, call);
}

Outcome RunUnlock(Session& session, Call& call) {
  if (call.fence && !call.also.empty()) {
    ReplyLine::Err(session.out(), call.tag, ErrorCode::kBadRequest)
        .Text("fence: expected with one name, which has that fence, found " +
              std::to_string(1 + call.also.size()) + " names");
    return Answered{};
  }
  return engine::UnlockRequested{.session = call.asker,
                                 .request = call.request,
                                 .name = call.subject,
                                 .fence = call.fence,
                                 .sync = call.has_word,
                                 .also = call.also};
}

Outcome RunBreak(Session& session, Call& call) {
  const bool is_of_owner = !call.owner.empty();
  if (is_of_owner == call.fence.has_value() || (call.has_word && !is_of_owner)) {
    ReplyLine::Err(session.out(), call.tag, ErrorCode::kBadRequest)
        .Text("expected fence=N, of a hold of this host, or owner=VALUE, and now only with that");
    return Answered{};
  }
  return engine::BreakRequested{.session = session.id(),
                                .request = call.request,
                                .name = call.subject,
                                .fence = call.fence,
                                .owner = std::move(call.owner),
                                .at_once = call.has_word};
}

Outcome RunCheck(Session&, Call& call) {
  return engine::CheckRequested{
      .session = call.asker, .request = call.request, .name = call.subject, .fence = call.fence};
}

Outcome RunCancel(Session& session, Call& call) {
  const UnderWay::Request* wait = session.under_way().FindTag(call.subject);
  if (wait == nullptr || !wait->is_wait) {
    ReplyLine::Err(session.out(), call.tag, ErrorCode::kNoSuchTag)
        .Add("tag", call.subject)
        .Text("expected the tag of a lock that waits in this session");
    return Answered{};
  }
  return engine::CancelRequested{
      .session = call.asker, .request = call.request, .target = wait->id, .name = wait->subject};
}

}  // namespace redlockd::session
