#pragma once

#include <algorithm>
#include <string_view>

namespace redlock::base {

// Of the entries of a std::map by std::string whose key is a prefix of `name`, the one with the
// longest key; null if there is none. The map owns it.
template <class Map>
auto LongestPrefix(Map& by_prefix, std::string_view name) -> decltype(&*by_prefix.rbegin()) {
  // Among the prefixes of one name, the longest comes last in the order of names.
  const auto found = std::find_if(by_prefix.rbegin(), by_prefix.rend(), [name](const auto& entry) {
    return name.starts_with(entry.first);
  });
  return found == by_prefix.rend() ? nullptr : &*found;
}

}  // namespace redlock::base
