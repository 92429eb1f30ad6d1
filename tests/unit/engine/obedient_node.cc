#include "tests/unit/engine/obedient_node.h"

#include <algorithm>
#include <charconv>
#include <tuple>
#include <utility>
#include <variant>

#include "daemon/engine/clock_offset.h"
#include "daemon/engine/owner_value.h"

namespace redlockd::engine {
namespace {

struct Owner {
  std::string instance;
  AttemptNumber attempt = 0;
};

Owner Parse(const std::string& value) {
  const auto colon = value.find(':');
  Owner owner{value.substr(0, colon)};
  if (colon != std::string::npos) {
    std::from_chars(value.data() + colon + 1, value.data() + value.size(), owner.attempt);
  }
  return owner;
}

std::string KeptOf(const std::string& owner) { return std::string(kKept) + owner; }

constexpr std::ptrdiff_t kMostTold = 16;  // of those who share a lock

bool IsEarlierAttempt(const std::string& value, const std::string& owner) {
  const Owner other = Parse(value), own = Parse(owner);
  return other.instance == own.instance && other.attempt < own.attempt;
}

}  // namespace

struct ObedientNode::Call {
  NodeTime now;
  const Timing& timing;
  const std::string& run_id;
  bool hears;

  NodeAnswer Say(Verdict verdict, Fence fence = 0, Duration left = Duration(0),
                 std::string text = {}) const {
    NodeAnswer answer;
    answer.verdict = verdict;
    answer.node_time = now;
    answer.fence = fence;
    answer.left = left;
    answer.text = std::move(text);
    return answer;
  }
};

NodeTime ObedientNode::Clock(Time now) const {
  return kNodeEpoch + Microseconds(now) + Us(clock_off);
}

NodeAnswer ObedientNode::Run(Time now, const Timing& timing, const std::string& run_id,
                             const NodeOp& op, bool hears) {
  const Call call{Clock(now), timing, run_id, hears};
  Expire(call.now);
  return std::visit([&](const auto& o) { return Do(call, o); }, op);
}

void ObedientNode::Expire(NodeTime now) {
  std::erase_if(keys_, [now](const auto& entry) { return entry.second.until <= now; });
  std::erase_if(fences_, [now](const auto& entry) { return entry.second.until <= now; });
  for (auto& [lock, queue] : wants_) queue.Expire(now);
}

void ObedientNode::BeginQuarantine(const Call& call, Duration quarantine, Duration bound) {
  sentinel_->run = call.run_id;
  sentinel_->ready = call.now + Us(std::max(quarantine, bound));
  sentinel_->bound = bound;
}

void ObedientNode::QuarantineAgain(const Call& call) {
  BeginQuarantine(call, sentinel_->quarantine, sentinel_->Bound(call.now));
}

bool ObedientNode::IsUsed() const {
  return sentinel_ && (sentinel_->voted || !was_.empty() || sentinel_->bound > Duration(0));
}

std::optional<NodeAnswer> ObedientNode::Check(const Call& call) {
  if (!sentinel_) return call.Say(Verdict::kAmnesia, 0, call.timing.Quarantine());
  if (sentinel_->run != call.run_id) {
    QuarantineAgain(call);
    return call.Say(Verdict::kAmnesia, 0, std::chrono::microseconds(sentinel_->ready - call.now));
  }
  if (sentinel_->max_ttl != call.timing.max_ttl) {
    return call.Say(Verdict::kSettings, 0, Duration(0), "max_ttl is another");
  }
  if (call.now >= sentinel_->ready) {
    sentinel_->voted = true;
    return std::nullopt;
  }
  return call.Say(Verdict::kQuarantine, 0, std::chrono::microseconds(sentinel_->ready - call.now));
}

// A lock that is asked for, and what the node finds.
struct ObedientNode::Asked {
  AcquireOp op;
  bool shares = false;
  std::string instance = Parse(op.owner).instance;
  // Whether anything was in the way is looked at only where something may be.
  bool is_free = false;
  std::optional<WantQueue::Other> first{};
  // kOk: nothing is in the way.
  NodeAnswer answer{};
};

NodeAnswer ObedientNode::Do(const Call& call, const AcquireOp& op) {
  if (auto refused = Check(call)) return *refused;
  Asked asked{.op = op};
  Look(call, asked);
  if (asked.answer.verdict == Verdict::kOk) return Take(call, asked);
  if (asked.answer.verdict != Verdict::kSkew) NotTaken(call, asked);
  return asked.answer;
}

NodeAnswer ObedientNode::Do(const Call& call, const ShareOp& op) {
  if (auto refused = Check(call)) return *refused;
  Asked asked{.op = {op.lock, op.owner, op.ttl, op.proposal, 1, op.queueing, op.stamp, op.grace,
                     op.most_life},
              .shares = true};
  Look(call, asked);
  if (asked.answer.verdict == Verdict::kOk) return Share(call, asked);
  NotTaken(call, asked);
  return asked.answer;
}

// Rules G1, G6.
NodeAnswer ObedientNode::Do(const Call& call, const ClaimOp& op) {
  if (auto refused = Check(call)) return *refused;
  std::vector<Asked> all;
  for (const ClaimOp::Name& name : op.names) {
    all.push_back({.op = {name.lock, name.owner, op.ttl, name.proposal, name.block, op.queueing,
                          op.stamp, op.grace, op.most_life}});
    Look(call, all.back());
  }
  const auto is = [](Verdict verdict) {
    return [verdict](const Asked& asked) { return asked.answer.verdict == verdict; };
  };
  const bool is_granted = std::ranges::all_of(all, is(Verdict::kOk));
  const bool is_in_the_way = std::ranges::any_of(all, is(Verdict::kBusy)) ||
                             std::ranges::any_of(all, is(Verdict::kNotTurn));
  NodeAnswer answer = call.Say(Verdict::kOk);
  for (Asked& asked : all) {
    if (is_granted) {
      asked.answer = Take(call, asked);
    } else {
      if (is_in_the_way) NotTaken(call, asked);
      if (asked.answer.verdict == Verdict::kOk) asked.answer.verdict = Verdict::kTurn;
    }
    asked.answer.node_time = 0;
    answer.names.push_back(asked.answer);
  }
  const auto refused = std::ranges::find_if(all, [](const Asked& asked) {
    return asked.answer.verdict != Verdict::kOk && asked.answer.verdict != Verdict::kTurn;
  });
  if (refused != all.end()) answer.which = static_cast<std::size_t>(refused - all.begin());
  const NodeAnswer& said = answer.names[answer.which];
  answer.verdict = said.verdict;
  answer.fence = said.fence;
  answer.left = said.left;
  answer.text = said.text;
  if (answer.verdict == Verdict::kError) answer.node_time = 0;
  for (const NodeAnswer& name : answer.names) {
    if (answer.verdict == Verdict::kError) break;
    answer.greatest = std::max(answer.greatest, name.greatest);
    answer.place = std::max(answer.place, name.place);
  }
  return answer;
}

// Whether something stands in the way of the lock, and what.
void ObedientNode::Look(const Call& call, Asked& asked) {
  const AcquireOp& op = asked.op;
  NodeAnswer& answer = asked.answer;
  const auto key = keys_.find(op.lock);
  WantQueue& queue = wants_[op.lock];
  asked.is_free = key == keys_.end() && queue.empty();
  asked.first = queue.FirstBut(call.now, asked.instance);
  const auto stored = fences_.find(op.lock);
  answer = call.Say(Verdict::kOk, stored == fences_.end() ? 0 : stored->second.fence);
  answer.greatest = asked.first ? asked.first->greatest : 0;
  const bool registers = op.queueing == Queueing::kAlways || op.queueing == Queueing::kStand;
  if (registers) Register(call, asked);
  // Rules E6.2, F6, G4.
  const auto who_is_before_us = [&]() -> std::optional<WantQueue::Place> {
    if (!asked.first || op.queueing == Queueing::kIgnore) return std::nullopt;
    const WantQueue::Place ours{op.stamp, asked.instance};
    const auto other =
        asked.shares ? queue.FirstAlone(call.now, asked.instance) : asked.first->place;
    return other && (op.queueing == Queueing::kNone || *other < ours) ? other : std::nullopt;
  };
  const bool joins = asked.shares && key != keys_.end() && key->second.owner == kSharedValue;
  const bool is_ours = joins ? SharedUntil(call.now, op.lock, op.owner) != 0
                             : key != keys_.end() && key->second.owner == op.owner;
  const bool is_kept =
      joins && !is_ours && SharedUntil(call.now, op.lock, KeptOf(op.owner)) != 0;  // rule I3
  const bool is_anothers =
      key != keys_.end() && !joins && !is_ours && !IsEarlierAttempt(key->second.owner, op.owner);
  if (is_kept || is_anothers) {
    answer.verdict = Verdict::kBusy;
    answer.left = std::chrono::microseconds(key->second.until - call.now);
    answer.text = is_kept ? KeptOf(op.owner) : key->second.owner;
    return;
  }
  if (!is_ours && who_is_before_us()) {
    Duration rest;
    std::tie(asked.first, rest) =
        queue.Call(call.now, asked.instance, asked.first, joins, PublisherOf(op.lock));
    answer.greatest = asked.first ? asked.first->greatest : 0;
    if (answer.place > 0) answer.place = queue.PlaceOf(asked.instance);
    if (const auto before_us = who_is_before_us()) {
      answer.verdict = Verdict::kNotTurn;
      answer.left = rest;
      answer.text = before_us->second;
      return;
    }
  }
  if (op.queueing == Queueing::kStand) {
    answer.verdict = Verdict::kTurn;
    return;
  }
  if (asked.shares) return;
  const Fence floor = FloorOf(call, op.lock);
  const Fence last = std::max(floor + 1, op.proposal) + op.block - 1;
  if (last > Latest(call, floor)) answer.verdict = Verdict::kSkew;
}

void ObedientNode::Register(const Call& call, Asked& asked) {
  asked.answer.place = wants_[asked.op.lock].Register(call.now, call.timing, asked.instance,
                                                      asked.op, asked.shares, call.hears);
}

// What becomes of the queue where the lock is not taken; and who is told.
void ObedientNode::NotTaken(const Call& call, Asked& asked) {
  const AcquireOp& op = asked.op;
  if (op.queueing == Queueing::kIfRefused) Register(call, asked);
  if (asked.answer.verdict != Verdict::kBusy) return;
  if (asked.answer.text == kSharedValue) HintToSharers(op, asked.answer.place);
  if (!ParseOwnerValue(asked.answer.text)) return;
  HintToHolder(op, Parse(asked.answer.text).instance, asked.answer.place, asked.first);
}

// Rule E8.11.
void ObedientNode::HintToHolder(const AcquireOp& op, const std::string& holder, std::uint32_t place,
                                const std::optional<WantQueue::Other>& first) {
  if (op.queueing == Queueing::kIgnore || holder == Parse(op.owner).instance) return;
  const bool is_first = place <= 1 || (place == 2 && first && first->place.second == holder);
  if (!is_first && op.queueing != Queueing::kNone) return;
  PublisherOf(op.lock)(NodeHint::Kind::kWanted, holder, Duration(0));
}

// Rule F7: of those whose time ends last.
void ObedientNode::HintToSharers(const AcquireOp& op, std::uint32_t place) {
  if (op.queueing == Queueing::kIgnore || (place > 1 && op.queueing != Queueing::kNone)) return;
  std::vector<std::pair<NodeTime, std::string>> last;
  for (const auto& [owner, until] : shares_[op.lock]) last.emplace_back(until, owner);
  std::ranges::sort(last);
  if (std::ssize(last) > kMostTold) last.erase(last.begin(), last.end() - kMostTold);
  for (const auto& [until, owner] : last) {
    const std::string instance = Parse(owner).instance;
    if (!ParseOwnerValue(owner) || instance == Parse(op.owner).instance) continue;
    PublisherOf(op.lock)(NodeHint::Kind::kWanted, instance, Duration(0));
  }
}

// Rule A6: no fence goes beyond this.
Fence ObedientNode::Latest(const Call& call, Fence stored) {
  const NodeTime window = Us(call.timing.fence_window);
  return (stored > call.now + window ? stored : call.now) + window;
}

// Rule A6: where none is stored, this counts for it.
Fence ObedientNode::FloorOf(const Call& call, const std::string& lock) const {
  const auto stored = fences_.find(lock);
  return stored == fences_.end() ? call.now - Us(call.timing.fence_window) : stored->second.fence;
}

// Until when a fence that is stored now is remembered.
NodeTime ObedientNode::LifeOf(const Call& call, Fence fence) {
  return std::max(call.now + Us(call.timing.fence_life), fence + 2 * Us(call.timing.fence_window));
}

// Rule A2, past all that could refuse it.
NodeAnswer ObedientNode::Take(const Call& call, const Asked& asked) {
  const AcquireOp& op = asked.op;
  if (!refuses.empty()) {
    NodeAnswer error;
    error.text = refuses;
    return error;
  }
  const auto key = keys_.find(op.lock);
  const bool is_ours = key != keys_.end() && key->second.owner == op.owner;
  NodeTime until = call.now + Us(op.ttl);
  if (is_ours) until = std::max(until, key->second.until);
  NodeAnswer answer = asked.answer;
  answer.fence = std::max(FloorOf(call, op.lock) + 1, op.proposal);
  const Fence last = answer.fence + op.block - 1;
  keys_[op.lock] = {op.owner, until};
  fences_[op.lock] = {last, LifeOf(call, last)};
  const bool is_grant = !is_ours && op.queueing != Queueing::kIgnore;
  if (is_grant && !asked.is_free) wants_[op.lock].NoteGrant();
  return answer;
}

// --- shared locks (rules F) -----------------------------------------------------------------------

NodeTime ObedientNode::SharedUntil(NodeTime now, const std::string& lock,
                                   const std::string& owner) const {
  const auto all = shares_.find(lock);
  if (all == shares_.end()) return 0;
  const auto found = all->second.find(owner);
  return found != all->second.end() && found->second > now ? found->second : 0;
}

// The key is there as long as the last of them.
void ObedientNode::Join(NodeTime now, const std::string& lock, const std::string& owner,
                        Duration ttl) {
  NodeTime& until = shares_[lock][owner];
  until = std::max(until, now + Us(ttl));
  keys_.at(lock).until = std::max(keys_.at(lock).until, now + Us(ttl));
}

std::pair<bool, bool> ObedientNode::Part(NodeTime now, const std::string& lock,
                                         const std::string& owner) {
  auto& all = shares_[lock];
  if (all.erase(owner) == 0) return {false, false};
  NodeTime last = now;
  for (const auto& [other, until] : all) last = std::max(last, until);
  if (last > now) {
    keys_.at(lock).until = now + (last - now + 999) / 1000 * 1000;
    return {true, false};
  }
  keys_.erase(lock);
  all.clear();
  return {true, true};
}

NodeAnswer ObedientNode::Share(const Call& call, const Asked& asked) {
  const AcquireOp& op = asked.op;
  if (!refuses.empty()) {
    NodeAnswer error;
    error.text = refuses;
    return error;
  }
  const auto key = keys_.find(op.lock);
  const bool is_shared = key != keys_.end() && key->second.owner == kSharedValue;
  const bool is_ours = is_shared ? SharedUntil(call.now, op.lock, op.owner) != 0
                                 : key != keys_.end() && key->second.owner == op.owner;
  const auto stored = fences_.find(op.lock);
  NodeAnswer answer = asked.answer;
  answer.fence = stored != fences_.end()
                     ? stored->second.fence
                     : std::max(FloorOf(call, op.lock),
                                std::min(op.proposal, call.now + Us(call.timing.fence_window)));
  fences_[op.lock] = {answer.fence, LifeOf(call, answer.fence)};
  Duration ttl = op.ttl;
  if (is_ours && !is_shared) {
    ttl = std::max(ttl, Duration(std::chrono::microseconds(key->second.until - call.now)));
  }
  if (!is_shared) {
    shares_[op.lock].clear();
    keys_[op.lock] = {std::string(kSharedValue), call.now + Us(ttl)};
  }
  Join(call.now, op.lock, op.owner, ttl);
  std::erase_if(shares_[op.lock], [&](const auto& each) { return each.second <= call.now; });
  const bool is_grant = !is_ours && op.queueing != Queueing::kIgnore;
  if (is_grant && !asked.is_free) wants_[op.lock].NoteGrant();
  return answer;
}

NodeAnswer ObedientNode::Do(const Call& call, const RaiseOp& op) {
  if (auto refused = Check(call)) return *refused;
  const auto key = keys_.find(op.lock);
  const bool is_shared = key != keys_.end() && key->second.owner == kSharedValue;
  if (!is_shared || SharedUntil(call.now, op.lock, op.owner) == 0) {
    return call.Say(Verdict::kNotOwner);
  }
  const auto stored = fences_.find(op.lock);
  if (stored == fences_.end()) return call.Say(Verdict::kPassed);
  if (op.fence > Latest(call, stored->second.fence)) {
    return call.Say(Verdict::kSkew, stored->second.fence);
  }
  const Fence fence = std::max(stored->second.fence, op.fence);
  stored->second = {fence, LifeOf(call, fence)};
  return call.Say(Verdict::kOk, op.fence);
}

// --- the others -----------------------------------------------------------------------------------

NodeAnswer ObedientNode::Do(const Call& call, const ConfirmOp& op) {
  if (auto refused = Check(call)) return *refused;
  const auto key = keys_.find(op.lock);
  if (key == keys_.end() || key->second.owner != op.owner) return call.Say(Verdict::kNotOwner);
  const auto stored = fences_.find(op.lock);
  if (stored == fences_.end()) return call.Say(Verdict::kPassed);
  const Fence last = op.fence + op.block - 1;
  if (stored->second.fence > last) return call.Say(Verdict::kPassed, stored->second.fence);
  if (last > Latest(call, stored->second.fence)) {
    return call.Say(Verdict::kSkew, stored->second.fence);
  }
  stored->second = {last, LifeOf(call, last)};
  return call.Say(Verdict::kOk, op.fence);
}

NodeAnswer ObedientNode::Do(const Call& call, const RenewOp& op) {
  if (auto refused = Check(call)) return *refused;
  const auto key = keys_.find(op.lock);
  const bool is_shared = key != keys_.end() && key->second.owner == kSharedValue;
  const auto is_of = [&](const std::string& owner) {
    if (is_shared) return SharedUntil(call.now, op.lock, owner) != 0;
    return key != keys_.end() && key->second.owner == owner;
  };
  if (!is_of(op.owner)) {
    NodeAnswer answer = call.Say(Verdict::kNotOwner);
    answer.broken = is_of(KeptOf(op.owner));
    return answer;
  }
  if (is_shared) Join(call.now, op.lock, op.owner, op.ttl);
  key->second.until = std::max(key->second.until, call.now + Us(op.ttl));
  if (const auto stored = fences_.find(op.lock); stored != fences_.end()) {
    stored->second.until = std::max(stored->second.until, call.now + Us(call.timing.fence_life));
  }
  NodeAnswer answer = call.Say(Verdict::kOk);
  const std::string instance = Parse(op.owner).instance;
  WantQueue& queue = wants_[op.lock];
  answer.wanted = queue.FirstBut(call.now, instance).has_value() &&
                  (!is_shared || queue.FirstAlone(call.now, instance));
  return answer;
}

NodeAnswer ObedientNode::Do(const Call& call, const ReleaseOp& op) {
  const std::string instance = Parse(op.owner).instance;
  WantQueue& queue = wants_[op.lock];
  const auto key = keys_.find(op.lock);
  const bool was_free = key == keys_.end();
  const bool was_shared = !was_free && key->second.owner == kSharedValue;
  bool deleted = !was_free && key->second.owner == op.owner, is_free = deleted;
  if (deleted) keys_.erase(key);
  if (was_shared) std::tie(deleted, is_free) = Part(call.now, op.lock, op.owner);
  const bool left = op.leave && queue.Leave(instance);
  if (left && was_free) is_free = true;
  const auto first = queue.FirstBut(call.now, instance);
  const bool is_ours = !op.leave && queue.IsFirst(instance) && queue.IsFresh(call.now, instance);
  const bool is_shared = was_shared && !is_free;
  if (first && (is_free || (is_shared && left)) && !is_ours) {
    queue.Call(call.now, instance, first, is_shared, PublisherOf(op.lock));
  }
  NodeAnswer answer = call.Say(deleted ? Verdict::kOk : Verdict::kNotOwner);
  answer.greatest = first ? first->greatest : 0;
  answer.wanted = first.has_value();
  return answer;
}

NodeAnswer ObedientNode::Do(const Call& call, const BreakOp& op) {
  const auto key = keys_.find(op.lock);
  if (key == keys_.end()) return call.Say(Verdict::kNotOwner);
  if (key->second.owner == kSharedValue) return BreakShared(call, op);
  auto& [value, until] = key->second;
  const auto left = std::chrono::microseconds(until - call.now);
  if (value != op.owner && value != KeptOf(op.owner)) {
    return call.Say(Verdict::kNotOwner, 0, left, value);
  }
  const std::string instance = Parse(op.owner).instance;
  value = KeptOf(op.owner);
  if (op.at_once) {
    keys_.erase(key);
    CallNext(call, op, true);
  }
  published_.push_back({instance, NodeHint{.kind = NodeHint::Kind::kBroken,
                                           .lock = op.lock,
                                           .attempt = Parse(op.owner).attempt}});
  return call.Say(Verdict::kOk, 0, op.at_once ? Duration(0) : left);
}

NodeAnswer ObedientNode::BreakShared(const Call& call, const BreakOp& op) {
  const std::string kept = KeptOf(op.owner);
  NodeTime until = SharedUntil(call.now, op.lock, op.owner);
  if (until == 0) until = SharedUntil(call.now, op.lock, kept);
  if (until == 0) {
    const Key& key = keys_.at(op.lock);
    return call.Say(Verdict::kNotOwner, 0, std::chrono::microseconds(key.until - call.now),
                    key.owner);
  }
  if (op.at_once) {
    bool is_free = Part(call.now, op.lock, op.owner).second;
    if (!is_free) is_free = Part(call.now, op.lock, kept).second;
    CallNext(call, op, is_free);
  } else {
    shares_[op.lock].erase(op.owner);
    shares_[op.lock][kept] = until;
  }
  const Owner owner = Parse(op.owner);
  published_.push_back(
      {owner.instance,
       NodeHint{.kind = NodeHint::Kind::kBroken, .lock = op.lock, .attempt = owner.attempt}});
  const Duration left = std::chrono::microseconds(until - call.now);
  return call.Say(Verdict::kOk, 0, op.at_once ? Duration(0) : left);
}

// The broken one's want was served.
void ObedientNode::CallNext(const Call& call, const BreakOp& op, bool is_free) {
  const std::string instance = Parse(op.owner).instance;
  WantQueue& queue = wants_[op.lock];
  queue.Leave(instance);
  const auto first = queue.FirstBut(call.now, instance);
  if (first) queue.Call(call.now, instance, first, !is_free, PublisherOf(op.lock));
}

NodeAnswer ObedientNode::Do(const Call& call, const InspectOp& op) {
  const auto key = keys_.find(op.lock);
  const auto stored = fences_.find(op.lock);
  const Fence fence = stored == fences_.end() ? 0 : stored->second.fence;
  if (key == keys_.end()) return call.Say(Verdict::kOk, fence);
  NodeAnswer answer =
      call.Say(Verdict::kOk, fence, std::chrono::microseconds(key->second.until - call.now),
               key->second.owner);
  const Owner owner = Parse(key->second.owner);
  if (ParseOwnerValue(key->second.owner) && owner.instance != op.asker) {
    published_.push_back(
        {owner.instance,
         HolderAsked{
             .inquiry = op.inquiry, .attempt = owner.attempt, .asker = op.asker, .lock = op.lock}});
    answer.greatest = hears_nothing.contains(owner.instance) ? 0 : 1;
  }
  return answer;
}

NodeAnswer ObedientNode::Do(const Call& call, const NameHolderOp& op) {
  published_.push_back({op.asker, HolderNamed{.inquiry = op.inquiry, .holder = op.holder}});
  return call.Say(Verdict::kOk);
}

NodeAnswer ObedientNode::Do(const Call& call, const ProbeOp& op) {
  std::optional<NodeAnswer> refused;
  if (!sentinel_ && op.may_write) {
    const Duration quarantine = call.timing.Quarantine();
    sentinel_ = Sentinel{{}, 0, call.timing.max_ttl, call.timing.fence_window, quarantine};
    BeginQuarantine(call, quarantine, Duration(0));
    refused = call.Say(Verdict::kAmnesia, 0, quarantine);
  } else {
    refused = Check(call);
  }
  NodeAnswer answer = refused.value_or(call.Say(Verdict::kOk));
  if (node_id_.empty()) node_id_ = op.node_id;
  if (set_.empty()) set_ = op.set;
  if (was_.empty() && sentinel_ && !sentinel_->voted) was_ = op.counted;
  NodeFacts facts = Info();
  facts.node_id = node_id_;
  facts.set = set_;
  facts.refuses = refuses;
  facts.count = ++count;
  facts.memory = !sentinel_ ? NodeFacts::Memory::kNone
                 : IsUsed() ? NodeFacts::Memory::kUsed
                            : NodeFacts::Memory::kNew;
  for (const ProbeOp::Sighting& sighting : op.sightings) Compare(call, op, sighting, facts);
  answer.facts = std::make_shared<NodeFacts>(std::move(facts));
  return answer;
}

// Rule D10.
void ObedientNode::Compare(const Call& call, const ProbeOp& op, const ProbeOp::Sighting& sighting,
                           NodeFacts& facts) {
  const auto found = sightings_.find(sighting.node_id);
  if (found != sightings_.end() && found->second.run != sighting.run_id &&
      found->second.instance != op.instance &&
      call.now - found->second.heard <= Us(std::chrono::seconds(5))) {
    facts.others.push_back({sighting.node_id, found->second.run, found->second.heard});
  } else if (sighting.heard_ago) {
    sightings_[sighting.node_id] = {sighting.run_id, op.instance,
                                    call.now - Us(*sighting.heard_ago)};
  }
}

NodeAnswer ObedientNode::Do(const Call& call, const SuspectOp& op) {
  if (!sentinel_) return call.Say(Verdict::kAmnesia);
  const bool seconded = !witness_.empty() && witness_ != op.witness &&
                        call.now - witnessed_ <= Us(std::chrono::seconds(5));
  if (!op.witness.empty() && !seconded) {
    witness_ = op.witness;
    witnessed_ = call.now;
    const NodeTime left = std::max<NodeTime>(0, sentinel_->ready - call.now);
    return call.Say(Verdict::kOk, 0, std::chrono::microseconds(left));
  }
  QuarantineAgain(call);
  return call.Say(Verdict::kOk, 0, std::chrono::microseconds(sentinel_->ready - call.now));
}

NodeAnswer ObedientNode::Do(const Call& call, const TrustOp&) {
  const auto refused = Check(call);
  if (refused && (refused->verdict != Verdict::kQuarantine || IsUsed())) return *refused;
  sentinel_->ready = std::min(sentinel_->ready, call.now);
  return call.Say(Verdict::kOk);
}

NodeAnswer ObedientNode::Do(const Call& call, const AdoptOp& op) {
  Duration bound{0};
  if (sentinel_) bound = sentinel_->Bound(call.now);
  if (sentinel_ && (sentinel_->voted || !was_.empty())) {
    bound = std::max(bound, sentinel_->quarantine);
  }
  const Duration quarantine = call.timing.Quarantine();
  sentinel_ = Sentinel{{}, 0, call.timing.max_ttl, call.timing.fence_window, quarantine};
  BeginQuarantine(call, quarantine, bound);
  set_ = op.set;
  return call.Say(Verdict::kOk, 0, std::chrono::microseconds(sentinel_->ready - call.now));
}

void ObedientNode::Restart(std::string run_id) {
  Flush();
  run_id_ = std::move(run_id);
}

void ObedientNode::Flush() {
  sentinel_.reset();
  node_id_.clear();
  set_.clear();
  witness_.clear();
  was_.clear();
  sightings_.clear();
  count = 0;
  keys_.clear();
  shares_.clear();
  fences_.clear();
  wants_.clear();
}

void ObedientNode::TrustEmpty(Time now, const Timing& timing) {
  sentinel_ =
      Sentinel{run_id_, Clock(now), timing.max_ttl, timing.fence_window, timing.Quarantine()};
}

NodeFacts ObedientNode::Info() const {
  NodeFacts info;
  info.run_id = run_id_;
  info.version = "7.0.15";
  info.master = master;
  info.cluster = cluster;
  info.maxmemory_policy = maxmemory_policy;
  info.evicted_keys = evicted_keys;
  return info;
}

std::optional<std::string> ObedientNode::OwnerOf(Time now, const std::string& lock) {
  Expire(Clock(now));
  const auto key = keys_.find(lock);
  if (key == keys_.end()) return std::nullopt;
  return key->second.owner;
}

bool ObedientNode::IsShared(Time now, const std::string& lock, const std::string& by) {
  return OwnerOf(now, lock) == kSharedValue && SharedUntil(Clock(now), lock, by) != 0;
}

std::optional<Fence> ObedientNode::StoredFence(Time now, const std::string& lock) {
  Expire(Clock(now));
  const auto stored = fences_.find(lock);
  if (stored == fences_.end()) return std::nullopt;
  return stored->second.fence;
}

void ObedientNode::Put(Time now, const std::string& lock, const std::string& owner, Duration ttl) {
  keys_[lock] = {owner, Clock(now) + Us(ttl)};
}

void ObedientNode::PutWant(Time now, const std::string& lock, const std::string& instance,
                           Stamp stamp, Duration life) {
  const NodeTime until = Clock(now) + Us(life);
  wants_[lock].Put(Clock(now), {stamp, instance}, {.until = until, .at = until});
}

Stamp ObedientNode::WantOf(Time now, const std::string& lock, const std::string& instance) {
  Expire(Clock(now));
  WantQueue& queue = wants_[lock];
  return queue.IsFresh(Clock(now), instance) ? queue.StampOf(instance) : 0;
}

WantQueue::Publish ObedientNode::PublisherOf(const std::string& lock) {
  return [this, lock](NodeHint::Kind kind, const std::string& instance, Duration rest) {
    published_.push_back({instance, NodeHint{.kind = kind, .lock = lock, .rest = rest}});
    return !hears_nothing.contains(instance);
  };
}

}  // namespace redlockd::engine
