#include "tests/sim/asker.h"

#include <variant>

#include "daemon/engine/owner_count.h"

namespace redlockd::sim {

using namespace std::chrono_literals;

Asker::Asker(const Parts& parts) : parts_(parts), chance_(parts.seed, 'a', parts.number) {
  AskLater();
}

void Asker::Broken(const std::string& what) {
  parts_.checker.Broken(Promise::kShown, "the asker of daemon " + std::to_string(parts_.number) +
                                             " is shown " + what);
}

void Asker::AskLater() {
  parts_.timeline.After(1ms + chance_.UpTo(100ms), [this] {
    if (is_home_) return;
    if (daemon().up()) return Ask();
    AskLater();
  });
}

void Asker::Ask() {
  if (chance_.OneIn(4)) Forge();
  asked_ = parts_.timeline.now();
  held_.clear();
  for (SimDaemon& other : parts_.daemons) {
    if (const auto fence = other.FenceOfOrLeft("all")) held_.insert(*fence);
  }
  session_ = daemon().Open(*this);
  daemon().Feed(engine::ShowRequested{*session_, 1, "all"});
  // It hangs up where the daemon is slow, and asks again.
  parts_.timeline.After(1s, [this, session = session_] {
    if (session_ == session) Leave();
  });
}

void Asker::Leave() {
  daemon().Close(*session_);
  session_.reset();
  AskLater();
}

void Asker::Forge() {
  const engine::NodeIndex node = chance_.Below(parts_.nodes);
  const std::uint64_t number = chance_.Below(50);
  daemon().Feed(engine::HolderAsked{node, number, number, "nobody", "all"});
  daemon().Feed(engine::HolderNamed{node, number, engine::HolderFacts{.fence = 1, .note = "no"}});
}

void Asker::OnAnswer(engine::RequestId, const engine::Answer& answer) {
  parts_.timeline.After(0ns, [this, session = session_] {
    if (session_ == session) Leave();
  });
  const auto* shown = std::get_if<engine::Shown>(&answer);
  if (shown == nullptr) return;
  const engine::OwnerCount count(shown->nodes);
  const auto* owner = count.Majority();
  if (owner == nullptr) return;
  for (const engine::NodeWord& word : shown->nodes) {
    const std::string* value = engine::OwnerCount::Of(word);
    if (value == nullptr || *value != owner->first || !word.named) continue;
    if (word.named->holder) Check(owner->first, *word.named->holder);
  }
}

void Asker::Check(const std::string& owner, const engine::HolderFacts& holder) {
  parts_.reached(Reached::kNamed);
  for (SimDaemon& other : parts_.daemons) {
    const SimDaemon::Grant* grant = other.GrantOf("all", holder.fence);
    if (grant == nullptr) continue;
    if (grant->owner != owner) Broken("a hold of another lease");
    if (grant->session != static_cast<engine::SessionId>(holder.pid)) Broken("another holder");
    if (holder.note != "session " + std::to_string(holder.pid)) Broken("another note");
    if (grant->at < asked_ && !held_.contains(holder.fence)) Broken("a hold that had ended");
    return;
  }
  Broken("a hold that nobody has had");
}

}  // namespace redlockd::sim
