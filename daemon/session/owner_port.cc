#include "daemon/session/owner_port.h"

#include "daemon/session/sessions.h"

namespace redlockd::session {

engine::SessionId OwnerPort::OpenOwner() {
  const engine::SessionId owner = room_.Register(session_);
  const Peer& peer = session_.peer();
  room_.port().Post(engine::SessionOpened{owner, peer.uid, peer.pid, session_.id()});
  if (session_.input_ended()) room_.port().Post(engine::SessionInputEnded{owner});
  return owner;
}

void OwnerPort::CloseOwner(engine::SessionId owner) {
  room_.port().Post(engine::SessionClosed{owner});
  room_.Unregister(owner);
}

engine::SessionUse OwnerPort::UseOf(engine::SessionId owner) const {
  return room_.port().UseOf(owner);
}

std::size_t OwnerPort::MostIdle() const { return room_.options().locks_per_session; }

}  // namespace redlockd::session
