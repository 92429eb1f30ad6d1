#pragma once

#include <cstddef>

#include "daemon/engine/types.h"
#include "daemon/engine/views.h"
#include "daemon/session/owners.h"

namespace redlockd::session {

class Session;
class Sessions;

// What a session's owners are to the room and to the engine.
class OwnerPort final : public Owners::Port {
 public:
  // Both outlive it.
  OwnerPort(Sessions& room, Session& session) : room_(room), session_(session) {}

  engine::SessionId OpenOwner() override;
  void CloseOwner(engine::SessionId owner) override;
  engine::SessionUse UseOf(engine::SessionId owner) const override;
  std::size_t MostIdle() const override;

 private:
  Sessions& room_;
  Session& session_;
};

}  // namespace redlockd::session
