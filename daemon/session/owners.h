#pragma once

#include <cstddef>
#include <list>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "daemon/engine/types.h"
#include "daemon/engine/views.h"
#include "daemon/session/state.h"

namespace redlockd::session {

// The owners within one session (`as=`). To the engine each is a session of its own, from its first
// request until it has no request under way, no lock, and no loss to hear of. Knows no lock: the engine
// is asked what an owner has.
class Owners {
 public:
  // What is done with the engine and the room; outlives the object.
  class Port {
   public:
    virtual engine::SessionId OpenOwner() = 0;
    virtual void CloseOwner(engine::SessionId owner) = 0;
    virtual engine::SessionUse UseOf(engine::SessionId owner) const = 0;
    // How many owners are kept for no more than losses that they have not heard of. Beyond that, the
    // one that came to this first is forgotten.
    virtual std::size_t MostIdle() const = 0;

   protected:
    ~Port() = default;
  };

  // Of the session with that id.
  Owners(Port& port, engine::SessionId session) : port_(port), session_(session) {}

  // A request begins, of that owner, or of the session itself if the name is empty. Until its End, the
  // owner stays.
  engine::SessionId Begin(const std::string& name);
  void End(engine::SessionId asker);
  // A hold of that owner, or of the session itself, has ended without it.
  void OnLoss(engine::SessionId holder);

  // Empty for the session itself.
  const std::string& NameOf(engine::SessionId holder) const;
  std::vector<engine::SessionId> All() const;
  // All of them for the next process; and one of the former process, with so many requests under way.
  std::vector<record::Owner> Save() const;
  void Restore(const record::Owner& former, std::size_t requests);
  // Forgets all of them, and closes none.
  void Clear();

 private:
  using Idle = std::list<engine::SessionId>;
  struct Owner {
    std::string name;
    std::size_t requests = 0;
    std::optional<Idle::iterator> idle{};
  };
  using Table = std::unordered_map<engine::SessionId, Owner>;

  void Review(Table::iterator owner);
  void SetIdle(Table::iterator owner, bool idle);
  void Forget(Table::iterator owner);

  Port& port_;
  const engine::SessionId session_;
  Table owners_;
  std::unordered_map<std::string, engine::SessionId> ids_;
  Idle idle_;  // those that have losses and nothing else, the oldest first
};

}  // namespace redlockd::session
