#pragma once

#include "daemon/session/verbs.h"

// What the verbs do, one function each; only the table of verbs names them.
namespace redlockd::session {

// lock_verbs.cc
Outcome RunLock(Session& session, Call& call);
Outcome RunTryLock(Session& session, Call& call);
Outcome RunUnlock(Session& session, Call& call);
Outcome RunBreak(Session& session, Call& call);
Outcome RunCheck(Session& session, Call& call);
Outcome RunCancel(Session& session, Call& call);

// view_verbs.cc
Outcome RunList(Session& session, Call& call);
Outcome RunShow(Session& session, Call& call);
Outcome RunWatch(Session& session, Call& call);
Outcome RunUnwatch(Session& session, Call& call);
Outcome RunNodes(Session& session, Call& call);
Outcome RunStats(Session& session, Call& call);

// status.cc
Outcome RunStatus(Session& session, Call& call);
Outcome RunReload(Session& session, Call& call);

// other_verbs.cc
Outcome RunTrustEmpty(Session& session, Call& call);
Outcome RunAdopt(Session& session, Call& call);
Outcome RunPage(Session& session, Call& call);
Outcome RunPing(Session& session, Call& call);
Outcome RunHelp(Session& session, Call& call);
Outcome RunQuit(Session& session, Call& call);

}  // namespace redlockd::session
