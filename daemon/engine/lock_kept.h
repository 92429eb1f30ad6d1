#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "daemon/engine/counted.h"
#include "daemon/engine/lock.h"

namespace redlockd::engine {

// The hold is over, and the lock stays taken: it counts as one of that user's, who is not to have it
// for nothing.
struct Lock::Kept {
  Kept(Shared& shared, const std::string& name, std::uint32_t uid, Fence fence,
       std::optional<Asker> asker)
      : of_user(shared.sessions, uid, name),
        counted(shared.counters.kept),
        fence(fence),
        unsecured(std::make_unique<Counted>(shared.unsecured)),
        asker(std::move(asker)) {}
  // The nodes keep it, or never will.
  void Answer(Shared& shared, engine::Answer answer) {
    if (asker && shared.sessions.Has(asker->session)) {
      asker->Reply(shared.outbox, std::move(answer));
    }
    asker.reset();
  }

  SessionTable::Kept of_user;
  Counted counted;
  const Fence fence;
  std::unique_ptr<Counted> unsecured;  // until a majority has promised to keep it (rule I2)
  std::optional<Asker> asker;
};

}  // namespace redlockd::engine
