#include "daemon/session/handlers.h"
#include "daemon/session/sessions.h"
#include "protocol/reply.h"

namespace redlockd::session {

using redlock::protocol::ReplyLine;

void RunTrustEmpty(Session& session, Call& call) {
  session.Ask(call, Session::Kind::kOther, engine::TrustEmptyRequested{session.id(), call.request});
}

void RunAdopt(Session& session, Call& call) {
  session.Ask(call, Session::Kind::kOther, engine::AdoptRequested{session.id(), call.request});
}

void RunPing(Session& session, Call& call) { ReplyLine::Ok(session.out(), call.tag); }

void RunHelp(Session& session, Call& call) {
  for (const Verb& verb : Verbs()) {
    ReplyLine::Row(session.out(), call.tag).Add("verb", verb.name).Text(Usage(verb));
  }
  ReplyLine::Ok(session.out(), call.tag);
}

void RunQuit(Session& session, Call& call) { session.Quit(call); }

}  // namespace redlockd::session
