#include "daemon/redis/hint.h"

#include <charconv>
#include <chrono>
#include <cstdint>
#include <utility>

namespace redlockd::redis {
namespace {

using engine::HolderAsked;
using engine::HolderFacts;
using engine::HolderNamed;
using engine::NodeHint;
using std::chrono::microseconds;

// What a client may give as a note, and more than an instance has.
constexpr std::size_t kMostNote = 255;
constexpr std::size_t kMostAsker = 64;

bool TakePrefix(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

// A number and the space after it.
template <class Number>
bool TakeNumber(std::string_view& text, Number& number) {
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) return false;
  text.remove_prefix(static_cast<std::size_t>(rest - text.data()));
  return TakePrefix(text, " ");
}

bool TakeWord(std::string_view& text, std::string& word) {
  const auto end = text.find(' ');
  if (end == 0 || end == text.npos || end > kMostAsker) return false;
  word = text.substr(0, end);
  text.remove_prefix(end + 1);
  return true;
}

bool TakeKey(std::string_view text, std::string_view prefix, std::string& lock) {
  if (!TakePrefix(text, prefix) || text.empty()) return false;
  lock = text;
  return true;
}

std::optional<engine::Hint> AskedOf(std::string_view text, std::string_view key_prefix) {
  HolderAsked asked;
  const bool is_whole = TakeNumber(text, asked.inquiry) && TakeNumber(text, asked.attempt) &&
                        TakeWord(text, asked.asker) && TakeKey(text, key_prefix, asked.lock);
  return is_whole ? std::optional<engine::Hint>(std::move(asked)) : std::nullopt;
}

std::optional<engine::Hint> NamedOf(std::string_view text) {
  HolderNamed named;
  HolderFacts holder;
  std::int64_t held_us = 0;
  const bool has_numbers = TakeNumber(text, named.inquiry) && TakeNumber(text, holder.fence) &&
                           TakeNumber(text, held_us) && TakeNumber(text, holder.pid) &&
                           TakeNumber(text, holder.uid);
  if (!has_numbers || holder.fence <= 0 || holder.pid < 0 || held_us < 0) return std::nullopt;
  if (held_us > engine::kNoExpiry / microseconds(1)) return std::nullopt;
  // No note that a client gives has a NUL.
  if (text.size() > kMostNote || text.find('\0') != text.npos) return std::nullopt;
  holder.held = microseconds(held_us);
  holder.note = text;
  named.holder = std::move(holder);
  return named;
}

std::optional<engine::Hint> NobodyOf(std::string_view text) {
  HolderNamed named;
  const std::string ended = std::string(text) + " ";
  std::string_view rest = ended;
  if (!TakeNumber(rest, named.inquiry) || !rest.empty()) return std::nullopt;
  return named;
}

std::optional<engine::Hint> PlainOf(std::string_view text, std::string_view key_prefix) {
  NodeHint hint;
  if (TakePrefix(text, "wanted ")) {
    hint.kind = NodeHint::Kind::kWanted;
  } else if (TakePrefix(text, "free ")) {
    hint.kind = NodeHint::Kind::kFree;
  } else if (TakePrefix(text, "next ")) {
    hint.kind = NodeHint::Kind::kNext;
    std::uint32_t rest = 0;
    if (!TakeNumber(text, rest)) return std::nullopt;
    hint.rest = microseconds(rest);
  } else if (TakePrefix(text, "broken ")) {
    hint.kind = NodeHint::Kind::kBroken;
    if (!TakeNumber(text, hint.attempt)) return std::nullopt;
  } else {
    return std::nullopt;
  }
  if (!TakeKey(text, key_prefix, hint.lock)) return std::nullopt;
  return hint;
}

}  // namespace

std::string ChannelOf(std::string_view instance) {
  return std::string("redlockd:to:").append(instance);
}

std::optional<engine::Hint> HintOf(std::string_view text, std::string_view key_prefix) {
  if (TakePrefix(text, "who ")) return AskedOf(text, key_prefix);
  if (TakePrefix(text, "holder ")) return NamedOf(text);
  if (TakePrefix(text, "nobody ")) return NobodyOf(text);
  return PlainOf(text, key_prefix);
}

std::string TextOf(const engine::NameHolderOp& op) {
  const std::string inquiry = std::to_string(op.inquiry);
  if (!op.holder) return "nobody " + inquiry;
  const HolderFacts& holder = *op.holder;
  const auto held = std::chrono::duration_cast<microseconds>(holder.held);
  return "holder " + inquiry + " " + std::to_string(holder.fence) + " " +
         std::to_string(held.count()) + " " + std::to_string(holder.pid) + " " +
         std::to_string(holder.uid) + " " + holder.note;
}

}  // namespace redlockd::redis
