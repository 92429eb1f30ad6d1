#include "tests/sim/store.h"

#include <strings.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <limits>

namespace redlockd::sim {
namespace {

using engine::NodeTime;

Reply WrongType() {
  return Reply::Error("WRONGTYPE Operation against a key holding the wrong kind of value");
}
Reply NotAnInteger() { return Reply::Error("ERR value is not an integer or out of range"); }
Reply InvalidExpire(const std::string& command) {
  return Reply::Error("ERR invalid expire time in '" + command + "' command");
}

std::int64_t Milliseconds(NodeTime now) { return now / 1000; }

bool Expired(const Store::Entry& entry, NodeTime now) {
  return entry.last_ms && Milliseconds(now) > *entry.last_ms;
}

// As strict as Redis: no sign but a minus, no leading zero, no space.
std::optional<std::int64_t> ToInteger(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  const bool negative = text.front() == '-';
  if (text[negative ? 1 : 0] == '0' && text.size() > 1) return std::nullopt;
  return number;
}

std::optional<double> ToScore(std::string_view text) {
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number != number) {
    return std::nullopt;
  }
  return number == 0 ? 0 : number;  // a short set has whole numbers as integers, which know no -0
}

// In the order of the set: by score, then by member.
using Member = std::pair<double, std::string>;
std::vector<Member> Ranked(const Store::SortedSet& set) {
  std::vector<Member> ranked;
  for (const auto& [member, score] : set) ranked.emplace_back(score, member);
  std::sort(ranked.begin(), ranked.end());
  return ranked;
}

std::string ScoreText(double score) {
  std::array<char, 32> text;
  std::snprintf(text.data(), text.size(), "%.17g", score);
  return text.data();
}

void Append(Reply& reply, const Member& member, bool with_score) {
  reply.elements.push_back(Reply::String(member.second));
  if (with_score) reply.elements.push_back(Reply::String(ScoreText(member.first)));
}

bool IsWord(std::string_view text, std::string_view word) {
  return text.size() == word.size() && strncasecmp(text.data(), word.data(), word.size()) == 0;
}

}  // namespace

struct Store::Command {
  std::string_view name;
  int arity;  // with the name; negative: at least
  Reply (Store::*run)(NodeTime now, Argv argv);
};

const Store::Command* Store::Lookup(std::string_view name) {
  static constexpr std::array<Command, 21> kCommands = {{
      {"GET", 2, &Store::Get},
      {"SET", -3, &Store::Set},
      {"TIME", 1, &Store::Time},
      {"HMGET", -3, &Store::Hmget},
      {"HGETALL", 2, &Store::Hgetall},
      {"PTTL", 2, &Store::Pttl},
      {"PEXPIRE", -3, &Store::Pexpire},
      {"HSET", -4, &Store::Hset},
      {"DEL", -2, &Store::Del},
      {"EXISTS", -2, &Store::Exists},
      {"TYPE", 2, &Store::Type},
      {"GETRANGE", 4, &Store::Getrange},
      {"HGET", 3, &Store::Hget},
      {"ZADD", -4, &Store::Zadd},
      {"ZREM", -3, &Store::Zrem},
      {"ZSCORE", 3, &Store::Zscore},
      {"ZRANK", 3, &Store::Zrank},
      {"ZRANGE", -4, &Store::Zrange},
      {"ZREVRANGEBYSCORE", -4, &Store::Zrevrangebyscore},
      {"HDEL", -3, &Store::Hdel},
      {"PUBLISH", 3, &Store::Publish},
  }};
  const auto* found = std::find_if(kCommands.begin(), kCommands.end(), [&](const Command& command) {
    return IsWord(name, command.name);
  });
  return found == kCommands.end() ? nullptr : found;
}

Reply Store::Execute(NodeTime now, Argv argv) {
  const Command* command = Lookup(argv.front());
  if (!command) return Reply::Error("ERR Unknown Redis command called from script");
  const auto count = static_cast<int>(argv.size());
  if (command->arity > 0 ? count != command->arity : count < -command->arity) {
    return Reply::Error("ERR Wrong number of args calling Redis command from script");
  }
  return (this->*command->run)(now, argv);
}

bool Store::Erase(std::string_view key) {
  const auto found = entries_.find(key);
  if (found == entries_.end()) return false;
  entries_.erase(found);
  return true;
}

void Store::DropExpired(NodeTime now) {
  std::erase_if(entries_, [&](const auto& entry) { return Expired(entry.second, now); });
}

