#include "daemon/session/permissions.h"

#include <algorithm>
#include <utility>

#include "base/longest_prefix.h"

namespace redlockd::session {
namespace {

bool Has(const auto& all, auto one) { return std::find(all.begin(), all.end(), one) != all.end(); }

bool IsOneOf(const Who& who, const Peer& peer) {
  return who.everybody || Has(who.users, peer.uid) ||
         std::any_of(peer.groups.begin(), peer.groups.end(),
                     [&who](gid_t group) { return Has(who.groups, group); });
}

}  // namespace

void Permissions::Set(Right right, const std::string& prefix, Who who) {
  rules_.at(static_cast<std::size_t>(right))[prefix] = std::move(who);
}

bool Permissions::May(Right right, std::string_view name, const Peer& peer) const {
  if (peer.admin) return true;
  const Who* who = WhoMay(right, name);
  return who == nullptr ? right != Right::kBreak : IsOneOf(*who, peer);
}

bool Permissions::MayEverybody(Right right, std::string_view name) const {
  const Who* who = WhoMay(right, name);
  return who == nullptr ? right != Right::kBreak : who->everybody;
}

const Who* Permissions::WhoMay(Right right, std::string_view name) const {
  const ByPrefix& rules = rules_.at(static_cast<std::size_t>(right));
  const auto* rule = redlock::base::LongestPrefix(rules, name);
  return rule == nullptr ? nullptr : &rule->second;
}

}  // namespace redlockd::session
