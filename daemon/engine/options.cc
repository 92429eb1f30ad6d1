#include "daemon/engine/options.h"

#include "base/longest_prefix.h"

namespace redlockd::engine {

Duration Linger::Of(std::string_view name) const {
  const auto* rule = redlock::base::LongestPrefix(by_prefix, name);
  return rule == nullptr ? usual : rule->second;
}

std::string_view Linger::PrefixOf(std::string_view name) const {
  const auto* rule = redlock::base::LongestPrefix(by_prefix, name);
  return rule == nullptr ? std::string_view() : std::string_view(rule->first);
}

bool Audit::Covers(std::string_view name) const {
  const auto* rule = redlock::base::LongestPrefix(by_prefix, name);
  return rule != nullptr && rule->second;
}

}  // namespace redlockd::engine
