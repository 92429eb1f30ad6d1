#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"
#include "config/problem.h"

namespace redlockd::config {

// What came out of one file. Use `config` only while `errors` is empty: it has the default where a
// value could not be read.
struct Loaded {
  std::string file;  // as given, for messages
  Config config;
  std::map<std::string, Position, std::less<>> given;  // the keys that the file names, and where
  std::vector<Problem> errors;                         // in the order of the file
  std::vector<Problem> warnings;                       // in the order of the file

  // For what only others can judge: how values must relate (the engine's inequalities). Ask them
  // once `errors` is empty; a relation to a value that could not be read would mislead. Placed
  // where the file names `key` or the innermost section around it that it names.
  void AddError(std::string_view key, std::string what);

  // The place that AddError takes; the start of the file if it names nothing of it.
  Position PlaceOf(std::string_view key) const;

  // "FILE:LINE:COLUMN: KEY: WHAT", a line of its own for the log or the terminal.
  std::string Text(const Problem& problem) const;
};

// Reads the file, and the secret files that it names. Finds every mistake there is; a file that
// cannot be read, or is no YAML, is one error. Blocks on the file system; for the start of the
// daemon.
Loaded Load(const std::string& file);

// The same for a text already in memory; `file` is for messages only.
Loaded LoadText(std::string_view text, const std::string& file);

// All keys at their defaults, and no nodes: for --dev.
Config Defaults();

// The configuration in force as YAML, every key with its value, what is a default marked so: for
// --check-config. Names the files of secrets, not what is in them.
std::string Print(const Loaded& loaded);

}  // namespace redlockd::config
