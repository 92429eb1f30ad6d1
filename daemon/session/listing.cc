#include "daemon/session/listing.h"

#include <variant>

#include "daemon/session/rows.h"
#include "daemon/session/sessions.h"

namespace redlockd::session {
namespace {

using redlock::protocol::ReplyLine;

// How many rows are asked of the engine at a time: hardly more than are written then.
constexpr std::size_t kRows = 64;
// And how often before others have their turn: most rows may be of locks that the reader may not see.
constexpr int kBatches = 4;

engine::RowPlace Behind(const engine::HoldView& hold) { return {hold.name, 0, hold.place + 1}; }
engine::RowPlace Behind(const engine::KeptView& kept) { return {kept.name, 1}; }
engine::RowPlace Behind(const engine::WaitView& wait) { return {wait.name, wait.place + 1}; }

void WriteRow(const engine::HoldView& hold, const std::string& tag, engine::Time now,
              Sessions& room, const Session& reader, std::string& out) {
  auto row = ReplyLine::Row(out, tag);
  row.Add("lock", hold.name).Add("state", hold.jeopardy ? "jeopardy" : "held");
  if (hold.mode == engine::Mode::kShared) row.Add("mode", "shared");
  row.Add("fence", hold.fence);
  AddDeadline(row, hold.deadline, now)
      .Add("ttl", hold.ttl)
      .Add("held", InMilliseconds(now - hold.granted));
  AddWho(row, room, reader, hold.session, hold.note);
}

void WriteRow(const engine::KeptView& kept, const std::string& tag, engine::Time now, Sessions&,
              const Session&, std::string& out) {
  ReplyLine::Row(out, tag)
      .Add("lock", kept.name)
      .Add("state", "kept")
      .Add("fence", kept.fence)
      .Add("left", InMilliseconds(kept.until - now));
}

void WriteRow(const engine::WaitView& wait, const std::string& tag, engine::Time now,
              Sessions& room, const Session& reader, std::string& out) {
  auto row = ReplyLine::Row(out, tag);
  row.Add("lock", wait.name).Add("state", "waiting");
  if (wait.mode == engine::Mode::kShared) row.Add("mode", "shared");
  row.Add("place", wait.place).Add("waited", InMilliseconds(now - wait.since));
  if (wait.set != 0) row.Add("set", wait.set);
  AddWho(row, room, reader, wait.session, wait.note);
}

}  // namespace

bool Listing::Continue(Sessions& room, const Session& reader, std::size_t bytes, std::string& out) {
  const engine::Time now = room.port().Now();
  const std::size_t full = out.size() + bytes;
  for (int batch = 0; batch < kBatches && out.size() < full; ++batch) {
    const auto rows = room.port().Rows(next_, kRows);
    for (auto row = rows.begin(); row != rows.end() && out.size() < full; ++row) {
      const auto write = [&](const auto& view) {
        next_ = Behind(view);
        if (!reader.MaySee(view.name)) return;
        WriteRow(view, tag_, now, room, reader, out);
        if (std::holds_alternative<engine::HoldView>(*row)) ++holds_;
        if (std::holds_alternative<engine::WaitView>(*row)) ++waits_;
      };
      std::visit(write, *row);
    }
    if (rows.size() < kRows && out.size() < full) {
      ReplyLine::Ok(out, tag_).Add("holds", holds_).Add("waits", waits_);
      return true;
    }
  }
  return false;
}

}  // namespace redlockd::session
