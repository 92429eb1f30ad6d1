#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/engine/events.h"
#include "daemon/engine/types.h"
#include "daemon/engine/views.h"
#include "daemon/session/status.h"

namespace redlockd::session {

// The engine as sessions see it, and the configuration that it runs with. The app implements it, and
// so does the tests' fake.
//
// Post only queues: it calls nobody back. The answers come later, from the loop or from Settle, by
// Sessions::Answer and Sessions::Notify. So a session is never entered from within its own call, and
// the events of all sessions reach the engine in the order in which they were posted.
class EnginePort {
 public:
  virtual ~EnginePort() = default;

  virtual void Post(engine::Event event) = 0;
  // The engine takes what was posted, and its answers come, before this returns. Never to be called
  // from within a session.
  virtual void Settle() = 0;

  virtual engine::Time Now() const = 0;

  // As of the last event that the engine has taken. See daemon/engine/engine.h.
  virtual std::vector<engine::RowView> Rows(const engine::RowPlace& from,
                                            std::size_t most) const = 0;
  virtual engine::SessionUse UseOf(engine::SessionId session) const = 0;
  virtual std::vector<engine::NodeView> Nodes() const = 0;
  virtual engine::Counters Counters() const = 0;

  virtual session::Status Status() const = 0;
  // Reads the configuration anew, for this session; Status() then has the outcome. May change the
  // options of the room before it returns, and nothing else of it.
  virtual void Reload(engine::SessionId session) = 0;

  // This session asked for what it may not, and was refused. `lock` is empty if it named none.
  virtual void OnDenied(engine::SessionId session, std::string_view verb,
                        const std::string& lock) = 0;
};

}  // namespace redlockd::session
