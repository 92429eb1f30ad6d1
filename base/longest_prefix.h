#pragma once

#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <utility>

namespace redlock::base {

// Of the entries whose key is a prefix of `name`, the one with the longest key; null if there is
// none. The map owns it.
template <class Value, class Less>
const std::pair<const std::string, Value>* LongestPrefix(
    const std::map<std::string, Value, Less>& by_prefix, std::string_view name) {
  // Among the prefixes of one name, the longest comes last in the order of names.
  const auto found = std::find_if(by_prefix.rbegin(), by_prefix.rend(), [name](const auto& entry) {
    return name.starts_with(entry.first);
  });
  return found == by_prefix.rend() ? nullptr : &*found;
}

}  // namespace redlock::base