std::vector<std::string> Store::Keys(NodeTime now) const {
  std::vector<std::string> keys;
  for (const auto& [key, entry] : entries_) {
    if (!Expired(entry, now)) keys.push_back(key);
  }
  return keys;
}

const Store::Entry* Store::Find(NodeTime now, std::string_view key) const {
  const auto found = entries_.find(key);
  return found == entries_.end() || Expired(found->second, now) ? nullptr : &found->second;
}

std::optional<std::string> Store::Get(NodeTime now, std::string_view key) const {
  const Entry* entry = Find(now, key);
  const auto* text = entry ? std::get_if<std::string>(&entry->value) : nullptr;
  return text ? std::optional(*text) : std::nullopt;
}

Store::Entry* Store::Meet(NodeTime now, std::string_view key) {
  const auto found = entries_.find(key);
  if (found == entries_.end()) return nullptr;
  if (!Expired(found->second, now)) return &found->second;
  entries_.erase(found);
  return nullptr;
}

Store::Hash* Store::MeetHash(NodeTime now, std::string_view key) {
  Entry* entry = Meet(now, key);
  if (!entry) entry = &entries_.emplace(key, Entry{.value = Hash{}}).first->second;
  return std::get_if<Hash>(&entry->value);
}

// --- the commands -------------------------------------------------------------------------------

Reply Store::Time(NodeTime now, Argv) {
  return {.kind = Reply::Kind::kArray,
          .elements = {Reply::String(std::to_string(now / 1'000'000)),
                       Reply::String(std::to_string(now % 1'000'000))}};
}

Reply Store::Get(NodeTime now, Argv argv) {
  const Entry* entry = Meet(now, argv[1]);
  if (!entry) return {};
  const auto* text = std::get_if<std::string>(&entry->value);
  return text ? Reply::String(*text) : WrongType();
}

Reply Store::Getrange(NodeTime now, Argv argv) {
  auto first = ToInteger(argv[2]), last = ToInteger(argv[3]);
  if (!first || !last) return NotAnInteger();
  const Entry* entry = Meet(now, argv[1]);
  if (!entry) return Reply::String("");
  const auto* text = std::get_if<std::string>(&entry->value);
  if (!text) return WrongType();
  const auto size = static_cast<std::int64_t>(text->size());
  if (*first < 0 && *last < 0 && *first > *last) return Reply::String("");
  if (*first < 0) *first = std::max<std::int64_t>(*first + size, 0);
  if (*last < 0) *last = std::max<std::int64_t>(*last + size, 0);
  *last = std::min(*last, size - 1);
  if (*first > *last) return Reply::String("");
  return Reply::String(
      text->substr(static_cast<std::size_t>(*first), static_cast<std::size_t>(*last - *first + 1)));
}

Reply Store::Set(NodeTime now, Argv argv) {
  if (argv.size() == 4 && IsWord(argv[3], "XX")) {
    Entry* old = Meet(now, argv[1]);
    if (!old) return {};
    *old = Entry{.value = std::string(argv[2])};
    return Reply::Status("OK");
  }
  Entry entry{.value = std::string(argv[2])};
  if (argv.size() == 4 && IsWord(argv[3], "KEEPTTL")) {
    if (const Entry* old = Meet(now, argv[1])) entry.last_ms = old->last_ms;
  } else if (argv.size() > 3) {
    if (argv.size() != 5 || !IsWord(argv[3], "PX")) return Reply::Error("ERR syntax error");
    const auto ttl = ToInteger(argv[4]);
    if (!ttl) return NotAnInteger();
    const std::int64_t now_ms = Milliseconds(now);
    if (*ttl <= 0 || *ttl > std::numeric_limits<std::int64_t>::max() - now_ms) {
      return InvalidExpire("set");
    }
    entry.last_ms = now_ms + *ttl;
  }
  if (Entry* old = Meet(now, argv[1])) {
    *old = std::move(entry);
  } else {
    entries_.emplace(argv[1], std::move(entry));
  }
  return Reply::Status("OK");
}

Reply Store::Del(NodeTime now, Argv argv) {
  return Reply::Integer(std::count_if(argv.begin() + 1, argv.end(), [&](std::string_view key) {
    return Meet(now, key) && Erase(key);
  }));
}

