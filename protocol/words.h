// What a line is made of: words with one space or more between them. For this room.
#pragma once

#include <algorithm>
#include <string_view>

namespace redlock::protocol {

// Takes the next word off the front of `rest`; empty at the end.
inline std::string_view TakeWord(std::string_view& rest) {
  rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size()));
  const std::string_view word = rest.substr(0, rest.find(' '));
  rest.remove_prefix(word.size());
  return word;
}

}  // namespace redlock::protocol
