#include <functional>
#include <string_view>

#include "libclient/cli/query.h"
#include "libclient/cli/table.h"
#include "libclient/cli/text.h"
#include "protocol/duration.h"

namespace redlock::cli {
namespace {

struct Column {
  std::string head;
  std::function<std::string(const Row&)> cell;
};

Column Plain(std::string head, std::string key) {
  return {std::move(head), [key](const Row& row) { return Printable(row.Get(key)); }};
}

Column Time(std::string head, std::string key) {
  return {std::move(head),
          [key](const Row& row) { return Printable(HumanDuration(row.Get(key))); }};
}

std::string FormatRows(const std::vector<Row>& rows, const std::vector<Column>& columns,
                       std::size_t places) {
  Table table;
  for (const Column& column : columns) table.heads.push_back(column.head);
  for (const Row& row : rows) {
    auto& cells = table.rows.emplace_back();
    for (const Column& column : columns) cells.push_back(column.cell(row));
  }
  return Format(table, places);
}

std::string Number(const Row& row, std::string_view key, const std::string& what) {
  const std::string number = row.Get(key);
  return Printable(number) + " " + what + (number == "1" ? "" : "s");
}

std::string List(const Answer& answer, std::size_t places) {
  const Column state{"STATE", [](const Row& row) {
                       const std::string place = row.Get("place");
                       const std::string mode = row.Get("mode");
                       return Printable(row.Get("state") + (place.empty() ? "" : " " + place) +
                                        (mode.empty() ? "" : " " + mode));
                     }};
  const Column since{"FOR", [](const Row& row) {
                       const std::string held = row.Get("held");
                       return Printable(HumanDuration(held.empty() ? row.Get("waited") : held));
                     }};
  return FormatRows(answer.rows,
                    {Plain("LOCK", "lock"), state, since, Time("LEFT", "left"),
                     Plain("FENCE", "fence"), Plain("PID", "pid"), Plain("UID", "uid"),
                     Plain("COMMAND", "cmd"), Plain("AS", "as"), Plain("NOTE", "note")},
                    places) +
         Number(answer.last, "holds", "hold") + ", " + Number(answer.last, "waits", "wait") + "\n";
}

std::string Show(const Answer& answer, std::size_t places) {
  std::vector<Row> holds;
  std::vector<Row> nodes;
  for (const Row& row : answer.rows) (row.Get("place") == "node" ? nodes : holds).push_back(row);
  std::string text;
  if (answer.last.Has("state")) {
    text = Printable(answer.last.Get("lock")) + " is " + Printable(answer.last.Get("state"));
    if (answer.last.Get("state") == "kept") text += ": an administrator broke the lease, taken";
    const std::string by = answer.last.Get("by");
    if (by == "here") text += " by this host";
    if (by == "other") text += " by another";
    if (answer.last.Has("readers")) text += ", " + Number(answer.last, "readers", "reader");
    if (answer.last.Has("votes")) text += " (" + Printable(answer.last.Get("votes")) + " nodes)";
    text += "\n";
  }
  for (const Row& row : holds) {
    text += row.Has("host") ? "on " + Printable(row.Get("host")) : "here";
    text += ": pid " + Printable(row.Get("pid")) + ", uid " + Printable(row.Get("uid"));
    if (row.Has("cmd")) text += ", " + Printable(row.Get("cmd"));
    if (row.Has("as")) text += " as " + Printable(row.Get("as"));
    text += "; fence " + Printable(row.Get("fence"));
    if (row.Has("left")) text += ", " + Printable(HumanDuration(row.Get("left"))) + " left";
    if (row.Has("held")) text += ", held for " + Printable(HumanDuration(row.Get("held")));
    if (row.Has("note")) text += "; " + Printable(row.Get("note"));
    text += "\n";
  }
  return text + FormatRows(nodes,
                           {Plain("NODE", "node"), Plain("ADDRESS", "address"),
                            Plain("STATE", "state"), Time("LEFT", "left"), Plain("HOST", "host"),
                            Plain("OWNER", "owner"), Plain("WHY", "text")},
                           places);
}

std::string Break(const Row& last) {
  const std::string left = last.Get("left");
  const bool is_free = protocol::ParseDuration(left) == protocol::Duration(0);
  return "broke " + Printable(last.Get("lock")) +
         (is_free ? ", which is free" : ", which is free in " + Printable(HumanDuration(left))) +
         "\n";
}

std::string Nodes(const Answer& answer, std::size_t places) {
  const Column ready{"WHY", [](const Row& row) {
                       std::string why = row.Get("text");
                       if (row.Has("ready")) {
                         why += (why.empty() ? "" : ", ") + std::string("ready in ") +
                                HumanDuration(row.Get("ready"));
                       }
                       return Printable(why);
                     }};
  return FormatRows(answer.rows,
                    {Plain("NODE", "node"), Plain("ADDRESS", "address"), Plain("STATE", "state"),
                     Plain("RUN", "run"), Time("RTT", "rtt"), Time("OFFSET", "offset"), ready},
                    places) +
         Printable(answer.last.Get("up") + " of " + answer.last.Get("nodes") + " up, " +
                   answer.last.Get("quorum") + " needed") +
         "\n";
}

std::string Stats(const Answer& answer, std::size_t places) {
  return FormatRows(answer.rows, {Plain("NAME", "name"), Plain("VALUE", "value")}, places);
}

std::string Mistakes(const Answer& answer) {
  std::string text;
  for (const Row& row : answer.rows) {
    if (row.Has("mistake")) text += "  " + Printable(row.Get("text")) + "\n";
  }
  return text;
}

// The outcome of the last reload, and its mistakes.
std::string LastReload(const Answer& answer) {
  const std::string outcome = answer.last.Get("reload");
  if (outcome == "none") return "last reload: none\n";
  std::string text = "last reload: " + Printable(answer.last.Get("reloaded")) + ", ";
  if (outcome != "failed") return text + "succeeded\n";
  return text + "failed with " + Number(answer.last, "mistakes", "mistake") + "\n" +
         Mistakes(answer);
}

std::string Keys(const Answer& answer, std::size_t places) {
  std::vector<Row> keys;
  for (const Row& row : answer.rows) {
    if (row.Has("key")) keys.push_back(row);
  }
  std::string text = FormatRows(
      keys, {Plain("KEY", "key"), Plain("IN FORCE", "in-force"), Plain("AFTER A RESTART", "file")},
      places);
  if (answer.last.Get("pending") == "0") return text;
  return text + Number(answer.last, "pending", "change") + " of the file " +
         (answer.last.Get("pending") == "1" ? "needs" : "need") + " a restart\n";
}

std::string Status(const Answer& answer, std::size_t places) {
  const Row& last = answer.last;
  std::string text = "redlockd " + Printable(last.Get("version")) + ", running since " +
                     Printable(last.Get("started")) + "\n" + "configuration: ";
  text += last.Get("config").empty() ? "no file" : Printable(last.Get("config"));
  text += ", in force since " + Printable(last.Get("since")) + "\n";
  return text + LastReload(answer) + Keys(answer, places);
}

}  // namespace

std::string ForPeople(QueryOptions::Kind kind, const Answer& answer, std::size_t places) {
  switch (kind) {
    case QueryOptions::Kind::kList:
      return List(answer, places);
    case QueryOptions::Kind::kShow:
      return Show(answer, places);
    case QueryOptions::Kind::kBreak:
      return Break(answer.last);
    case QueryOptions::Kind::kNodes:
      return Nodes(answer, places);
    case QueryOptions::Kind::kTrustEmpty:
      return "trusted " + Number(answer.last, "nodes", "node") + "\n";
    case QueryOptions::Kind::kAdopt:
      return "settings written to " + Number(answer.last, "nodes", "node") +
             ", which are in quarantine now\n";
    case QueryOptions::Kind::kStats:
      return Stats(answer, places);
    case QueryOptions::Kind::kStatus:
      return Status(answer, places);
    case QueryOptions::Kind::kReload:
      return LastReload(answer) +
             (answer.last.Get("reload") == "failed" ? "" : Keys(answer, places));
    case QueryOptions::Kind::kPing:
      return "redlockd answers\n";
  }
  return {};
}

}  // namespace redlock::cli