// A key that is named twice counts twice.
Reply Store::Exists(NodeTime now, Argv argv) {
  return Reply::Integer(std::count_if(argv.begin() + 1, argv.end(), [&](std::string_view key) {
    return Meet(now, key) != nullptr;
  }));
}

Reply Store::Type(NodeTime now, Argv argv) {
  const Entry* entry = Meet(now, argv[1]);
  if (!entry) return Reply::Status("none");
  if (std::holds_alternative<SortedSet>(entry->value)) return Reply::Status("zset");
  return Reply::Status(std::holds_alternative<Hash>(entry->value) ? "hash" : "string");
}

Reply Store::Pttl(NodeTime now, Argv argv) {
  const Entry* entry = Meet(now, argv[1]);
  if (!entry) return Reply::Integer(-2);
  return Reply::Integer(entry->last_ms ? *entry->last_ms - Milliseconds(now) : -1);
}

Reply Store::Pexpire(NodeTime now, Argv argv) {
  if (argv.size() > 3) return Reply::Error("ERR Unsupported option " + std::string(argv[3]));
  const auto ttl = ToInteger(argv[2]);
  if (!ttl) return NotAnInteger();
  const std::int64_t now_ms = Milliseconds(now);
  if (*ttl > std::numeric_limits<std::int64_t>::max() - now_ms) return InvalidExpire("pexpire");
  Entry* entry = Meet(now, argv[1]);
  if (!entry) return Reply::Integer(0);
  if (*ttl <= 0) {
    Erase(argv[1]);
  } else {
    entry->last_ms = now_ms + *ttl;
  }
  return Reply::Integer(1);
}

Reply Store::Hgetall(NodeTime now, Argv argv) {
  const Entry* entry = Meet(now, argv[1]);
  const Hash* hash = entry ? std::get_if<Hash>(&entry->value) : nullptr;
  if (entry && !hash) return WrongType();
  Reply reply{.kind = Reply::Kind::kArray};
  if (!hash) return reply;
  for (const auto& [field, value] : *hash) {
    reply.elements.push_back(Reply::String(field));
    reply.elements.push_back(Reply::String(value));
  }
  return reply;
}

Reply Store::Hget(NodeTime now, Argv argv) {
  const Entry* entry = Meet(now, argv[1]);
  if (!entry) return {};
  const auto* hash = std::get_if<Hash>(&entry->value);
  if (!hash) return WrongType();
  const auto field = hash->find(argv[2]);
  return field == hash->end() ? Reply() : Reply::String(field->second);
}

Reply Store::Hmget(NodeTime now, Argv argv) {
  const Entry* entry = Meet(now, argv[1]);
  const Hash* hash = entry ? std::get_if<Hash>(&entry->value) : nullptr;
  if (entry && !hash) return WrongType();
  Reply reply{.kind = Reply::Kind::kArray, .elements = std::vector<Reply>(argv.size() - 2)};
  if (!hash) return reply;
  for (std::size_t i = 2; i < argv.size(); ++i) {
    const auto field = hash->find(argv[i]);
    if (field != hash->end()) reply.elements[i - 2] = Reply::String(field->second);
  }
  return reply;
}

Reply Store::Hset(NodeTime now, Argv argv) {
  if (argv.size() % 2 != 0) return Reply::Error("ERR wrong number of arguments for 'hset' command");
  Hash* hash = MeetHash(now, argv[1]);
  if (!hash) return WrongType();
  std::int64_t created = 0;
  for (std::size_t i = 2; i < argv.size(); i += 2) {
    created +=
        hash->insert_or_assign(std::string(argv[i]), std::string(argv[i + 1])).second ? 1 : 0;
  }
  return Reply::Integer(created);
}

// Removes what is named after the key from the hash or sorted set there.
template <class Members>
Reply Store::Remove(NodeTime now, Argv argv) {
  Entry* entry = Meet(now, argv[1]);
  if (!entry) return Reply::Integer(0);
  auto* members = std::get_if<Members>(&entry->value);
  if (!members) return WrongType();
  std::int64_t removed = 0;
  for (const std::string_view name : argv.subspan(2)) {
    const auto found = members->find(name);
    if (found == members->end()) continue;
    members->erase(found);
    ++removed;
  }
  if (members->empty()) Erase(argv[1]);  // Redis has no empty ones
  return Reply::Integer(removed);
}

Reply Store::Hdel(NodeTime now, Argv argv) { return Remove<Hash>(now, argv); }

