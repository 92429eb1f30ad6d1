#include "daemon/session/status.h"

#include <algorithm>
#include <string>

#include "daemon/session/handlers.h"
#include "daemon/session/sessions.h"
#include "protocol/reply.h"

namespace redlockd::session {
namespace {

using redlock::protocol::ReplyLine;

void WriteKey(ReplyLine row, const Status::Key& key) {
  row.Add("key", key.key).Add("in-force", key.in_force);
  if (key.in_file) row.Add("file", *key.in_file);
}

// Values name users, files and machines, and a mistake quotes the file: they are for administrators.
void WriteRows(Session& session, const Call& call, const Status& status) {
  for (const Status::Key& key : status.keys) {
    if (call.has_word || key.in_file) WriteKey(ReplyLine::Row(session.out(), call.tag), key);
  }
  if (!status.last_reload) return;
  std::size_t number = 0;
  for (const std::string& mistake : status.last_reload->mistakes) {
    ReplyLine::Row(session.out(), call.tag).Add("mistake", ++number).Text(mistake);
  }
}

Outcome Write(Session& session, const Call& call) {
  const Status status = session.room().port().Status();
  if (session.peer().admin) WriteRows(session, call, status);
  auto ok = ReplyLine::Ok(session.out(), call.tag);
  ok.Add("version", status.version)
      .Add("started", status.started)
      .Add("config", status.config_file)
      .Add("since", status.since);
  const auto pending = std::count_if(status.keys.begin(), status.keys.end(),
                                     [](const Status::Key& key) { return key.in_file; });
  ok.Add("pending", pending);
  if (!status.last_reload) {
    ok.Add("reload", "none");
  } else {
    const std::size_t mistakes = status.last_reload->mistakes.size();
    ok.Add("reload", mistakes == 0 ? "ok" : "failed")
        .Add("reloaded", status.last_reload->at)
        .Add("mistakes", mistakes);
  }
  return Answered{};
}

}  // namespace

Outcome RunStatus(Session& session, Call& call) { return Write(session, call); }

Outcome RunReload(Session& session, Call& call) {
  session.room().port().Reload(session.id());
  return Write(session, call);
}

}  // namespace redlockd::session
