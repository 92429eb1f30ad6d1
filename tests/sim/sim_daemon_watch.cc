#include <algorithm>

#include "tests/sim/sim_daemon.h"
#include "tests/support/engine_rows.h"

// What is seen of a daemon from outside, for checkers: who waits, what is granted, what it asks.
namespace redlockd::sim {
namespace {

// Turns are of those who want a lock for themselves.
bool MayBeShared(const std::string& lock) { return lock.starts_with("shared"); }

}  // namespace

void SimDaemon::NoteWaits(const engine::Event& event) {
  asks_.reset();
  const auto* asked = std::get_if<engine::LockRequested>(&event);
  if (asked == nullptr) return;
  asks_ = Call(asked->session, asked->request);
  min_hold_[*asks_] = asked->min_hold;
  waits_[asked->name][*asks_] = asked->wait == Duration(0);
  NoteLine(asked->name);
  for (const std::string& name : asked->also) {
    waits_[name][*asks_] = asked->wait == Duration(0);
    NoteLine(name);
  }
}

// How many wait for the lock has changed. A try does not wait for its turn (rule E6.8).
void SimDaemon::NoteLine(const std::string& lock) {
  const auto& calls = waits_[lock];
  const auto waiters =
      std::count_if(calls.begin(), calls.end(), [](const auto& call) { return !call.second; });
  if (!MayBeShared(lock)) {
    parts_.turns.Wait(lock, Instance(), static_cast<std::size_t>(waiters));
  }
}

void SimDaemon::Granted(const engine::AnswerClient& answered, const std::string& lock,
                        engine::Fence fence, engine::Mode mode) {
  if (mode == engine::Mode::kShared && !held_[lock].empty()) parts_.reached(Reached::kJoined);
  held_[lock].insert(answered.session);
  kept_[lock] = Now() + min_hold_[Call(answered.session, answered.request)];
  const std::string& owner = owner_[lock];
  if (granted_[lock] == owner) {
    const bool at_once = asks_ == Call(answered.session, answered.request);
    parts_.reached(at_once ? Reached::kRetake : Reached::kHandOff);
  }
  granted_[lock] = owner;
  grants_[{lock, fence}] = {owner, answered.session, parts_.timeline.now()};
  parts_.checker.Leased(lock, owner);
  if (!MayBeShared(lock)) parts_.turns.Granted(lock, Instance(), owner);
}

// Nodes are asked for a lock only for a client that holds it or waits for it, or to keep it (rule I2): what
// lingers is not renewed (rule E4); and what was let go is not asked for again (rules C4, C6).
void SimDaemon::CheckAsked(const engine::AskNodes& ask) {
  const auto broken = [this](const std::string& what) {
    parts_.checker.Broken(Promise::kDeath, what);
  };
  if (const auto* release = std::get_if<engine::ReleaseOp>(&ask.op)) {
    // Without a subject: one node's vote was not wanted, the attempt goes on.
    if (ask.ticket.subject != 0) let_go_.insert(release->owner);
  } else if (const auto* renew = std::get_if<engine::RenewOp>(&ask.op)) {
    if (!IsWanted(renew->lock)) broken(renew->lock + " is renewed and nobody wants it");
    if (let_go_.contains(renew->owner)) broken(renew->owner + " is renewed after it was let go");
    if (!held_.contains(renew->lock)) parts_.reached(Reached::kRenewedFirst);
  } else if (const auto* acquire = std::get_if<engine::AcquireOp>(&ask.op)) {
    if (!IsWanted(acquire->lock)) broken(acquire->lock + " is taken and nobody wants it");
    if (let_go_.contains(acquire->owner)) broken(acquire->owner + " is taken after it was let go");
    CountAcquire(*acquire);
  } else if (const auto* share = std::get_if<engine::ShareOp>(&ask.op)) {
    if (!IsWanted(share->lock)) broken(share->lock + " is shared and nobody wants it");
    if (let_go_.contains(share->owner)) broken(share->owner + " is shared after it was let go");
    owner_[share->lock] = share->owner;
  } else if (const auto* claim = std::get_if<engine::ClaimOp>(&ask.op)) {
    for (const engine::ClaimOp::Name& name : claim->names) {
      if (!IsWanted(name.lock)) broken(name.lock + " is claimed and nobody wants it");
      if (HeldFences().contains(name.lock)) broken(name.lock + " is claimed while it is held here");
      if (let_go_.contains(name.owner)) broken(name.owner + " is claimed after it was let go");
      owner_[name.lock] = name.owner;
    }
  }
}

bool SimDaemon::IsWanted(const std::string& lock) const {
  const auto kept = kept_.find(lock);
  if (kept != kept_.end() && Now() < kept->second) return true;
  const auto waits = waits_.find(lock);
  return held_.contains(lock) || (waits != waits_.end() && !waits->second.empty());
}

void SimDaemon::CountAcquire(const engine::AcquireOp& acquire) {
  owner_[acquire.lock] = acquire.owner;
  const bool leased = granted_[acquire.lock] == acquire.owner;
  if (leased && acquire.block > 1) parts_.reached(Reached::kBlock);
  if (leased) return;
  if (!MayBeShared(acquire.lock)) parts_.turns.Asked(acquire.lock, Instance(), acquire.owner);
  const auto& calls = waits_[acquire.lock];
  const bool tries =
      std::any_of(calls.begin(), calls.end(), [](const auto& call) { return call.second; });
  if (acquire.queueing == engine::Queueing::kNone && !tries) parts_.reached(Reached::kStayedOut);
  if (acquire.queueing == engine::Queueing::kIgnore) parts_.reached(Reached::kBackStop);
  if (acquire.queueing == engine::Queueing::kStand) {
    // Of the locks that only sets want: no set asks for its place alone unless it stands aside.
    parts_.reached(acquire.lock.starts_with("set") ? Reached::kAside : Reached::kStand);
  }
}

void SimDaemon::Audit() {
  if (!engine_ || stopped() || !waiting_.empty()) return;
  for (const engine::HoldView& hold : test::RowsOf<engine::HoldView>(*engine_, Now())) {
    const auto user = users_.find(hold.session);
    if (user == users_.end()) {
      parts_.checker.Broken(Promise::kDeath, hold.name + " is held by a session that is gone");
    } else if (!user->second->CountsOn(hold.name, hold.fence)) {
      parts_.checker.Broken(Promise::kDeath, hold.name + " is held by a client that let it go");
    }
  }
  for (const engine::WaitView& wait : test::RowsOf<engine::WaitView>(*engine_, Now())) {
    if (!users_.contains(wait.session)) {
      parts_.checker.Broken(Promise::kDeath, "a session that is gone waits for " + wait.name);
    }
  }
}

std::map<std::string, std::size_t> SimDaemon::HoldCounts() const {
  std::map<std::string, std::size_t> counts;
  if (!engine_) return counts;
  for (const engine::HoldView& hold : test::RowsOf<engine::HoldView>(*engine_, Now())) {
    ++counts[hold.name];
  }
  return counts;
}

std::map<std::string, engine::Fence> SimDaemon::HeldFences() const {
  std::map<std::string, engine::Fence> held;
  if (!engine_) return held;
  for (const engine::HoldView& hold : test::RowsOf<engine::HoldView>(*engine_, Now())) {
    held[hold.name] = hold.fence;
  }
  return held;
}

std::vector<std::string> SimDaemon::HeldBy(engine::SessionId session) const {
  std::vector<std::string> held;
  if (!engine_) return held;
  for (const engine::HoldView& hold : test::RowsOf<engine::HoldView>(*engine_, Now())) {
    if (hold.session == session) held.push_back(hold.name);
  }
  return held;
}

std::optional<engine::Fence> SimDaemon::FenceOf(const std::string& lock) const {
  const auto held = HeldFences();
  const auto hold = held.find(lock);
  return hold == held.end() ? std::nullopt : std::optional(hold->second);
}

std::optional<engine::Fence> SimDaemon::FenceOfOrLeft(const std::string& lock) const {
  if (!resuming_) return FenceOf(lock);
  for (const auto& left : engine_->Save(Now()).locks) {
    if (left.name == lock && left.hold) return left.hold->fence;
  }
  return std::nullopt;
}

const SimDaemon::Grant* SimDaemon::GrantOf(const std::string& lock, engine::Fence fence) const {
  const auto grant = grants_.find({lock, fence});
  return grant == grants_.end() ? nullptr : &grant->second;
}

std::uint64_t SimDaemon::ConfirmedGrants() const {
  return confirmed_grants_ + (engine_ ? engine_->counters().confirmed_grants : 0);
}

std::vector<engine::NodeView> SimDaemon::NodeViews() const {
  return engine_ ? engine_->Nodes(Now()) : std::vector<engine::NodeView>{};
}

}  // namespace redlockd::sim