Reply Store::Zadd(NodeTime now, Argv argv) {
  const bool only_old = argv.size() == 5 && IsWord(argv[2], "XX");
  if (argv.size() != (only_old ? 5 : 4)) return Reply::Error("ERR syntax error");
  const auto score = ToScore(argv[argv.size() - 2]);
  if (!score) return Reply::Error("ERR value is not a valid float");
  Entry* entry = Meet(now, argv[1]);
  if (!entry && only_old) return Reply::Integer(0);
  if (!entry) entry = &entries_.emplace(argv[1], Entry{.value = SortedSet{}}).first->second;
  auto* set = std::get_if<SortedSet>(&entry->value);
  if (!set) return WrongType();
  const bool is_new = !set->contains(argv.back());
  if (is_new && only_old) return Reply::Integer(0);
  set->insert_or_assign(std::string(argv.back()), *score);
  return Reply::Integer(is_new ? 1 : 0);
}

Reply Store::Zrem(NodeTime now, Argv argv) { return Remove<SortedSet>(now, argv); }

Reply Store::Zscore(NodeTime now, Argv argv) {
  const Entry* entry = Meet(now, argv[1]);
  if (!entry) return {};
  const auto* set = std::get_if<SortedSet>(&entry->value);
  if (!set) return WrongType();
  const auto found = set->find(argv[2]);
  return found == set->end() ? Reply() : Reply::String(ScoreText(found->second));
}

Reply Store::Zrank(NodeTime now, Argv argv) {
  const Entry* entry = Meet(now, argv[1]);
  if (!entry) return {};
  const auto* set = std::get_if<SortedSet>(&entry->value);
  if (!set) return WrongType();
  const auto ranked = Ranked(*set);
  const auto at = std::find_if(ranked.begin(), ranked.end(),
                               [&](const auto& member) { return member.second == argv[2]; });
  return at == ranked.end() ? Reply() : Reply::Integer(at - ranked.begin());
}

Reply Store::Zrange(NodeTime now, Argv argv) {
  auto first = ToInteger(argv[2]), last = ToInteger(argv[3]);
  if (!first || !last) return NotAnInteger();
  if (argv.size() > 5 || (argv.size() == 5 && !IsWord(argv[4], "WITHSCORES"))) {
    return Reply::Error("ERR syntax error");
  }
  Reply reply{.kind = Reply::Kind::kArray};
  const Entry* entry = Meet(now, argv[1]);
  if (!entry) return reply;
  const auto* set = std::get_if<SortedSet>(&entry->value);
  if (!set) return WrongType();
  const auto ranked = Ranked(*set);
  const auto size = static_cast<std::int64_t>(ranked.size());
  if (*first < 0) *first = std::max<std::int64_t>(*first + size, 0);
  if (*last < 0) *last += size;
  for (std::int64_t i = *first; i <= *last && i < size; ++i) {
    Append(reply, ranked[static_cast<std::size_t>(i)], argv.size() == 5);
  }
  return reply;
}

// Only as our scripts call it: from a score down to -inf, with scores, and a limit from the first on.
Reply Store::Zrevrangebyscore(NodeTime now, Argv argv) {
  const auto most = ToScore(argv[2]);
  if (!most || argv[3] != "-inf") return Reply::Error("ERR min or max is not a float");
  const bool is_ours =
      argv.size() == 8 && IsWord(argv[4], "WITHSCORES") && IsWord(argv[5], "LIMIT");
  const auto from = is_ours ? ToInteger(argv[6]) : std::nullopt;
  const auto count = is_ours ? ToInteger(argv[7]) : std::nullopt;
  if (from != 0 || !count) return Reply::Error("ERR syntax error");
  Reply reply{.kind = Reply::Kind::kArray};
  const Entry* entry = Meet(now, argv[1]);
  if (!entry) return reply;
  const auto* set = std::get_if<SortedSet>(&entry->value);
  if (!set) return WrongType();
  auto ranked = Ranked(*set);
  std::reverse(ranked.begin(), ranked.end());
  for (const auto& member : ranked) {
    if (member.first > *most) continue;
    if (static_cast<std::int64_t>(reply.elements.size()) >= 2 * *count) break;
    Append(reply, member, true);
  }
  return reply;
}

Reply Store::Publish(NodeTime, Argv argv) {
  published_.push_back({std::string(argv[1]), std::string(argv[2])});
  return Reply::Integer(listeners_ ? listeners_(argv[1]) : 0);
}

}  // namespace redlockd::sim
