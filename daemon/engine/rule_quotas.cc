#include "daemon/engine/rule_quotas.h"

#include "base/check.h"
#include "base/longest_prefix.h"

namespace redlockd::engine {
namespace {

std::size_t At(QuotaKind kind) { return static_cast<std::size_t>(kind); }

std::string WithPrefix(const std::string& prefix) {
  return prefix.empty() ? "of all names" : "whose names begin with " + prefix;
}

}  // namespace

void RuleQuotas::Change(const Quotas& quotas) {
  Change(QuotaKind::kLocks, quotas.locks);
  Change(QuotaKind::kWaits, quotas.waits);
  Change(QuotaKind::kNewNames, quotas.new_names);
}

void RuleQuotas::Change(QuotaKind kind, const Quotas::ByPrefix& quotas) {
  auto& rules = by_prefix_[At(kind)];
  std::erase_if(rules, [&](const Rule& rule) { return !quotas.contains(rule.first); });
  for (const auto& [prefix, most] : quotas) {
    Use& use = rules[prefix];
    use.most = most;
    use.used = 0;
  }
}

RuleQuotas::Rule* RuleQuotas::Find(QuotaKind kind, std::string_view name) {
  return redlock::base::LongestPrefix(by_prefix_[At(kind)], name);
}

void RuleQuotas::Count(QuotaKind kind, std::string_view name, int more) {
  Rule* rule = Find(kind, name);
  if (!rule) return;
  CHECK(more >= 0 || rule->second.used > 0);
  rule->second.used += static_cast<std::size_t>(more);
}

void RuleQuotas::Count(std::string_view name, int locks, int waits) {
  if (locks != 0) Count(QuotaKind::kLocks, name, locks);
  if (waits != 0) Count(QuotaKind::kWaits, name, waits);
}

std::optional<std::string> RuleQuotas::WhyNoLock(std::string_view name) {
  Rule* rule = Find(QuotaKind::kLocks, name);
  if (!rule || rule->second.used < rule->second.most) return std::nullopt;
  ++rule->second.refused;
  return "quota of locks " + WithPrefix(rule->first) + ": " + std::to_string(rule->second.used) +
         " are held or waited for, expected at most " + std::to_string(rule->second.most);
}

std::optional<std::string> RuleQuotas::WhyNoWait(std::string_view name) {
  Rule* rule = Find(QuotaKind::kWaits, name);
  if (!rule || rule->second.used < rule->second.most) return std::nullopt;
  ++rule->second.refused;
  return "quota of waits for locks " + WithPrefix(rule->first) + ": found " +
         std::to_string(rule->second.used) + ", expected at most " +
         std::to_string(rule->second.most);
}

std::optional<std::string> RuleQuotas::WhyNoNewName(Time now, std::string_view name) {
  Rule* rule = Find(QuotaKind::kNewNames, name);
  if (!rule) return std::nullopt;
  Use& use = rule->second;
  if (use.new_names.HasRoom(now, use.most)) {
    use.new_names.Take(now, use.most);
    return std::nullopt;
  }
  ++use.refused;
  return "quota of new names for locks " + WithPrefix(rule->first) +
         ": too many are asked for, expected at most " + std::to_string(use.most) + " per second";
}

std::vector<QuotaView> RuleQuotas::Views() const {
  std::vector<QuotaView> views;
  for (std::size_t kind = 0; kind < by_prefix_.size(); ++kind) {
    for (const auto& [prefix, use] : by_prefix_[kind]) {
      views.push_back({.prefix = prefix,
                       .kind = static_cast<QuotaKind>(kind),
                       .most = use.most,
                       .used = use.used,
                       .refused = use.refused});
    }
  }
  return views;
}

}  // namespace redlockd::engine
