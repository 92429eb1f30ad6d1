#pragma once

#include "daemon/session/verbs.h"

// What the verbs do, one function each; only the table of verbs names them.
namespace redlockd::session {

// lock_verbs.cc
void RunLock(Session& session, const Call& call);
void RunTryLock(Session& session, const Call& call);
void RunUnlock(Session& session, const Call& call);
void RunCheck(Session& session, const Call& call);
void RunCancel(Session& session, const Call& call);

// view_verbs.cc
void RunList(Session& session, const Call& call);
void RunShow(Session& session, const Call& call);
void RunNodes(Session& session, const Call& call);
void RunStats(Session& session, const Call& call);

// other_verbs.cc
void RunTrustEmpty(Session& session, const Call& call);
void RunAdopt(Session& session, const Call& call);
void RunPing(Session& session, const Call& call);
void RunHelp(Session& session, const Call& call);
void RunQuit(Session& session, const Call& call);

}  // namespace redlockd::session
