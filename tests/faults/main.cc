// faults [--seconds N] [--seed S] [--nodes 3|5] [--daemons D] [--nftables] [--out DIR]
//
// One run; README.md here says what happens in it. Exit code 0 if all promises were kept, 1 if not,
// 77 if it cannot be done on this machine.
#include <cstdio>
#include <exception>
#include <filesystem>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "tests/faults/checker.h"
#include "tests/faults/fleet.h"
#include "tests/faults/links.h"
#include "tests/faults/picture.h"
#include "tests/faults/run.h"
#include "tests/faults/runner.h"
#include "tests/faults/story.h"
#include "tests/faults/summary.h"
#include "tests/support/files.h"

namespace redlockd::test::faults {
namespace {

struct Options {
  Plan plan{.seed = std::random_device()(), .lasts = 20s, .nodes = 5, .daemons = 3};
  std::string out{};  // "": nowhere
};

constexpr char kUsage[] =
    "faults [--seconds N] [--seed S] [--nodes 3|5] [--daemons 1..5] [--nftables] [--out DIR]\n";

// Nothing if it is wrong.
std::optional<Options> Parse(const std::vector<std::string>& arguments) {
  Options options;
  std::size_t seconds = 20;
  for (std::size_t i = 1; i < arguments.size(); ++i) {
    const std::string& option = arguments[i];
    if (option == "--nftables") {
      options.plan.packet_filter = true;
      continue;
    }
    if (++i == arguments.size()) return std::nullopt;
    const std::string& value = arguments[i];
    if (option == "--out") {
      options.out = value;
      continue;
    }
    if (value.empty() || value.find_first_not_of("0123456789") != std::string::npos) {
      return std::nullopt;
    }
    const std::uint64_t number = std::stoull(value);
    if (option == "--seconds") {
      seconds = number;
    } else if (option == "--seed") {
      options.plan.seed = number;
    } else if (option == "--nodes" && (number == 3 || number == 5)) {
      options.plan.nodes = number;
    } else if (option == "--daemons" && number >= 1 && number <= 5) {
      options.plan.daemons = number;
    } else {
      return std::nullopt;
    }
  }
  options.plan.lasts = std::chrono::seconds(seconds);
  options.plan.clients = options.plan.daemons * Fleet::kPerDaemon;
  return options;
}

int Main(const std::vector<std::string>& arguments) {
  const std::string program = std::filesystem::read_symlink("/proc/self/exe");
  const std::optional<Options> options = Parse(arguments);
  if (!options) {
    std::fputs(kUsage, stderr);
    return 64;
  }
  const Plan& plan = options->plan;
  if (plan.packet_filter) {
    if (const std::string why = EnterOwnNetwork(); !why.empty()) {
      std::printf("SKIPPED: %s\n", why.c_str());
      return 77;
    }
  }
  const TempDir dir;
  const std::string out = options->out.empty() ? dir.path() : options->out;
  std::printf("seed %llu\n", static_cast<unsigned long long>(plan.seed));
  std::fflush(stdout);
  const Story story = Tell(Run(plan, program, out));
  const Report report = Check(story);
  const std::string verdict = Verdict(plan, report);
  WriteFile(out + "/summary", Summary(plan, report) + '\n' + verdict + '\n');
  WriteFile(out + "/timeline.svg", MakeSvg(plan, story, verdict));
  std::printf("\n%s\n", Summary(plan, report).c_str());
  if (!options->out.empty()) {
    std::printf("in %s: summary, history, timeline.svg, logs of the daemons\n", out.c_str());
  }
  std::printf("%s\n", verdict.c_str());
  return report.violations.empty() ? 0 : 1;
}

}  // namespace
}  // namespace redlockd::test::faults

int main(int argc, char** argv) {
  using namespace redlockd::test::faults;  // NOLINT: this is their program
  const std::vector<std::string> arguments(argv, argv + argc);
  const std::string role = argc > 1 ? arguments[1] : "";
  try {
    if (role == "client") {
      Client(ParseClientArguments(arguments)).Run();
    } else if (role == "runner") {
      RunRunner(ParseClientArguments(arguments), arguments[0]);
    } else if (role == "section") {
      RunSection(ParseClientArguments(arguments));
    } else {
      return Main(arguments);
    }
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    if (role.empty() || role.starts_with("--")) std::printf("verdict: FAIL %s\n", error.what());
    return 1;
  }
}
