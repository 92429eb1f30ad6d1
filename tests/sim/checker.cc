#include "tests/sim/checker.h"

#include <algorithm>
#include <cstdio>

namespace redlockd::sim {
namespace {

using namespace std::chrono_literals;

// What a moment loses when it is told as a host's clock and understood again.
constexpr Duration kRounding = 1us;

}  // namespace

const char* ToText(Promise promise) {
  switch (promise) {
    case Promise::kExclusion:
      return "exclusion";
    case Promise::kFences:
      return "fences";
    case Promise::kTold:
      return "told";
    case Promise::kDeath:
      return "death is release";
    case Promise::kAnswered:
      return "answered";
    case Promise::kNothingLeft:
      return "nothing left";
    case Promise::kNodesVote:
      return "nodes vote";
    case Promise::kFair:
      return "fair";
    case Promise::kWinner:
      return "winner";
    case Promise::kOneHost:
      return "one host's clock";
    case Promise::kWatched:
      return "watched";
    case Promise::kShown:
      return "shown";
  }
  return "?";
}

std::string ToText(const Violation& violation) {
  char when[32];
  std::snprintf(when, sizeof when, "%.3fms", static_cast<double>(violation.at.count()) / 1e6);
  return std::string("broken at ") + when + ", " + ToText(violation.promise) + ": " +
         violation.text;
}

std::vector<Checker::Hold>::iterator Checker::Find(Lock& lock, engine::Fence fence) {
  return std::find_if(lock.holds.begin(), lock.holds.end(),
                      [fence](const Hold& hold) { return hold.fence == fence; });
}

void Checker::Enter(const std::string& name, Hold hold) {
  Lock& lock = locks_[name];
  const Moment now = timeline_.now();
  std::erase_if(lock.holds, [now](const Hold& hold) { return hold.deadline <= now; });
  for (const Hold& other : lock.holds) {
    if (hold.mode == engine::Mode::kShared && other.mode == hold.mode) {
      ++shared_;
      continue;
    }
    if (hold.excused || other.excused) continue;
    ++overlaps_;
    if (other.fence < hold.fence) ++fenced_overlaps_;
    Broken(Promise::kExclusion, "two hold " + name + ": " + other.who + " with fence " +
                                    std::to_string(other.fence) + " and " + hold.who +
                                    " with fence " + std::to_string(hold.fence));
  }
  if (hold.deadline <= now && !hold.excused)
    Broken(Promise::kExclusion, name + " was granted after its deadline");
  lock.holds.push_back(std::move(hold));
}

void Checker::ExcuseOwner(const std::string& owner) {
  excused_owners_.insert(owner);
  for (auto& [name, lock] : locks_) {
    for (Hold& hold : lock.holds) hold.excused = hold.excused || hold.owner == owner;
  }
}

void Checker::Granted(const std::string& name, engine::Fence fence, std::size_t client,
                      Moment deadline) {
  ++grants_;
  Lock& lock = locks_[name];
  const bool excused = excused_.contains(client) || excused_owners_.contains(lock.owner);
  Enter(name, {fence, "client " + std::to_string(client), deadline, excused, lock.owner});
  if (!excused && !lock.fences.empty() && fence <= lock.fences.rbegin()->first) {
    Broken(Promise::kFences, name + " was granted with fence " + std::to_string(fence) +
                                 " after fence " + std::to_string(lock.fences.rbegin()->first));
  }
  if (!lock.fences.emplace(fence, lock.owner).second) ++fences_twice_;
}

// --- locks that may be shared -------------------------------------------------------------------

std::vector<Checker::Hold>::iterator Checker::FindShared(Lock& lock, std::uint64_t number) {
  return std::find_if(lock.holds.begin(), lock.holds.end(),
                      [number](const Hold& hold) { return hold.number == number; });
}

std::uint64_t Checker::GrantedShared(const std::string& name, engine::Mode mode,
                                     engine::Fence fence, std::size_t client, Moment deadline) {
  ++grants_;
  const bool is_shared = mode == engine::Mode::kShared;
  Lock& lock = locks_[name];
  const bool excused = excused_.contains(client) || excused_owners_.contains(lock.owner);
  const std::string who = (is_shared ? "reader " : "writer ") + std::to_string(client);
  Enter(name, {fence, who, deadline, excused, lock.owner, false, mode, ++last_number_});
  const engine::Fence last = lock.fences.empty() ? 0 : lock.fences.rbegin()->first;
  const auto broken = [&](const std::string& after, engine::Fence other) {
    Broken(Promise::kFences, name + " was granted to " + who + " with fence " +
                                 std::to_string(fence) + " after fence " + std::to_string(other) +
                                 " of " + after);
  };
  if (!excused && is_shared && fence < last) broken("one who had it for himself", last);
  if (!excused && !is_shared && last != 0 && fence <= last) broken("another", last);
  if (!excused && !is_shared && fence <= lock.shared) broken("who shared it", lock.shared);
  if (is_shared) {
    lock.shared = std::max(lock.shared, fence);
  } else if (!lock.fences.emplace(fence, lock.owner).second) {
    ++fences_twice_;
  }
  return last_number_;
}

void Checker::ExtendedShared(const std::string& name, std::uint64_t number, Moment deadline) {
  Lock& lock = locks_[name];
  const auto hold = FindShared(lock, number);
  if (hold == lock.holds.end()) return;
  if (hold->deadline <= timeline_.now() && !hold->excused) {
    Broken(Promise::kExclusion, "a lease of " + name + " was renewed after its deadline");
  }
  hold->deadline = std::max(hold->deadline, deadline);
}

void Checker::LostShared(const std::string& name, std::uint64_t number) {
  Lock& lock = locks_[name];
  const auto hold = FindShared(lock, number);
  if (hold != lock.holds.end()) hold->lost = true;
}

void Checker::LetGoShared(const std::string& name, std::uint64_t number) {
  Lock& lock = locks_[name];
  const auto hold = FindShared(lock, number);
  if (hold != lock.holds.end()) lock.holds.erase(hold);
}

void Checker::UsedShared(const std::string& name, std::uint64_t number) {
  Lock& lock = locks_[name];
  const auto hold = FindShared(lock, number);
  // Who comes too late for his hold may be refused, or not.
  if (hold == lock.holds.end() || hold->lost || hold->deadline <= timeline_.now()) return;
  const bool is_shared = hold->mode == engine::Mode::kShared;
  const engine::Fence least = is_shared ? lock.written : std::max(lock.written, lock.read);
  if (hold->fence < least && !hold->excused) {
    Broken(Promise::kFences, "a holder of " + name + " was refused by the fence of another");
  }
  engine::Fence& greatest = is_shared ? lock.read : lock.written;
  greatest = std::max(greatest, hold->fence);
}

void Checker::TakenPlainly(const std::string& name, const std::string& value, Moment deadline) {
  Enter(name, {0, value, deadline});
}

void Checker::LetGoPlainly(const std::string& name, const std::string& value) {
  std::erase_if(locks_[name].holds, [&value](const Hold& hold) { return hold.who == value; });
}

void Checker::Extended(const std::string& name, engine::Fence fence, Moment deadline) {
  Lock& lock = locks_[name];
  const auto hold = Find(lock, fence);
  if (hold == lock.holds.end()) return;  // let go while it was told
  if (hold->deadline <= timeline_.now() && !hold->excused) {
    Broken(Promise::kExclusion, "a lease of " + name + " was renewed after its deadline");
  }
  if (deadline + kRounding < hold->deadline && !hold->excused) {
    Broken(Promise::kTold, "the deadline of " + name + " moved back");
  }
  hold->deadline = std::max(hold->deadline, deadline);
}

void Checker::Lost(const std::string& name, engine::Fence fence, bool late_is_fine) {
  Lock& lock = locks_[name];
  const auto hold = Find(lock, fence);
  if (hold == lock.holds.end()) return;
  if (timeline_.now() > hold->deadline + kRounding && !late_is_fine && !hold->excused) {
    Broken(Promise::kTold, "LOST of " + name + " came after the deadline");
  }
  hold->lost = true;
}

void Checker::Kept(const std::string& name, engine::Fence fence, std::size_t client, Moment until) {
  ++kept_;
  if (until <= timeline_.now()) return;
  const std::string who = "nobody, after client " + std::to_string(client);
  const std::string owner = locks_[name].fences[fence];
  const bool excused = excused_.contains(client) || excused_owners_.contains(owner);
  Enter(name, {fence, who, until, excused, owner});
}

void Checker::LetGo(const std::string& name, engine::Fence fence) {
  Lock& lock = locks_[name];
  const auto hold = Find(lock, fence);
  if (hold != lock.holds.end()) lock.holds.erase(hold);
}

void Checker::Wrote(const std::string& name, engine::Fence fence) {
  Lock& lock = locks_[name];
  const auto hold = Find(lock, fence);
  const bool stale = hold == lock.holds.end() || hold->lost || hold->deadline <= timeline_.now();
  const bool refused = fence < lock.written;
  if (stale) ++(refused ? stale_refused_ : stale_taken_);
  if (!stale && refused && !hold->excused) {
    Broken(Promise::kFences, "a holder of " + name + " was refused by the fence of another");
  }
  lock.written = std::max(lock.written, fence);
}

std::optional<Moment> Checker::DeadlineOf(const std::string& name, engine::Fence fence) const {
  const auto lock = locks_.find(name);
  if (lock == locks_.end()) return std::nullopt;
  for (const Hold& hold : lock->second.holds) {
    if (hold.fence == fence) return hold.deadline;
  }
  return std::nullopt;
}

}  // namespace redlockd::sim
