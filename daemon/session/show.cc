#include <optional>
#include <string>
#include <string_view>

#include "daemon/engine/node_set.h"
#include "daemon/engine/owner_count.h"
#include "daemon/engine/owner_value.h"
#include "daemon/session/answers.h"
#include "daemon/session/rows.h"
#include "daemon/session/sessions.h"
#include "protocol/reply.h"

namespace redlockd::session {
namespace {

using redlock::protocol::ErrorCode;
using redlock::protocol::ReplyLine;

// A key that is kept from everybody names the owner whose lease was broken; one that is shared names none.
std::string_view StateOf(std::string_view owner) {
  if (owner == engine::kSharedValue) return "shared";
  return owner.starts_with(engine::kKept) ? "kept" : "held";
}
std::optional<engine::OwnerParts> PartsOf(std::string_view owner) {
  return engine::ParseOwnerValue(engine::WithoutKept(owner));
}

void WriteHold(ReplyLine row, Sessions& room, const Session& reader, const engine::HoldView& hold) {
  row.Add("place", "here").Add("state", hold.jeopardy ? "jeopardy" : "held");
  if (hold.mode == engine::Mode::kShared) row.Add("mode", "shared");
  row.Add("fence", hold.fence)
      .Add("deadline", OnWire(hold.deadline))
      .Add("left", InMilliseconds(hold.deadline - room.port().Now()))
      .Add("held", InMilliseconds(room.port().Now() - hold.granted));
  AddWho(row, room, reader, hold.session, hold.note);
}

// The hold of another host, as its daemon says.
void WriteHolder(ReplyLine row, const Session& reader, std::string_view host,
                 const engine::HolderFacts& holder) {
  row.Add("place", "other")
      .Add("state", "held")
      .Add("host", host)
      .Add("fence", holder.fence)
      .Add("held", InMilliseconds(holder.held))
      .Add("pid", holder.pid)
      .Add("uid", holder.uid);
  AddNote(row, reader, holder.uid, holder.note);
}

// What came by way of one of the nodes that name the owner; null if nothing did, or nobody holds it.
const engine::HolderFacts* HolderOf(const engine::Shown& shown, const std::string& owner) {
  for (const engine::NodeWord& word : shown.nodes) {
    const std::string* value = engine::OwnerCount::Of(word);
    if (value && *value == owner && word.named) {
      return word.named->holder ? &*word.named->holder : nullptr;
    }
  }
  return nullptr;
}

void WriteNode(ReplyLine row, Sessions& room, const engine::NodeWord& word) {
  row.Add("place", "node")
      .Add("node", word.node + 1)
      .Add("address", room.options().node_addresses.at(word.node));
  const std::string* owner = engine::OwnerCount::Of(word);
  if (!owner) {
    row.Add("state", "unknown");
    row.Text(word.answer ? word.answer->text : word.silence);
    return;
  }
  if (owner->empty()) {
    row.Add("state", "free");
    return;
  }
  row.Add("state", StateOf(*owner));
  if (*owner != engine::kSharedValue) row.Add("owner", *owner);
  const auto parts = PartsOf(*owner);
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
  const engine::OwnerCount count(shown.nodes);
  const auto* owner = count.Majority();
  const auto parts = owner ? PartsOf(owner->first) : std::nullopt;
  const bool is_here = parts && parts->instance == room.options().instance;
  const bool is_of_another = parts && !is_here;
  const bool is_shared_here = shown.hold && shown.hold->mode == engine::Mode::kShared;
  const auto* holder = is_of_another ? HolderOf(shown, owner->first) : nullptr;
  if (holder) WriteHolder(ReplyLine::Row(out, tag), session, parts->host, *holder);
  for (const engine::NodeWord& word : shown.nodes) {
    WriteNode(ReplyLine::Row(out, tag), room, word);
  }

  const std::size_t majority = engine::Majority(shown.nodes.size());
  const auto votes = [&shown](std::size_t n) {
    return std::to_string(n) + "/" + std::to_string(shown.nodes.size());
  };
  if (count.answered() < majority) {
    ReplyLine::Err(out, tag, ErrorCode::kNoQuorum)
        .Add("lock", shown.name)
        .Text(votes(count.answered()) + " nodes answered");
    return;
  }
  auto ok = ReplyLine::Ok(out, tag);
  ok.Add("lock", shown.name);
  if (owner && owner->first == engine::kSharedValue) {
    ok.Add("state", "shared").Add("by", is_shared_here ? "here" : "other");
    if (is_shared_here) ok.Add("readers", shown.hold->holds);
    ok.Add("votes", votes(owner->second));
  } else if (owner) {
    ok.Add("state", StateOf(owner->first))
        .Add("by", is_here ? "here" : "other")
        .Add("votes", votes(owner->second));
  } else if (count.free() >= majority) {
    ok.Add("state", "free").Add("votes", votes(count.free()));
  } else {
    ok.Add("state", "undecided");
  }
}

}  // namespace redlockd::session
