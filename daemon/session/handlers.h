#pragma once

#include "daemon/session/verbs.h"

// What the verbs do, one function each; only the table of verbs names them.
namespace redlockd::session {

// lock_verbs.cc
void RunLock(Session& session, Call& call);
void RunTryLock(Session& session, Call& call);
void RunUnlock(Session& session, Call& call);
void RunCheck(Session& session, Call& call);
void RunCancel(Session& session, Call& call);

// view_verbs.cc
void RunList(Session& session, Call& call);
void RunShow(Session& session, Call& call);
void RunNodes(Session& session, Call& call);
void RunStats(Session& session, Call& call);

// other_verbs.cc
void RunTrustEmpty(Session& session, Call& call);
void RunAdopt(Session& session, Call& call);
void RunPing(Session& session, Call& call);
void RunHelp(Session& session, Call& call);
void RunQuit(Session& session, Call& call);

}  // namespace redlockd::session
