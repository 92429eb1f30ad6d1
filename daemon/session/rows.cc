#include "daemon/session/rows.h"

#include <algorithm>
#include <chrono>

#include "daemon/session/sessions.h"

namespace redlockd::session {
namespace {

// What a user's processes say of themselves is for that user and for administrators.
bool MaySee(const Session& reader, std::uint32_t uid) {
  return reader.peer().admin || reader.peer().uid == uid;
}

}  // namespace

void AddWho(redlock::protocol::ReplyLine& line, Sessions& room, const Session& reader,
            engine::SessionId session, const std::string& note) {
  const Session* who = room.Find(session);
  if (who == nullptr) return;  // it has just ended, and the engine is about to hear of it
  const Peer& peer = who->peer();
  line.Add("pid", std::to_string(peer.pid) + (peer.Gone() ? "(gone)" : ""));
  line.Add("uid", peer.uid);
  if (!peer.command.empty()) line.Add("cmd", peer.command);
  const std::string& owner = who->OwnerName(session);
  if (!owner.empty() && MaySee(reader, peer.uid)) line.Add("as", owner);
  AddNote(line, reader, peer.uid, note);
}

void AddNote(redlock::protocol::ReplyLine& line, const Session& reader, std::uint32_t uid,
             const std::string& note) {
  if (MaySee(reader, uid) && !note.empty()) line.Add("note", note);
}

redlock::protocol::ReplyLine& AddDeadline(redlock::protocol::ReplyLine& line, engine::Time deadline,
                                          engine::Time now) {
  return line.Add("deadline", OnWire(deadline)).Add("left", InMilliseconds(deadline - now));
}

engine::Duration InMilliseconds(engine::Duration duration) {
  return std::chrono::floor<std::chrono::milliseconds>(std::max(duration, engine::Duration(0)));
}

engine::Duration InMillisecondsUp(engine::Duration duration) {
  return std::chrono::ceil<std::chrono::milliseconds>(std::max(duration, engine::Duration(0)));
}

}  // namespace redlockd::session
