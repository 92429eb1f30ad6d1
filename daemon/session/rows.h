#pragma once

#include <string>

#include "daemon/engine/types.h"
#include "protocol/reply.h"

// Fields that several answers have in common.
namespace redlockd::session {

class Session;
class Sessions;

// pid=, uid=, cmd= of the session that holds or waits, and note= where `reader` may see it.
void AddWho(redlock::protocol::ReplyLine& line, Sessions& room, const Session& reader,
            engine::SessionId session, const std::string& note);

// Rounded down to milliseconds; 0 for what has passed already.
engine::Duration InMilliseconds(engine::Duration duration);

// As deadlines are written: nanoseconds of CLOCK_BOOTTIME.
inline engine::Time::rep OnWire(engine::Time time) { return time.time_since_epoch().count(); }

}  // namespace redlockd::session
