#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "config/config.h"

// The one table of keys. Loading, checking, defaults, --check-config and the man page's list of
// keys all come from it; a new key is one row here, one member in config.h, and one paragraph in
// the man page.
namespace redlockd::config {

// Where a key's value goes: the Config, and for the keys of a node also that node.
struct Target {
  Config& config;
  Node* node = nullptr;
};

// Each kind of value knows how to read itself from the text of a YAML scalar, how to print itself
// in the same syntax, and how to say what it expects. Read() leaves the target alone if it returns
// false. Bounds are inclusive.

struct DurationValue {
  Duration& (*of)(Target);
  Duration min, max;
  bool Read(Target target, std::string_view text) const;
  std::string Print(Target target) const;
  std::string Expected() const;
};

struct CountValue {
  std::uint32_t& (*of)(Target);
  std::uint32_t min, max;
  bool Read(Target target, std::string_view text) const;
  std::string Print(Target target) const;
  std::string Expected() const;
};

struct FractionValue {
  double& (*of)(Target);
  double min, max;
  bool Read(Target target, std::string_view text) const;
  std::string Print(Target target) const;
  std::string Expected() const;
};

// Printable ASCII without blanks.
struct WordValue {
  std::string& (*of)(Target);
  std::size_t min, max;  // length
  bool Read(Target target, std::string_view text) const;
  std::string Print(Target target) const;
  std::string Expected() const;
};

struct PathValue {  // absolute
  std::string& (*of)(Target);
  std::size_t max;  // length
  bool Read(Target target, std::string_view text) const;
  std::string Print(Target target) const;
  std::string Expected() const;
};

struct ModeValue {  // of a file: octal, at most 0777
  mode_t& (*of)(Target);
  bool Read(Target target, std::string_view text) const;
  std::string Print(Target target) const;
  std::string Expected() const;
};

struct LevelValue {
  LogLevel& (*of)(Target);
  bool Read(Target target, std::string_view text) const;
  std::string Print(Target target) const;
  std::string Expected() const;
};

struct AddressValue {
  Address& (*of)(Target);
  bool Read(Target target, std::string_view text) const;
  std::string Print(Target target) const;
  std::string Expected() const;
};

using Value = std::variant<DurationValue, CountValue, FractionValue, WordValue, PathValue,
                           ModeValue, LevelValue, AddressValue>;

struct Key {
  // What a key is when the file does not name it.
  enum class Absent {
    kDefault,  // `fallback`, in the syntax of the file
    kSameAs,   // the value of the key `fallback`
    kNothing,  // empty: a feature that is not used
    kMistake,  // must be given
  };

  std::string_view path;  // "lease.ttl"; "nodes[].address" for each node
  Value value;
  Absent absent;
  std::string_view fallback;
  std::string_view says;  // what it is for, in a line
};

// All keys, in the order in which they are documented; the keys of a section stand together, a key
// stands behind one that it is the same as.
std::span<const Key> Keys();

// "duration, 10ms to 24h; default 10s": the facts of a key as the man page has them, word by word.
std::string Facts(const Key& key);

}  // namespace redlockd::config
