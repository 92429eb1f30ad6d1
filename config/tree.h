#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "config/problem.h"

// A file as it was written: what YAML gives, without what it guesses (every scalar is a text, a key
// may stand twice), each part with its place.
namespace redlockd::config {

struct TreeEntry;

struct Tree {
  enum class Kind { kNothing, kScalar, kList, kMapping };
  Kind kind = Kind::kNothing;
  Position at;
  std::string text;                // of a scalar
  std::vector<Tree> items;         // of a list
  std::vector<TreeEntry> entries;  // of a mapping, in the order of the file
};

struct TreeEntry {
  std::string key;
  Position at;  // of the key
  Tree value;
};

// One YAML document, without anchors and aliases, of which a configuration needs none. The first
// thing that is not YAML ends the reading.
std::variant<Tree, Problem> ParseYaml(std::string_view text);

}  // namespace redlockd::config
