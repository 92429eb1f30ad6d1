#include "daemon/session/owners.h"

#include "base/check.h"

namespace redlockd::session {

engine::SessionId Owners::Begin(const std::string& name) {
  if (name.empty()) return session_;
  const auto [known, is_new] = ids_.try_emplace(name);
  if (is_new) {
    known->second = port_.OpenOwner();
    owners_.emplace(known->second, Owner{name});
  }
  const auto owner = owners_.find(known->second);
  SetIdle(owner, false);
  ++owner->second.requests;
  return owner->first;
}

void Owners::End(engine::SessionId id) {
  if (id == session_) return;
  const auto owner = owners_.find(id);
  CHECK(owner != owners_.end() && owner->second.requests > 0);
  --owner->second.requests;
  Review(owner);
}

void Owners::OnLoss(engine::SessionId id) {
  const auto owner = owners_.find(id);
  if (owner != owners_.end()) Review(owner);
}

void Owners::Review(Table::iterator owner) {
  if (owner->second.requests > 0) return;
  const engine::SessionUse use = port_.UseOf(owner->first);
  if (use.locks) return;
  if (!use.losses) return Forget(owner);
  SetIdle(owner, true);
  if (idle_.size() > port_.MostIdle()) Forget(owners_.find(idle_.front()));
}

void Owners::SetIdle(Table::iterator owner, bool idle) {
  std::optional<Idle::iterator>& place = owner->second.idle;
  if (place.has_value() == idle) return;
  if (idle) {
    place = idle_.insert(idle_.end(), owner->first);
  } else {
    idle_.erase(*place);
    place.reset();
  }
}

void Owners::Forget(Table::iterator owner) {
  SetIdle(owner, false);
  port_.CloseOwner(owner->first);
  ids_.erase(owner->second.name);
  owners_.erase(owner);
}

const std::string& Owners::NameOf(engine::SessionId id) const {
  static const std::string none;
  const auto owner = owners_.find(id);
  return owner == owners_.end() ? none : owner->second.name;
}

std::vector<engine::SessionId> Owners::All() const {
  std::vector<engine::SessionId> all;
  all.reserve(owners_.size());
  for (const auto& [id, owner] : owners_) all.push_back(id);
  return all;
}

void Owners::Clear() {
  owners_.clear();
  ids_.clear();
  idle_.clear();
}

}  // namespace redlockd::session
