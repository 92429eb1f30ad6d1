#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "config/config.h"

// The kinds of values that a key can have. Each knows how to read itself from the text of a YAML
// scalar, how to print itself in the same syntax, and how to say what it expects, with its article.
// Read() leaves the target alone if it returns false. Bounds are inclusive.
namespace redlockd::config {

// Where a key's value goes: the Config, and for a key of a list also that entry of it.
struct Target {
  Config& config;
  Node* node = nullptr;
  Rule* rule = nullptr;
};

struct DurationValue {
  Duration& (*of)(Target);
  Duration min, max;
  bool Read(Target target, std::string_view text) const;
  std::string Print(Target target) const;
  std::string Expected() const;
};

struct MaybeDurationValue {
  std::optional<Duration>& (*of)(Target);
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

struct MaybeCountValue {
  std::optional<std::uint32_t>& (*of)(Target);
  std::uint32_t min, max;
  bool Read(Target target, std::string_view text) const;
  std::string Print(Target target) const;
  std::string Expected() const;
};

struct FractionValue {
  double& (*of)(Target);
  double max;  // from 0
  bool Read(Target target, std::string_view text) const;
  std::string Print(Target target) const;
  std::string Expected() const;
};

struct WordValue {  // printable ASCII without blanks
  std::string& (*of)(Target);
  std::size_t min, max;  // bytes
  bool Read(Target target, std::string_view text) const;
  std::string Print(Target target) const;
  std::string Expected() const;
};

struct PathValue {  // absolute
  std::string& (*of)(Target);
  std::size_t max;  // bytes
  bool Read(Target target, std::string_view text) const;
  std::string Print(Target target) const;
  std::string Expected() const;
};

// The absolute path of a file that holds a Secret: the reader of the key also reads the file
// (secret_file.h). What stands here instead of a path may be the secret itself, so it must not be
// shown in a message.
struct SecretFileValue {
  std::string& (*of)(Target);
  Secret& (*secret)(Target);
  bool Read(Target target, std::string_view text) const;
  std::string Print(Target target) const;
  std::string Expected() const;
};

// The absolute path of a file in PEM: the reader of the key also looks whether it can be read
// (pem_file.h).
struct PemFileValue {
  std::string& (*of)(Target);
  bool is_secret;  // and must not be shown if it stands here instead of a path
  bool Read(Target target, std::string_view text) const;
  std::string Print(Target target) const;
  std::string Expected() const;
};

struct ModeValue {  // of a file, octal
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

struct HostValue {
  std::string& (*of)(Target);
  bool Read(Target target, std::string_view text) const;
  std::string Print(Target target) const;
  std::string Expected() const;
};

struct FlagValue {
  bool& (*of)(Target);
  bool Read(Target target, std::string_view text) const;
  std::string Print(Target target) const;
  std::string Expected() const;
};

struct MaybeFlagValue {
  std::optional<bool>& (*of)(Target);
  bool Read(Target target, std::string_view text) const;
  std::string Print(Target target) const;
  std::string Expected() const;
};

struct TlsVersionValue {
  TlsVersion& (*of)(Target);
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

// Where to listen: a Unix socket, or a port of one of this host's addresses, which is no name.
struct ListenAddressValue {
  std::optional<Address>& (*of)(Target);
  bool Read(Target target, std::string_view text) const;
  std::string Print(Target target) const;
  std::string Expected() const;
};

// "everybody", "nobody", or users and groups: "alice,1000,group:ops".
struct WhoValue {
  std::optional<Who>& (*of)(Target);
  bool Read(Target target, std::string_view text) const;
  std::string Print(Target target) const;
  std::string Expected() const;
};

using Value = std::variant<DurationValue, MaybeDurationValue, WhoValue, CountValue, MaybeCountValue,
                           FractionValue, WordValue, PathValue, SecretFileValue, PemFileValue,
                           ModeValue, LevelValue, HostValue, FlagValue, MaybeFlagValue,
                           TlsVersionValue, AddressValue, ListenAddressValue>;

}  // namespace redlockd::config
