#include <algorithm>
#include <map>
#include <string_view>

#include "daemon/engine/node_set.h"
#include "daemon/engine/owner_value.h"
#include "daemon/session/answers.h"
#include "daemon/session/rows.h"
#include "daemon/session/sessions.h"
#include "protocol/reply.h"

namespace redlockd::session {
namespace {

using redlock::protocol::ErrorCode;
using redlock::protocol::ReplyLine;

// What the nodes say, counted.
struct Count {
  std::size_t answered = 0;
  std::size_t free = 0;
  std::map<std::string, std::size_t> owners;
};

void WriteHold(ReplyLine row, Sessions& room, const Session& reader, const engine::HoldView& hold) {
  row.Add("place", "here")
      .Add("state", hold.jeopardy ? "jeopardy" : "held")
      .Add("fence", hold.fence)
      .Add("deadline", OnWire(hold.deadline))
      .Add("left", InMilliseconds(hold.deadline - room.port().Now()))
      .Add("held", InMilliseconds(room.port().Now() - hold.granted));
  AddWho(row, room, reader, hold.session, hold.note);
}

void WriteNode(ReplyLine row, Sessions& room, const engine::NodeWord& word, Count& count) {
  row.Add("place", "node")
      .Add("node", word.node + 1)
      .Add("address", room.options().node_addresses.at(word.node));
  if (!word.answer || word.answer->verdict != engine::Verdict::kOk) {
    row.Add("state", "unknown");
    row.Text(word.answer ? word.answer->text : word.silence);
    return;
  }
  ++count.answered;
  const std::string& owner = word.answer->text;
  if (owner.empty()) {
    ++count.free;
    row.Add("state", "free");
    return;
  }
  ++count.owners[owner];
  row.Add("state", "held").Add("owner", owner);
  const auto parts = engine::ParseOwnerValue(owner);
  if (parts && !parts->host.empty()) row.Add("host", parts->host);
  // A key of another program may have no end.
  const engine::Duration left = word.answer->left;
  if (left.count() > 0 && left < engine::kNoExpiry) row.Add("left", InMilliseconds(left));
}

}  // namespace

void WriteShown(Session& session, const std::string& tag, const engine::Shown& shown) {
  Sessions& room = session.room();
  std::string& out = session.out();
  if (shown.hold) WriteHold(ReplyLine::Row(out, tag), room, session, *shown.hold);
  Count count;
  for (const engine::NodeWord& word : shown.nodes) {
    WriteNode(ReplyLine::Row(out, tag), room, word, count);
  }

  const std::size_t majority = engine::Majority(shown.nodes.size());
  const auto votes = [&shown](std::size_t n) {
    return std::to_string(n) + "/" + std::to_string(shown.nodes.size());
  };
  if (count.answered < majority) {
    ReplyLine::Err(out, tag, ErrorCode::kNoQuorum)
        .Add("lock", shown.name)
        .Text(votes(count.answered) + " nodes answered");
    return;
  }
  const auto owner = std::find_if(count.owners.begin(), count.owners.end(),
                                  [&](const auto& entry) { return entry.second >= majority; });
  auto ok = ReplyLine::Ok(out, tag);
  ok.Add("lock", shown.name);
  if (owner != count.owners.end()) {
    const auto parts = engine::ParseOwnerValue(owner->first);
    const bool is_here = parts && parts->instance == room.options().instance;
    ok.Add("state", "held")
        .Add("by", is_here ? "here" : "other")
        .Add("votes", votes(owner->second));
  } else if (count.free >= majority) {
    ok.Add("state", "free").Add("votes", votes(count.free));
  } else {
    ok.Add("state", "undecided");
  }
}

}  // namespace redlockd::session
