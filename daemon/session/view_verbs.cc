#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <string_view>

#include "daemon/engine/node_set.h"
#include "daemon/session/handlers.h"
#include "daemon/session/rows.h"
#include "daemon/session/sessions.h"
#include "daemon/session/words.h"
#include "protocol/reply.h"

namespace redlockd::session {
namespace {

using redlock::protocol::ReplyLine;

// Enough to know one server from another.
constexpr std::size_t kShownRunId = 12;

engine::Duration InMicroseconds(engine::Duration duration) {
  return std::chrono::round<std::chrono::microseconds>(duration);
}

void WriteNode(ReplyLine row, const std::string& address, const engine::NodeView& node) {
  row.Add("node", node.node + 1).Add("address", address).Add("state", WordOf(node.state));
  if (!node.run_id.empty()) row.Add("run", node.run_id.substr(0, kShownRunId));
  if (node.ready_in) row.Add("ready", InMillisecondsUp(*node.ready_in));
  if (node.round_trip) row.Add("rtt", InMicroseconds(*node.round_trip));
  if (node.clock_off) row.Add("offset", InMicroseconds(*node.clock_off));
  if (!node.text.empty()) row.Text(node.text);
}

}  // namespace

Outcome RunList(Session&, Call&) { return List{}; }

Outcome RunShow(Session& session, Call& call) {
  return engine::ShowRequested{session.id(), call.request, call.subject};
}

Outcome RunWatch(Session& session, Call& call) {
  return engine::WatchRequested{session.id(), call.request, call.subject};
}

Outcome RunUnwatch(Session& session, Call& call) {
  return engine::UnwatchRequested{session.id(), call.request, call.subject};
}

Outcome RunNodes(Session& session, Call& call) {
  Sessions& room = session.room();
  const auto nodes = room.port().Nodes();
  for (const engine::NodeView& node : nodes) {
    WriteNode(ReplyLine::Row(session.out(), call.tag), room.options().node_addresses.at(node.node),
              node);
  }
  const auto up = std::count_if(nodes.begin(), nodes.end(), [](const auto& node) {
    return node.state == engine::NodeState::kUp;
  });
  ReplyLine::Ok(session.out(), call.tag)
      .Add("up", up)
      .Add("nodes", nodes.size())
      .Add("quorum", engine::Majority(nodes.size()));
  return Answered{};
}

Outcome RunStats(Session& session, Call& call) {
  const auto write = [&](std::string_view name, std::uint64_t value) {
    ReplyLine::Row(session.out(), call.tag).Add("name", name).Add("value", value);
  };
  write("sessions", session.room().count());
  const engine::Counters counters = session.room().port().Counters();
  for (const engine::CounterRow& row : engine::CounterTable()) {
    write(row.name, row.value(counters));
  }
  ReplyLine::Ok(session.out(), call.tag);
  return Answered{};
}

}  // namespace redlockd::session
