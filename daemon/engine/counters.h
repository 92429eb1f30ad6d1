#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

// What the engine counts, and the one table of it: `stats` writes its rows after the number of
// sessions, which the session room knows; a test compares it with PROTOCOL.md.
namespace redlockd::engine {

struct Counters {
  // As they are now.
  std::size_t holds = 0;
  std::size_t waits = 0;
  std::size_t kept = 0;  // rule I1
  // Since the start.
  std::uint64_t attempts = 0;
  std::uint64_t grants = 0;
  std::uint64_t one_round_grants = 0;  // rule A3
  std::uint64_t confirmed_grants = 0;  // rule A4
  std::uint64_t handoffs = 0;          // rule B2
  std::uint64_t unlocks = 0;
  std::uint64_t session_ends = 0;
  std::uint64_t renewals = 0;
  std::uint64_t heals = 0;  // rule C6
  std::uint64_t jeopardies = 0;
  std::uint64_t lost = 0;  // for the reasons that follow, or because the session was dropped
  std::uint64_t lost_expired = 0;
  std::uint64_t lost_max_hold = 0;
  std::uint64_t lost_drain = 0;
  std::uint64_t lost_broken = 0;
  std::uint64_t busy = 0;
  std::uint64_t timeouts = 0;
  std::uint64_t no_turn = 0;
  std::uint64_t no_quorum = 0;
  std::uint64_t split_votes = 0;  // rule E7
  std::uint64_t new_names = 0;    // rule C14
};

struct CounterRow {
  enum class Kind : std::uint8_t { kGauge, kCounter };
  std::string_view name;
  Kind kind;
  std::string_view help;
  std::uint64_t (*value)(const Counters&);
};

// One row for each field, in the order of the fields.
std::span<const CounterRow> CounterTable();

}  // namespace redlockd::engine
