#include <utility>

#include "daemon/session/handlers.h"
#include "daemon/session/sessions.h"
#include "protocol/reply.h"

namespace redlockd::session {

using redlock::protocol::ErrorCode;
using redlock::protocol::ReplyLine;

Outcome RunLock(Session& session, Call& call) {
  return engine::LockRequested{.session = session.id(),
                               .request = call.request,
                               .name = call.subject,
                               .wait = call.wait,
                               .ttl = call.ttl,
                               .max_hold = call.max_hold,
                               .note = std::move(call.note),
                               .renewed_events = call.renewed_events};
}

Outcome RunTryLock(Session& session, Call& call) {
  call.wait = engine::Duration(0);
  return RunLock(session, call);
}

Outcome RunUnlock(Session& session, Call& call) {
  return engine::UnlockRequested{.session = session.id(),
                                 .request = call.request,
                                 .name = call.subject,
                                 .fence = call.fence,
                                 .sync = call.sync};
}

Outcome RunCheck(Session& session, Call& call) {
  return engine::CheckRequested{
      .session = session.id(), .request = call.request, .name = call.subject, .fence = call.fence};
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
      .session = session.id(), .request = call.request, .target = wait->id, .name = wait->subject};
}

}  // namespace redlockd::session
