#include "daemon/session/listing.h"

#include <algorithm>

#include "daemon/session/rows.h"
#include "daemon/session/sessions.h"

namespace redlockd::session {
namespace {

using redlock::protocol::ReplyLine;

std::pair<std::string, std::size_t> PlaceOf(const engine::HoldView& hold) { return {hold.name, 0}; }
std::pair<std::string, std::size_t> PlaceOf(const engine::WaitView& wait) {
  return {wait.name, wait.place};
}

void WriteRow(const engine::HoldView& hold, const std::string& tag, engine::Time now,
              Sessions& room, const Session& reader, std::string& out) {
  auto row = ReplyLine::Row(out, tag);
  row.Add("lock", hold.name)
      .Add("state", hold.jeopardy ? "jeopardy" : "held")
      .Add("fence", hold.fence)
      .Add("deadline", OnWire(hold.deadline))
      .Add("left", InMilliseconds(hold.deadline - now))
      .Add("ttl", hold.ttl)
      .Add("held", InMilliseconds(now - hold.granted));
  AddWho(row, room, reader, hold.session, hold.note);
}

void WriteRow(const engine::WaitView& wait, const std::string& tag, engine::Time now,
              Sessions& room, const Session& reader, std::string& out) {
  auto row = ReplyLine::Row(out, tag);
  row.Add("lock", wait.name)
      .Add("state", "waiting")
      .Add("place", wait.place)
      .Add("waited", InMilliseconds(now - wait.since));
  AddWho(row, room, reader, wait.session, wait.note);
}

// The first of `views`, which are in order, behind `last`.
template <typename Views>
auto Behind(const Views& views, const std::pair<std::string, std::size_t>& last) {
  return std::find_if(views.begin(), views.end(),
                      [&last](const auto& view) { return PlaceOf(view) > last; });
}

}  // namespace

bool Listing::Continue(Sessions& room, const Session& reader, std::size_t bytes, std::string& out) {
  const engine::Time now = room.port().Now();
  const auto holds = room.port().Holds();
  const auto waits = room.port().Waits();
  auto hold = Behind(holds, last_);
  auto wait = Behind(waits, last_);
  const std::size_t full = out.size() + bytes;
  while (hold != holds.end() || wait != waits.end()) {
    if (out.size() >= full) return false;
    const bool hold_first =
        wait == waits.end() || (hold != holds.end() && PlaceOf(*hold) < PlaceOf(*wait));
    if (hold_first) {
      WriteRow(*hold, tag_, now, room, reader, out);
      last_ = PlaceOf(*hold++);
      ++holds_;
    } else {
      WriteRow(*wait, tag_, now, room, reader, out);
      last_ = PlaceOf(*wait++);
      ++waits_;
    }
  }
  ReplyLine::Ok(out, tag_).Add("holds", holds_).Add("waits", waits_);
  return true;
}

}  // namespace redlockd::session
