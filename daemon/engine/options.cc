#include "daemon/engine/options.h"

#include <algorithm>

namespace redlockd::engine {

namespace {

// Returns the rule that counts, or the end.
template <class Value>
auto RuleOf(const std::map<std::string, Value>& by_prefix, std::string_view name) {
  // Among the prefixes of one name, the longest comes last in the order of names.
  return std::find_if(by_prefix.rbegin(), by_prefix.rend(),
                      [name](const auto& rule) { return name.starts_with(rule.first); });
}

}  // namespace

Duration Linger::Of(std::string_view name) const {
  const auto rule = RuleOf(by_prefix, name);
  return rule == by_prefix.rend() ? usual : rule->second;
}

std::string_view Linger::PrefixOf(std::string_view name) const {
  const auto rule = RuleOf(by_prefix, name);
  return rule == by_prefix.rend() ? std::string_view() : std::string_view(rule->first);
}

bool Audit::Covers(std::string_view name) const {
  const auto rule = RuleOf(by_prefix, name);
  return rule != by_prefix.rend() && rule->second;
}

}  // namespace redlockd::engine
