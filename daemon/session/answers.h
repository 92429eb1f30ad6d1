#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/engine/effects.h"
#include "daemon/session/shared_page.h"

// What the engine says, as lines of the protocol.
namespace redlockd::session {

class Session;

// The answer to the request with this tag about `subject` (a lock's name, or cancel's tag), at the
// end of the session's output. `places`: of the holds that it grants, on the session's page, in the order
// asked; empty if there is no page.
void WriteAnswer(Session& session, const std::string& tag, const std::string& subject,
                 const engine::Answer& answer, const SharedPage::Places& places = {});

// Of a hold of `owner` within the session; empty: of the session itself.
void WriteNotice(std::string& out, const engine::Notice& notice, std::string_view owner,
                 engine::Time now);

// What becomes of a lock, as a line for those who watch it.
void WriteWatch(std::string& out, const engine::WatchNotice& notice);

// deadlock.cc: why a request that would wait in `cycle` (rule W1) is refused, for its client. The
// cycle is not empty.
std::string WhyDeadlock(const Session& session, const std::vector<engine::InCycle>& cycle);

// show.cc: the rows and the answer of `show`.
void WriteShown(Session& session, const std::string& tag, const engine::Shown& shown);

}  // namespace redlockd::session
