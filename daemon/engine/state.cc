#include "daemon/engine/state.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <set>
#include <string_view>

#include "daemon/engine/node_op.h"
#include "daemon/engine/node_record.h"
#include "daemon/engine/node_set.h"

namespace redlockd::engine {
namespace {

// Bounds within which nothing overflows; no engine comes near them.
constexpr Time kLastTime{std::chrono::hours(24 * 365 * 100)};
constexpr Duration kLongest = std::chrono::hours(24 * 365);
constexpr Duration kShortestTtl = std::chrono::milliseconds(1);
constexpr std::int64_t kGreatest = std::int64_t{1} << 53;  // rule A1

bool IsTime(Time time) { return time >= Time() && time <= kLastTime; }
// What a client asked for may be as late as it likes: it is only compared.
bool IsEnd(Time time) { return time >= Time(); }
bool IsNumber(std::int64_t number) { return number >= 0 && number < kGreatest; }

// Looks at all of a state. Each function returns what is wrong, or an empty text.
class Inspection {
 public:
  Inspection(const State& state, std::size_t nodes, Time now)
      : state_(state), all_nodes_((std::uint64_t{1} << nodes) - 1), nodes_(nodes), now_(now) {}

  std::string Why() {
    if (state_.instance.empty()) return "it names no instance";
    if (!IsTime(state_.saved) || state_.saved > now_) return "it is of a later time than now";
    if (!IsAttempt(state_.last_attempt) && state_.last_attempt != 0)
      return "an attempt is too great";
    if (state_.nodes.size() != nodes_) {
      return "it is of " + std::to_string(state_.nodes.size()) + " nodes";
    }
    for (const auto& node : state_.nodes)
      Must(IsGood(node), "what it says of a node is impossible");
    for (const auto& session : state_.sessions) Look(session);
    for (const auto& lock : state_.locks) Look(lock);
    for (const auto& set : state_.sets) Look(set);
    for (const auto& release : state_.releases) Look(release);
    for (const auto& query : state_.queries)
      Must(HasSession(query.session), "a question is nobody's");
    Look(state_.names);
    for (const auto& allowed : state_.quotas)
      Must(IsTime(allowed.full_at), "a quota is impossible");
    return why_;
  }

 private:
  void Must(bool holds, std::string_view otherwise) {
    if (!holds && why_.empty()) why_ = otherwise;
  }
  bool HasSession(SessionId session) const { return sessions_.contains(session); }
  bool AreNodes(std::uint64_t bits) const { return (bits & ~all_nodes_) == 0; }
  bool IsAttempt(AttemptNumber attempt) const {
    return attempt > 0 && attempt < static_cast<AttemptNumber>(kGreatest);
  }
  bool IsNewAttempt(AttemptNumber attempt) {
    return IsAttempt(attempt) && attempt <= state_.last_attempt && attempts_.insert(attempt).second;
  }

  bool IsGood(const record::Node& node) const {
    const auto& clock = node.clock;
    const auto is_offset = [](std::int64_t us) {
      return us > -4 * kGreatest && us < 4 * kGreatest;
    };
    return node.suspected <= static_cast<std::uint8_t>(NodeRecord::Suspicion::kOwnWord) &&
           (!node.doubted_until || IsTime(*node.doubted_until)) &&
           (!clock || (is_offset(clock->low) && is_offset(clock->high) &&
                       clock->low <= clock->high && IsTime(clock->at) && clock->at <= now_));
  }

  void Look(const record::Session& session) {
    Must(session.id != 0 && sessions_.insert(session.id).second, "a session is there twice");
    const bool is_owner = session.within != 0;
    Must(!is_owner || roots_.contains(session.within), "an owner is of no session");
    for (const auto& loss : session.losses) {
      Must(loss.reason <= LossReason::kBroken && IsNumber(loss.fence), "a loss is impossible");
    }
    if (!is_owner) roots_.insert(session.id);
  }

  void Look(const record::Lock& lock) {
    Must(!lock.name.empty() && locks_.insert(lock.name).second, "a lock is there twice");
    Must(lock.lease.has_value() == (lock.hold || lock.kept) && !(lock.hold && lock.kept),
         "a lease has not one use");
    Must(IsNumber(lock.known_fence) && IsGood(lock.want) &&
             (!lock.cooldown || IsTime(*lock.cooldown)),
         "a want is impossible");
    if (lock.lease) Must(IsGood(*lock.lease), "a lease is impossible");
    if (lock.hold) Must(IsGood(*lock.hold) && Uses(*lock.hold, lock.name), "a hold is impossible");
    Must(lock.others.empty() || (lock.hold && lock.lease && lock.lease->shared),
         "several hold what is not shared");
    for (const auto& hold : lock.others) {
      Must(IsGood(hold) && Uses(hold, lock.name), "a hold is impossible");
    }
    if (lock.kept) {
      Must(IsTime(lock.kept->until) && IsNumber(lock.kept->fence) &&
               IsGood(lock.kept->asker, lock.name),
           "what is kept is impossible");
    }
    for (const auto& wait : lock.waits) {
      Must(IsGood(wait) && Uses(wait, lock.name), "a wait is impossible");
    }
  }

