#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/values.h"

// The one table of keys. Loading, checking, defaults, --check-config, what a reload may change and
// the man page's list of keys come from it; a new key is one row here, one member in config.h and one paragraph in the man
// page.
namespace redlockd::config {

struct Key {
  // What holds when the file does not name the key.
  enum class Absent {
    kDefault,  // `fallback`, in the syntax of the file
    kSameAs,   // that of the key `fallback`, which stands before this one; it may be nothing
    kNothing,  // empty: not used
    kMistake,  // it must
  };

  // From when on another value counts.
  enum class Change {
    kReload,   // from a reload of the file
    kRestart,  // from a restart of the daemon
  };

  std::string_view path;  // "lease.ttl"; "nodes[].address" for each entry of the list "nodes"
  Change change;
  Value value;
  Absent absent;
  std::string_view fallback;
  std::string_view says;  // what it is, in a line
};

// All keys, in the order in which they are printed; those of a section stand together.
std::span<const Key> Keys();

// The row of `path`, or null.
const Key* FindKey(std::string_view path);

// The list that `key` is of the entries of, "nodes" or "rules", or "".
std::string_view ListOf(const Key& key);

// Where the values of `key` stand in `config`: one place, or one for each entry of its list.
std::vector<Target> Targets(const Key& key, Config& config);

// The path of its value in that place, as an administrator writes it: "nodes[2].address".
std::string PathIn(const Key& key, std::size_t place);

// The value there, in the syntax of the file. Never a secret.
std::string Print(const Key& key, Target target);

// What may stand in the section `path` ("" is the file, "lease", "nodes[]"): names without the
// path. Empty if there is no such section.
std::vector<std::string> NamesIn(std::string_view path);

// "Takes a duration from 10ms to 24h. Default: 10s. A reload applies a change.": what the man page
// says word by word.
std::string Facts(const Key& key);

}  // namespace redlockd::config
