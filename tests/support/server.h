#pragma once

#include <string>
#include <vector>

namespace redlockd::test {

// A program that speaks like Redis, which tests start as a node.
struct Server {
  std::string program;
  std::string name;  // "Redis" or "Valkey"
  int major = 0, minor = 0;

  std::string ToText() const;  // "Valkey 9.1"
  bool IsRedis(int of_major, int of_minor) const {
    return name == "Redis" && major == of_major && minor == of_minor;
  }

  // Where servers differ, as far as tests can tell; tests/README.md has the same as a table.
  // DEBUG is refused unless an argument allows it. (Redis 6 always allows it.)
  bool WantsDebugAllowed() const { return major >= 7; }
  // A key that ends in the very millisecond in which an append-only file is loaded may be dropped
  // then. (Others keep it, with 0 ms left.)
  bool MayDropWhatIsDueAtLoad() const { return name == "Redis" && major >= 8; }
  // An error has the words of Redis 7.0, which the simulator's nodes have too; or other words, but
  // the same code and the same place in the script; or neither code (Redis 6).
  bool HasTheFakesWords() const { return IsRedis(7, 0); }
  bool HasTheFakesCodes() const { return major >= 7; }
  // A time to live that is too long to be added to the time is an error. (Redis 6 takes it.)
  bool RefusesEndlessTtls() const { return major >= 7; }
  // Users have rights to channels, and lose rights to single subcommands. (Redis 6.0 knows neither.)
  bool HasAclChannels() const { return major >= 7; }
  // A word of ACL SETUSER: all channels; in its place, where there are none, all keys.
  std::string AllChannels() const { return HasAclChannels() ? "&*" : "~*"; }
  // A number that is no integer goes to a command with 17 digits. (Others: as few as will do.) Our
  // scripts pass integers alone.
  bool WritesFractionsWith17Digits() const { return name == "Redis" && major <= 7; }
};

// What `program --version` says. Throws std::runtime_error if that is no Redis nor Valkey.
Server ReadServer(const std::string& program);

// The server that this process runs its tests with: the one in REDLOCKD_TEST_REDIS_SERVERS (a path;
// of several, with colons between, the first), else the redis-server that the build found.
const Server& ServerUnderTest();

// All that REDLOCKD_TEST_REDIS_SERVERS names; empty where it is not set.
std::vector<std::string> ServersAskedFor();

}  // namespace redlockd::test
