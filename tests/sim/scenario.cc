#include "tests/sim/scenario.h"

#include <algorithm>
#include <array>
#include <sstream>
#include <stdexcept>

namespace redlockd::sim {
namespace {

enum class Where : std::uint8_t { kNode, kLink, kDaemon };

struct KindRow {
  Fault::Kind kind;
  std::string_view word;
  Where where;
  bool lasts;
  std::string_view unit;  // of the amount; empty: it has none
  bool beyond = false;
};

using Kind = Fault::Kind;

constexpr std::array kKinds = {
    KindRow{Kind::kRestartEmpty, "restart-empty", Where::kNode, true, ""},
    KindRow{Kind::kRestartKept, "restart-kept", Where::kNode, true, ""},
    KindRow{Kind::kRestartOld, "restart-old", Where::kNode, true, "us"},
    KindRow{Kind::kFlush, "flush", Where::kNode, false, ""},
    KindRow{Kind::kHang, "hang", Where::kNode, true, ""},
    KindRow{Kind::kPolicy, "policy", Where::kNode, true, ""},
    KindRow{Kind::kClockStep, "clock-step", Where::kNode, false, "us"},
    KindRow{Kind::kCut, "cut", Where::kLink, false, ""},
    KindRow{Kind::kCutEmpty, "cut-empty", Where::kLink, false, ""},
    KindRow{Kind::kDeafNode, "deaf-node", Where::kLink, true, ""},
    KindRow{Kind::kDeafDaemon, "deaf-daemon", Where::kLink, true, ""},
    KindRow{Kind::kSlow, "slow", Where::kLink, true, "us"},
    KindRow{Kind::kKill, "kill", Where::kDaemon, true, ""},
    KindRow{Kind::kStop, "stop", Where::kDaemon, true, ""},
    KindRow{Kind::kWrongClock, "wrong-clock", Where::kDaemon, true, "us"},
    KindRow{Kind::kReplace, "replace", Where::kDaemon, true, ""},
    KindRow{Kind::kDrain, "drain", Where::kDaemon, true, "us"},
    KindRow{Kind::kReload, "reload", Where::kDaemon, false, "us"},
    KindRow{Kind::kBreak, "break", Where::kLink, false, ""},
    KindRow{Kind::kBreakNow, "break-now", Where::kLink, false, ""},
    KindRow{Kind::kBreakHere, "break-here", Where::kDaemon, false, ""},
    KindRow{Kind::kHostStill, "host-still", Where::kDaemon, true, ""},
    KindRow{Kind::kHostJump, "host-jump", Where::kDaemon, false, "us"},
    KindRow{Kind::kHostRate, "host-rate", Where::kDaemon, true, "ppm"},
    KindRow{Kind::kClockJump, "clock-jump", Where::kNode, false, "us", true},
    KindRow{Kind::kEvict, "evict", Where::kNode, false, "", true},
    KindRow{Kind::kRate, "rate", Where::kNode, false, "ppm", true},
};

const KindRow& RowOf(Kind kind) {
  return *std::find_if(kKinds.begin(), kKinds.end(),
                       [kind](const KindRow& row) { return row.kind == kind; });
}

constexpr std::array<std::string_view, 3> kHints = {"none", "some", "all"};

std::int64_t Us(Duration duration) {
  return std::chrono::duration_cast<std::chrono::microseconds>(duration).count();
}

}  // namespace

bool BeyondAssumptions(Kind kind) { return RowOf(kind).beyond; }

bool IsBreak(Kind kind) {
  return kind == Kind::kBreak || kind == Kind::kBreakNow || kind == Kind::kBreakHere;
}

bool OfHostClock(Kind kind) {
  return kind == Kind::kHostStill || kind == Kind::kHostJump || kind == Kind::kHostRate;
}

bool Scenario::HasWrongClock(std::size_t daemon) const {
  return std::any_of(faults.begin(), faults.end(), [daemon](const Fault& fault) {
    return OfHostClock(fault.kind) && fault.daemon == daemon;
  });
}

bool Scenario::HasBreaks() const {
  return std::any_of(faults.begin(), faults.end(),
                     [](const Fault& fault) { return IsBreak(fault.kind); });
}

bool Scenario::OnlyOneHostsClock() const {
  return !faults.empty() && std::all_of(faults.begin(), faults.end(), [this](const Fault& fault) {
    return fault.daemon == faults.front().daemon &&
           (OfHostClock(fault.kind) || fault.kind == Kind::kStop);
  });
}

bool Scenario::Beyond() const {
  return std::any_of(faults.begin(), faults.end(),
                     [](const Fault& fault) { return BeyondAssumptions(fault.kind); });
}

// --- text ---------------------------------------------------------------------------------------

std::string ToText(const Fault& fault) {
  const KindRow& row = RowOf(fault.kind);
  std::ostringstream out;
  out << "at " << Us(fault.at) << "us " << row.word;
  if (row.where != Where::kNode) out << " daemon " << fault.daemon;
  if (row.where != Where::kDaemon) out << " node " << fault.node;
  if (row.lasts) out << " for " << Us(fault.lasts) << "us";
  if (!row.unit.empty()) out << " by " << fault.amount << row.unit;
  return out.str();
}

std::string ToText(const Scenario& scenario) {
  std::ostringstream out;
  out << "seed " << scenario.seed << "\nnodes " << scenario.nodes << "\ndaemons "
      << scenario.daemons << "\nclients";
  for (const std::size_t client : scenario.clients) out << ' ' << client;
  out << "\nkill-allowed " << (scenario.kill_allowed ? "yes" : "no") << "\nhaste "
      << (scenario.haste ? "yes" : "no") << "\nattempts " << scenario.attempts << "\nlinger "
      << Us(scenario.linger) << "us\ntenure " << Us(scenario.tenure) << "us\nhints "
      << kHints.at(static_cast<std::size_t>(scenario.hints)) << "\nplain "
      << (scenario.plain ? "yes" : "no") << "\ntrouble " << Us(scenario.trouble) << "us\n";
  if (scenario.sets > 0) out << "sets " << scenario.sets << '\n';
  if (scenario.sharers > 0) out << "sharers " << scenario.sharers << '\n';
  for (const Fault& fault : scenario.faults) out << ToText(fault) << '\n';
  return out.str();
}

namespace {

// Reads one line, word by word.
class Words {
 public:
  Words(std::size_t number, const std::string& line) : number_(number), in_(line) {}

