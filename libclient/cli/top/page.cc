#include "libclient/cli/top/page.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <map>
#include <utility>
#include <vector>

#include "libclient/cli/query.h"
#include "libclient/cli/table.h"
#include "libclient/cli/text.h"
#include "protocol/duration.h"

namespace redlock::cli {
namespace {

using Nanoseconds = std::chrono::nanoseconds;

// --- rates ---------------------------------------------------------------------------------------

// Those that are worth a look each second; and those that are named only when they are not 0.
constexpr std::array kUsual = {"grants", "renewals", "busy", "timeouts"};
constexpr std::array kTrouble = {"lost", "jeopardies", "no-turn", "no-quorum"};

std::optional<std::uint64_t> CountOf(const Answer& stats, std::string_view name) {
  for (const Row& row : stats.rows) {
    if (row.Get("name") != name) continue;
    const std::string text = row.Get("value");
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error == std::errc() && end == text.data() + text.size()) return value;
  }
  return std::nullopt;
}

// By second; none if it is not known, or if the daemon has started anew.
std::optional<double> RateOf(const Sample& now, const Sample& before, std::string_view name) {
  const auto later = CountOf(now.stats, name);
  const auto earlier = CountOf(before.stats, name);
  const double seconds = std::chrono::duration<double>(now.at - before.at).count();
  if (!later || !earlier || *later < *earlier || seconds <= 0) return std::nullopt;
  return static_cast<double>(*later - *earlier) / seconds;
}

std::string RateText(std::string_view name, double rate) {
  std::array<char, 64> text{};
  const char* const format = rate == 0 || rate >= 10 ? " %.0f/s" : " %.1f/s";
  std::snprintf(text.data(), text.size(), format, rate);
  return std::string(name) + text.data();
}

std::string Rates(const Sample& now, const Sample& before) {
  std::vector<std::string> parts;
  for (const char* name : kUsual) {
    if (const auto rate = RateOf(now, before, name)) parts.push_back(RateText(name, *rate));
  }
  for (const char* name : kTrouble) {
    const auto rate = RateOf(now, before, name);
    if (rate && *rate > 0) parts.push_back(RateText(name, *rate));
  }
  std::string text;
  for (const std::string& part : parts) text += (text.empty() ? "" : "   ") + part;
  return text;
}

// --- locks ---------------------------------------------------------------------------------------

// The rows of one name, put together.
struct Lock {
  Row hold;  // or that it is kept; without fields if it is only waited for
  std::size_t waits = 0;
  Nanoseconds longest_wait{0};
  Nanoseconds held{0};
};

Nanoseconds DurationIn(const Row& row, std::string_view key) {
  return protocol::ParseDuration(row.Get(key)).value_or(Nanoseconds(0));
}

std::vector<std::pair<std::string, Lock>> LocksOf(const Answer& list) {
  std::map<std::string, Lock> by_name;
  for (const Row& row : list.rows) {
    Lock& lock = by_name[row.Get("lock")];
    if (row.Get("state") == "waiting") {
      ++lock.waits;
      lock.longest_wait = std::max(lock.longest_wait, DurationIn(row, "waited"));
    } else {
      lock.hold = row;
      lock.held = DurationIn(row, "held");
    }
  }
  std::vector<std::pair<std::string, Lock>> locks(by_name.begin(), by_name.end());
  std::stable_sort(locks.begin(), locks.end(), [](const auto& one, const auto& other) {
    return std::pair(one.second.waits, one.second.held) >
           std::pair(other.second.waits, other.second.held);
  });
  return locks;
}

std::string TextIn(const Row& row, std::string_view key) { return Printable(row.Get(key)); }

std::string HumanIn(const Row& row, std::string_view key) {
  return Printable(HumanDuration(row.Get(key)));
}

std::vector<std::string> RowOf(const std::string& name, const Lock& lock) {
  return {Printable(name),
          lock.waits == 0 ? "" : std::to_string(lock.waits),
          lock.waits == 0 ? "" : HumanDuration(lock.longest_wait),
          lock.hold.fields().empty() ? "free" : TextIn(lock.hold, "state"),
          HumanIn(lock.hold, "held"),
          HumanIn(lock.hold, "left"),
          TextIn(lock.hold, "pid"),
          TextIn(lock.hold, "uid"),
          TextIn(lock.hold, "cmd"),
          TextIn(lock.hold, "as"),
          TextIn(lock.hold, "note")};
}

// At most `most` rows (0: all).
std::string LockTable(const Answer& list, std::size_t places, std::size_t most) {
  const auto locks = LocksOf(list);
  Table table;
  table.heads = {"LOCK", "WAITING", "LONGEST", "STATE", "FOR", "LEFT",
                 "PID",  "UID",     "COMMAND", "AS",    "NOTE"};
  for (const auto& [name, lock] : locks) {
    if (most > 0 && table.rows.size() == most) break;
    table.rows.push_back(RowOf(name, lock));
  }
  return table.rows.empty() ? "no lock is held or waited for\n" : Format(table, places);
}

// --- the page ------------------------------------------------------------------------------------

// At most that many lines (0: all), each of at most that many places.
std::string Clip(const std::string& text, Room room) {
  constexpr std::size_t kLeast = 3;  // Cut cannot do with less
  std::string clipped;
  std::size_t lines = 0;
  for (std::size_t begin = 0; begin < text.size() && (room.lines == 0 || lines < room.lines);) {
    const std::size_t end = text.find('\n', begin);
    const std::string line = text.substr(begin, end - begin);
    clipped += (room.places == 0 ? line : Cut(line, std::max(room.places, kLeast))) + "\n";
    begin = end + 1;
    ++lines;
  }
  return clipped;
}

std::size_t LinesIn(const std::string& text) {
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

}  // namespace

std::string PageOf(const Sample& now, const std::optional<Sample>& before, std::string_view time,
                   Room room) {
  std::string page = "redlock top, " + std::string(time) + "\n";
  if (!now.trouble.empty()) return Clip(page + Printable(now.trouble) + "\n", room);
  if (const std::string rates = before ? Rates(now, *before) : ""; !rates.empty()) {
    page += rates + "\n";
  }
  page += TextIn(now.list.last, "holds") + " held, " + TextIn(now.list.last, "waits") +
          " waiting\n\n" + ForPeople(QueryOptions::Kind::kNodes, now.nodes, room.places) + "\n";
  constexpr std::size_t kHead = 1;
  const std::size_t used = LinesIn(page) + kHead;
  const std::size_t left = room.lines > used ? room.lines - used : 1;
  page += LockTable(now.list, room.places, room.lines == 0 ? 0 : left);
  return Clip(page, room);
}

}  // namespace redlock::cli
