#include "daemon/session/handlers.h"
#include "daemon/session/rows.h"
#include "daemon/session/sessions.h"
#include "protocol/reply.h"

namespace redlockd::session {

using redlock::protocol::ReplyLine;

Outcome RunTrustEmpty(Session& session, Call& call) {
  return engine::TrustEmptyRequested{session.id(), call.request};
}

Outcome RunAdopt(Session& session, Call& call) {
  return engine::AdoptRequested{session.id(), call.request};
}

Outcome RunPage(Session&, Call&) { return GivePage{}; }

Outcome RunPing(Session& session, Call& call) {
  ReplyLine::Ok(session.out(), call.tag).Add("now", OnWire(session.room().port().Now()));
  return Answered{};
}

Outcome RunHelp(Session& session, Call& call) {
  for (const Verb& verb : Verbs()) {
    ReplyLine::Row(session.out(), call.tag).Add("verb", verb.name).Text(Usage(verb));
  }
  ReplyLine::Ok(session.out(), call.tag);
  return Answered{};
}

Outcome RunQuit(Session&, Call&) { return Quit{}; }

}  // namespace redlockd::session
