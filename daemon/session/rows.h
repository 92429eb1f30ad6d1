#pragma once

#include <cstdint>
#include <string>

#include "daemon/engine/types.h"
#include "protocol/reply.h"

// Fields that several answers have in common.
namespace redlockd::session {

class Session;
class Sessions;

// pid=, uid=, cmd= of the session that holds or waits, and as= and note= where `reader` may see them.
void AddWho(redlock::protocol::ReplyLine& line, Sessions& room, const Session& reader,
            engine::SessionId session, const std::string& note);

// note= of a hold of that user, where `reader` may see it: the user itself and administrators may.
void AddNote(redlock::protocol::ReplyLine& line, const Session& reader, std::uint32_t uid,
             const std::string& note);

// Rounded down to milliseconds; 0 for what has passed already.
engine::Duration InMilliseconds(engine::Duration duration);
// Rounded up: it is over by then.
engine::Duration InMillisecondsUp(engine::Duration duration);

// As times are written: nanoseconds of CLOCK_BOOTTIME.
inline engine::Time::rep OnWire(engine::Time time) { return time.time_since_epoch().count(); }

// deadline=, and left= for clients that have another clock.
redlock::protocol::ReplyLine& AddDeadline(redlock::protocol::ReplyLine& line, engine::Time deadline,
                                          engine::Time now);

}  // namespace redlockd::session
