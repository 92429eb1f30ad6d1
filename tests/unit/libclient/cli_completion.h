// What the tests of completions share.
#pragma once

#include <string>
#include <vector>

namespace redlockd::test {

// The parts of a text of which each is ended by `end`.
inline std::vector<std::string> Split(const std::string& text, char end) {
  std::vector<std::string> parts;
  for (std::size_t from = 0, at; (at = text.find(end, from)) != std::string::npos; from = at + 1) {
    parts.push_back(text.substr(from, at - from));
  }
  return parts;
}

// Names that no shell may offer as they are, for what a terminal or a command would take them for;
// and "good".
inline std::vector<std::string> NamesToLeaveOut() {
  return {"a\x1b[2J",
          "a\nb",
          "a\tb",
          "a\xc2\x9b"
          "2J",
          "a\xff",
          "a\xe2\x80\xae"
          "b",
          "a\xe2\x81\xa6"
          "b",
          "a\xd8\x9c"
          "b",
          "-x",
          "good"};
}

}  // namespace redlockd::test
