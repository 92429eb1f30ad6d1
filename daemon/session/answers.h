#pragma once

#include <string>
#include <string_view>

#include "daemon/engine/effects.h"

// What the engine says, as lines of the protocol.
namespace redlockd::session {

class Session;

// The answer to the request with this tag about `subject` (a lock's name, or cancel's tag), at the
// end of the session's output.
void WriteAnswer(Session& session, const std::string& tag, const std::string& subject,
                 const engine::Answer& answer);

// Of a hold of `owner` within the session; empty: of the session itself.
void WriteNotice(std::string& out, const engine::Notice& notice, std::string_view owner,
                 engine::Time now);

// What becomes of a lock, as a line for those who watch it.
void WriteWatch(std::string& out, const engine::WatchNotice& notice);

// show.cc: the rows and the answer of `show`.
void WriteShown(Session& session, const std::string& tag, const engine::Shown& shown);

}  // namespace redlockd::session