  void Look(const record::Set& set) {
    Must(IsGood(set.wait) && !set.wait.shared && IsGood(set.want) &&
             set.number <= state_.last_set && numbers_.insert(set.number).second &&
             !set.names.empty() && set.names.size() <= kMostNames &&
             requests_.insert({set.wait.session, set.wait.request}).second,
         "a set is impossible");
    for (const std::string& name : set.names) {
      Must(!name.empty() && Uses(set.wait, name), "a set is impossible");
    }
  }

  void Look(const record::Names& names) {
    Must(names.added <= names.capacity && (names.bits.empty() || names.capacity >= 64) &&
             IsTime(names.ends),
         "what was asked for is impossible");
    for (const auto& user : names.users) {
      Must(IsTime(user.full_at), "what a user may ask for is impossible");
    }
  }

  bool IsGood(const record::Want& want) const {
    return IsNumber(want.stamp) && IsNumber(want.greatest) && AreNodes(want.entries);
  }

  // The session holds each lock once, or waits for it.
  template <typename Use>
  bool Uses(const Use& use, const std::string& lock) {
    return uses_.insert({use.session, lock}).second;
  }

  // What becomes of each lock is told once, and those of one request say the same.
  bool IsGood(const std::optional<record::Asker>& asker, const std::string& lock) {
    if (!asker || !asker->joint) return true;
    const record::Joint& joint = *asker->joint;
    auto& [first, open] = joints_[{asker->session, asker->request}];
    if (first == nullptr) {
      first = &joint;
      open.insert(joint.locks.begin(), joint.locks.end());
      if (open.size() != joint.locks.size()) return false;
      for (const record::Part& part : joint.parts) {
        if (open.erase(part.lock) != 1) return false;
      }
    }
    return *first == joint && open.erase(lock) == 1;
  }

  bool IsGood(const record::Lease& lease) {
    return IsNewAttempt(lease.attempt) && lease.ttl >= kShortestTtl && lease.ttl <= kLongest &&
           lease.longest_ttl >= lease.ttl && lease.longest_ttl <= kLongest &&
           AreNodes(lease.may_have) && AreNodes(lease.broken) && lease.promises.size() == nodes_ &&
           std::all_of(lease.promises.begin(), lease.promises.end(),
                       [](Time until) { return until == Time::min() || IsTime(until); }) &&
           IsTime(lease.announced) && IsTime(lease.owed) &&
           (!lease.shared || lease.next == lease.last) && lease.next >= 1 && lease.last >= 0 &&
           lease.last < kGreatest && lease.next <= lease.last + 1 &&
           (!lease.since || (IsTime(*lease.since) && *lease.since <= now_));
  }

  bool IsGood(const record::Hold& hold) {
    return HasSession(hold.session) && IsNumber(hold.fence) && IsTime(hold.granted) &&
           hold.granted <= now_ && IsTime(hold.deadline) && IsEnd(hold.ends_at) &&
           IsTime(hold.kept_until);
  }

  bool IsGood(const record::Wait& wait) {
    const bool has_holder = !wait.for_holder || wait.task_session != 0;
    return HasSession(wait.session) && IsTime(wait.since) && wait.since <= now_ &&
           (!wait.until || IsEnd(*wait.until)) && wait.ttl >= kShortestTtl &&
           wait.ttl <= kLongest && (!wait.max_hold || *wait.max_hold > Duration(0)) &&
           wait.min_hold >= Duration(0) && wait.min_hold <= kMostMinHold && has_holder &&
           !(wait.shared && wait.min_hold > Duration(0));
  }

  void Look(const record::Release& release) {
    Must(IsNewAttempt(release.attempt) && !release.lock.empty() && release.nodes != 0 &&
             AreNodes(release.nodes) && IsTime(release.gone_by) &&
             IsGood(release.asker, release.lock),
         "a release is impossible");
  }

  const State& state_;
  const std::uint64_t all_nodes_;
  const std::size_t nodes_;
  const Time now_;
  std::set<SessionId> sessions_, roots_;
  std::set<std::pair<SessionId, std::string>> uses_;
  std::set<std::pair<SessionId, RequestId>> requests_;  // for several locks
  std::set<std::uint64_t> numbers_;
  // Of each request, with the locks whose askers have not come yet.
  std::map<std::pair<SessionId, RequestId>, std::pair<const record::Joint*, std::set<std::string>>>
      joints_;
  std::set<std::string_view> locks_;
  std::set<AttemptNumber> attempts_;
  std::string why_;
};

}  // namespace

std::string WhyUnusable(const State& state, std::size_t nodes, Time now) {
  return Inspection(state, nodes, now).Why();
}

}  // namespace redlockd::engine
