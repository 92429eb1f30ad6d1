#include "tests/faults/summary.h"

#include <cstdarg>
#include <cstdio>

namespace redlockd::test::faults {
namespace {

[[gnu::format(printf, 1, 2)]] std::string Print(const char* format, ...) {
  char line[400];
  va_list args;
  va_start(args, format);
  std::vsnprintf(line, sizeof line, format, args);
  va_end(args);
  return line;
}

double Ms(Duration time) { return static_cast<double>(time.count()) / 1e6; }

std::string Waits(const char* of_what, const std::vector<Duration>& sorted) {
  if (sorted.empty()) return Print("  %-28s none\n", of_what);
  const auto at = [&](std::size_t percent) {
    return Ms(sorted[(sorted.size() - 1) * percent / 100]);
  };
  return Print("  %-28s %zu, p50 %.1f ms, p99 %.1f ms, max %.1f ms\n", of_what, sorted.size(),
               at(50), at(99), at(100));
}

std::string Counts(const std::map<std::string, std::size_t>& counts) {
  std::string text;
  for (const auto& [what, count] : counts) text += Print("  %-28s %zu\n", what.c_str(), count);
  return text;
}

std::size_t Sum(const std::map<std::string, std::size_t>& counts) {
  std::size_t sum = 0;
  for (const auto& [what, count] : counts) sum += count;
  return sum;
}

constexpr std::size_t kShown = 20;  // violations; all are counted

}  // namespace

std::string Summary(const Plan& plan, const Report& report) {
  std::string text = Print(
      "faults: seed %llu, %.0f s, %zu nodes, %zu daemons, %zu clients, links by %s\n\nfaults\n",
      static_cast<unsigned long long>(plan.seed), Ms(plan.lasts) / 1e3, plan.nodes, plan.daemons,
      plan.clients, plan.packet_filter ? "nftables" : "proxy");
  text += Counts(report.faults) + "\ngrants\n" + Counts(report.grants);
  text += Print("  of these to redlock run      %zu\n", report.sections);
  text +=
      "\nrequests, by answer ((none): the session or the daemon ended)\n" + Counts(report.answers);
  text += "\nwaits until granted\n" + Waits("contended locks", report.contended_waits) +
          Waits("own locks", report.other_waits);
  text += "\nwrites\n";
  text += Print("  %-28s %zu\n", "to the fenced store", report.writes);
  text += Print("  %-28s %zu\n", "  by a holder, in time", report.rightful_writes);
  text += Print("  %-28s %zu\n", "  stale, refused", report.refused_writes);
  text += Print("  %-28s %zu\n", "to the unfenced store", report.unfenced_writes);
  text += Print("  %-28s %zu (by clients past their deadlines)\n", "  updates lost",
                report.lost_updates);
  text += "\nlosses\n";
  text += Print("  %-28s %zu\n", "LOST told", report.losses);
  text += Print("  %-28s %zu, at most %.1f ms\n", "  read after the deadline", report.late_losses,
                Ms(report.latest_loss));
  text += "\nmachine\n";
  text += Print("  %-28s %zu, the longest %.0f ms\n", "stalls", report.stalls,
                Ms(report.longest_stall));
  text += Print("  %-28s %zu\n", "excused by them", report.excused);
  text += Print("\nviolations: %zu\n", report.violations.size());
  for (std::size_t i = 0; i < report.violations.size() && i < kShown; ++i) {
    text += "  " + ToText(report.violations[i].at) + ' ' + report.violations[i].what + '\n';
  }
  return text;
}

std::string Verdict(const Plan& plan, const Report& report) {
  return Print(
      "verdict: %s seed=%llu nodes=%zu daemons=%zu faults=%zu grants=%zu stale-refused=%zu "
      "violations=%zu",
      report.violations.empty() ? "PASS" : "FAIL", static_cast<unsigned long long>(plan.seed),
      plan.nodes, plan.daemons, Sum(report.faults), Sum(report.grants), report.refused_writes,
      report.violations.size());
}

}  // namespace redlockd::test::faults