  std::string Next(const char* expected) {
    std::string word;
    if (!(in_ >> word)) Fail(expected, "the end of the line");
    return word;
  }
  bool More() { return !(in_ >> std::ws).eof(); }
  void Expect(const char* expected) {
    if (const std::string word = Next(expected); word != expected) Fail(expected, word);
  }
  std::int64_t Number(const char* expected, std::string_view unit = "") {
    const std::string word = Next(expected);
    std::size_t used = 0;
    std::int64_t value = 0;
    try {
      value = std::stoll(word, &used);
    } catch (const std::exception&) {
      Fail(expected, word);
    }
    if (std::string_view(word).substr(used) != unit) Fail(expected, word);
    return value;
  }
  std::size_t Count(const char* expected) { return static_cast<std::size_t>(Number(expected)); }
  Duration Time(const char* expected) { return std::chrono::microseconds(Number(expected, "us")); }
  bool YesOrNo() {
    const std::string word = Next("yes or no");
    if (word != "yes" && word != "no") Fail("yes or no", word);
    return word == "yes";
  }
  Hints HowMany() {
    const std::string word = Next("none, some or all");
    const auto found = std::find(kHints.begin(), kHints.end(), word);
    if (found == kHints.end()) Fail("none, some or all", word);
    return static_cast<Hints>(found - kHints.begin());
  }
  [[noreturn]] void Fail(const std::string& expected, const std::string& found) const {
    throw std::runtime_error("line " + std::to_string(number_) + ": expected " + expected +
                             ", found " + found);
  }

 private:
  std::size_t number_;
  std::istringstream in_;
};

Fault ParseFault(Words& words) {
  Fault fault{};
  fault.at = words.Time("when, e.g. 1200us");
  const std::string word = words.Next("a kind of fault");
  const auto row =
      std::find_if(kKinds.begin(), kKinds.end(), [&](const KindRow& r) { return r.word == word; });
  if (row == kKinds.end()) words.Fail("a kind of fault", word);
  fault.kind = row->kind;
  if (row->where != Where::kNode) {
    words.Expect("daemon");
    fault.daemon = words.Count("the daemon's number");
  }
  if (row->where != Where::kDaemon) {
    words.Expect("node");
    fault.node = words.Count("the node's number");
  }
  if (row->lasts) {
    words.Expect("for");
    fault.lasts = words.Time("how long, e.g. 1200us");
  }
  if (!row->unit.empty()) {
    words.Expect("by");
    fault.amount = words.Number("how much, e.g. 1200us", row->unit);
  }
  return fault;
}

void ParseLine(Scenario& scenario, Words& words) {
  const std::string word = words.Next("a word");
  if (word == "seed") {
    scenario.seed = static_cast<std::uint64_t>(words.Number("a number"));
  } else if (word == "nodes") {
    scenario.nodes = words.Count("a number");
  } else if (word == "daemons") {
    scenario.daemons = words.Count("a number");
  } else if (word == "clients") {
    while (words.More()) scenario.clients.push_back(words.Count("a client's number"));
  } else if (word == "kill-allowed") {
    scenario.kill_allowed = words.YesOrNo();
  } else if (word == "haste") {
    scenario.haste = words.YesOrNo();
  } else if (word == "attempts") {
    scenario.attempts = words.Count("a number");
  } else if (word == "linger") {
    scenario.linger = words.Time("how long, e.g. 1200us");
  } else if (word == "tenure") {
    scenario.tenure = words.Time("how long, e.g. 1200us");
  } else if (word == "hints") {
    scenario.hints = words.HowMany();
  } else if (word == "plain") {
    scenario.plain = words.YesOrNo();
  } else if (word == "sets") {
    scenario.sets = words.Count("a number");
  } else if (word == "sharers") {
    scenario.sharers = words.Count("a number");
  } else if (word == "trouble") {
    scenario.trouble = words.Time("how long, e.g. 1200us");
  } else if (word == "at") {
    scenario.faults.push_back(ParseFault(words));
  } else {
    words.Fail(
        "seed, nodes, daemons, clients, kill-allowed, haste, attempts, linger, tenure, hints, "
        "plain, sets, sharers, trouble or at",
        word);
  }
  if (words.More()) words.Fail("the end of the line", words.Next(""));
}

}  // namespace

Scenario ParseScenario(std::string_view text) {
  Scenario scenario;
  std::istringstream in{std::string(text)};
  std::string line;
  for (std::size_t number = 1; std::getline(in, line); ++number) {
    if (line.empty() || line.front() == '#') continue;
    Words words(number, line);
    ParseLine(scenario, words);
  }
  for (const Fault& fault : scenario.faults) {
    if (fault.node >= scenario.nodes || fault.daemon >= scenario.daemons) {
      throw std::runtime_error("a fault of a node or daemon that the world does not have");
    }
  }
  return scenario;
}

}  // namespace redlockd::sim
