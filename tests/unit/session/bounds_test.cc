// The one table of bounds in PROTOCOL.md has the numbers of the code, and all of them.
#include "daemon/session/bounds.h"

#include <gmock/gmock.h>

#include <chrono>
#include <cstdint>
#include <fstream>
#include <map>

#include "config/load.h"
#include "daemon/engine/attempt_gate.h"
#include "daemon/engine/node_op.h"
#include "daemon/engine/options.h"
#include "daemon/engine/query_table.h"
#include "daemon/engine/waits_for.h"
#include "daemon/engine/watches.h"
#include "protocol/duration.h"
#include "protocol/limits.h"
#include "protocol/page.h"

namespace redlockd::session {
namespace {

namespace protocol = redlock::protocol;

std::string Text(std::integral auto number) { return std::to_string(number); }

// By what they bound: the first word of each row's bound, which is a number or a word.
std::map<std::string, std::string> Documented() {
  std::ifstream document(PROTOCOL_MD);
  std::string line;
  while (line != "| what | bound | beyond it |" && std::getline(document, line)) continue;
  std::getline(document, line);
  std::map<std::string, std::string> bounds;
  while (std::getline(document, line) && line.starts_with("| ")) {
    const std::size_t what_ends = line.find(" | ");
    const std::size_t bound = what_ends + 3;
    bounds[line.substr(2, what_ends - 2)] =
        line.substr(bound, line.find_first_of(" ,", bound) - bound);
  }
  return bounds;
}

TEST(Bounds, TheDocumentNamesAllOfThem) {
  const config::Limits limits = config::Defaults().limits;
  const engine::EngineOptions engine_options;
  const std::map<std::string, std::string> bounds{
      {"request line, with its end", Text(protocol::kLineBytes)},
      {"line from the daemon, with its end", Text(protocol::kReplyLineBytes)},
      {"names of a `lock`, `trylock` or `unlock`", Text(engine::kMostNames)},
      {"name", Text(protocol::kNameBytes)},
      {"value of an option, like a `note`", Text(protocol::kValueBytes)},
      {"value of a field from the daemon", Text(protocol::kValueBytes)},
      {"text from the daemon", Text(protocol::kTextBytes)},
      {"tag", Text(protocol::kTagBytes)},
      {"duration, fence, deadline", Text(INT64_MAX)},
      {"`ttl`, at least",
       Text(std::chrono::ceil<std::chrono::milliseconds>(engine_options.timing.MinTtl()).count()) +
           "ms"},
      {"`ttl`, at most",
       Text(std::chrono::duration_cast<std::chrono::seconds>(engine_options.timing.max_ttl)
                .count()) +
           "s"},
      {"`max-hold`", "more"},  // than 0
      {"`task`", "1"},
      {"`min-hold`", protocol::FormatDuration(engine::kMostMinHold)},
      {"untagged lines after one that waits", Text(kQueuedLines)},
      {"tagged `lock` requests in progress", Text(kOtherRequests)},
      {"other requests in progress", Text(kOtherRequests)},
      {"sessions", Text(limits.sessions)},
      {"sessions of a user", Text(limits.sessions_per_uid)},
      {"sessions that are kept for administrators", Text(kForAdmins)},
      {"holds and waits of a session, with those of its owners", Text(limits.locks_per_session)},
      {"lost holds of a session, with those of its owners, that it has not asked for", "as"},
      {"owners of a session that have nothing but lost holds", "as"},
      {"holds, waits and kept locks of a user", Text(limits.locks_per_uid)},
      {"new names of a user", Text(limits.new_names_per_uid)},
      {"holds, waits and kept locks of a rule", "none"},
      {"requests that wait for locks of a rule", "none"},
      {"new names of a rule", "none"},
      {"lock attempts in flight", Text(engine_options.attempts)},
      {"lock attempts of a user in flight",
       Text(engine_options.attempts / engine::AttemptGate::kShare)},
      {"waits that are followed to find a cycle", Text(engine::WaitsFor::kMostWaits)},
      {"`show` and `break` requests of a user that wait for their turn",
       Text(engine::QueryTable::kMostWaiting)},
      {"holds of a session that are on its page", Text(protocol::Page::kSlots)},
      {"watches of a session", Text(engine::Watches::kMostOfSession)},
      {"sessions of a user that watch", Text(engine::Watches::kMostOfUser)},
      {"`WATCH` events that the client does not read", Text(kUnreadWatches)},
      {"other output that the client does not read", Text(limits.unread_output)}};
  EXPECT_EQ(Documented(), bounds);
  EXPECT_EQ(engine_options.timing.max_ttl, config::Defaults().lease.max_ttl);
}

}  // namespace
}  // namespace redlockd::session
