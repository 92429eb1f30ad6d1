#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "daemon/engine/types.h"
#include "tests/sim/reply.h"

namespace redlockd::sim {

// The keys of one Redis server. A value: a copy is a snapshot. It has no clock; `now` is the node's
// own TIME, in microseconds, and may go back. tests/contract compares it with a real server.
//
// A key has expired once the clock shows a later millisecond than its last, and is dropped when a
// command next meets it. If the clock goes back before that, the key is there again, as in Redis.
class Store {
 public:
  using Hash = std::map<std::string, std::string, std::less<>>;
  using SortedSet = std::map<std::string, double, std::less<>>;  // the score of each member
  struct Entry {
    std::variant<std::string, Hash, SortedSet> value;
    std::optional<std::int64_t> last_ms{};  // since 1970; none: it stays
    bool operator==(const Entry&) const = default;
  };

  // One command as a script calls it, with the replies and errors of Redis 7.0. It knows what our
  // scripts and plain clients use, and no other options: TIME, GET, GETRANGE, SET [PX] or [XX],
  // DEL, EXISTS, TYPE, PTTL, PEXPIRE, HGETALL (sorted), HGET, HMGET, HSET, HDEL, ZADD [XX] of one
  // member, ZREM, ZSCORE, ZRANK, ZRANGE [WITHSCORES], ZREVRANGEBYSCORE from a score down to -inf
  // WITHSCORES LIMIT 0 count, PUBLISH. argv[0] in any case.
  Reply Execute(engine::NodeTime now, std::span<const std::string_view> argv);

  // What was published since it was asked last.
  struct Message {
    std::string channel, text;
    bool operator==(const Message&) const = default;
  };
  std::vector<Message> TakePublished() { return std::exchange(published_, {}); }
  // How many hear what is published on a channel; without it, nobody.
  using Listeners = std::function<std::int64_t(std::string_view channel)>;
  void SetListeners(Listeners listeners) { listeners_ = std::move(listeners); }

  // The same keys, with the same values and times.
  bool operator==(const Store& other) const { return entries_ == other.entries_; }

  void Clear() { entries_.clear(); }       // FLUSHALL
  bool Erase(std::string_view key);        // false: was not there
  void DropExpired(engine::NodeTime now);  // what an RDB is loaded without

  // For checkers: these drop nothing.
  std::vector<std::string> Keys(engine::NodeTime now) const;            // sorted
  const Entry* Find(engine::NodeTime now, std::string_view key) const;  // null: not there
  std::optional<std::string> Get(engine::NodeTime now, std::string_view key) const;  // of a string

 private:
  using Argv = std::span<const std::string_view>;
  struct Command;
  static const Command* Lookup(std::string_view name);

  Reply Time(engine::NodeTime now, Argv argv);
  Reply Get(engine::NodeTime now, Argv argv);
  Reply Getrange(engine::NodeTime now, Argv argv);
  Reply Set(engine::NodeTime now, Argv argv);
  Reply Del(engine::NodeTime now, Argv argv);
  Reply Exists(engine::NodeTime now, Argv argv);
  Reply Type(engine::NodeTime now, Argv argv);
  Reply Pttl(engine::NodeTime now, Argv argv);
  Reply Pexpire(engine::NodeTime now, Argv argv);
  Reply Hgetall(engine::NodeTime now, Argv argv);
  Reply Hget(engine::NodeTime now, Argv argv);
  Reply Hmget(engine::NodeTime now, Argv argv);
  Reply Hset(engine::NodeTime now, Argv argv);
  Reply Hdel(engine::NodeTime now, Argv argv);
  Reply Zadd(engine::NodeTime now, Argv argv);
  Reply Zrem(engine::NodeTime now, Argv argv);
  Reply Zscore(engine::NodeTime now, Argv argv);
  Reply Zrank(engine::NodeTime now, Argv argv);
  Reply Zrange(engine::NodeTime now, Argv argv);
  Reply Zrevrangebyscore(engine::NodeTime now, Argv argv);
  Reply Publish(engine::NodeTime now, Argv argv);

  template <class Members>
  Reply Remove(engine::NodeTime now, Argv argv);

  // Null if it is not there; drops it if it has expired.
  Entry* Meet(engine::NodeTime now, std::string_view key);
  // The hash under `key`, made if there is none; null if the key is of another type.
  Hash* MeetHash(engine::NodeTime now, std::string_view key);

  std::map<std::string, Entry, std::less<>> entries_;
  std::vector<Message> published_;
  Listeners listeners_;
};

}  // namespace redlockd::sim
