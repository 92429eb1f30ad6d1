#include "libclient/cli/options.h"

#include <paths.h>
#include <redlock/redlock.h>
#include <stdlib.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>

#include "libclient/cli/text.h"
#include "protocol/duration.h"
#include "protocol/name.h"

namespace redlock::cli {
namespace {

constexpr char kRunFooter[] =
    "The command:\n"
    "  redlock run [OPTIONS] NAME [--] COMMAND [ARGUMENT...]\n"
    "  redlock run [OPTIONS] NAME -c STRING\n"
    "\n"
    "Exit code: that of COMMAND, 128+N if signal N ended it; 75 the lock is held by another (-E);\n"
    "69 no daemon or no quorum; 79 the lock was lost while COMMAND ran; 64 usage; 126, 127 "
    "COMMAND\n"
    "cannot be executed, is not found.";

// What the parser fills.
struct Parsed {
  std::string socket;
  RunOptions run;
  std::string shell_command;  // -c
  QueryOptions query;
  bool trust_empty = false;
  bool adopt = false;
  std::string help_topic;
};

// An option whose text is read by `read`, which gives nothing for what it cannot take.
template <typename Value, typename Reader>
CLI::Option* AddRead(CLI::App* app, const std::string& names, Value* value, Reader read,
                     const std::string& type, std::string_view expected,
                     const std::string& description) {
  const std::string shown = names.substr(names.rfind(',') + 1);
  const auto take = [value, read, shown, expected](const std::string& text) {
    const auto got = read(text);
    if (!got) {
      throw CLI::ValidationError(shown, "'" + text + "': expected " + std::string(expected));
    }
    *value = *got;
  };
  return app->add_option_function<std::string>(names, take, description)->type_name(type);
}

std::optional<Duration> ReadPositiveDuration(const std::string& text) {
  const auto duration = protocol::ParseDuration(text);
  return duration && duration->count() > 0 ? duration : std::nullopt;
}

std::optional<int> ReadExitCode(const std::string& text) {
  int code = 0;
  for (const char c : text) {
    if (c < '0' || c > '9' || code > 255) return std::nullopt;
    code = code * 10 + (c - '0');
  }
  return text.empty() || code > 255 ? std::nullopt : std::optional(code);
}

constexpr char kSecondsExpected[] = "seconds, like 10 or 0.5";
constexpr char kPositiveDurationExpected[] =
    "an integer above 0 and a unit (ns, us, ms, s, m, h), like 250ms";

CLI::App* AddRun(CLI::App& app, Parsed& parsed) {
  RunOptions& run = parsed.run;
  CLI::App* command = app.add_subcommand("run", "Run a command under a lock");
  command->prefix_command();
  command->footer(kRunFooter);
  command->add_option("NAME", run.name, "The lock")->required();
  auto* wait = AddRead(command, "-w,--wait,--timeout", &run.wait, ParseSeconds, "SEC",
                       kSecondsExpected, "Wait in line at most so long; default: for ever");
  command
      ->add_flag_callback(
          "-n,--nonblock,--nb", [&run] { run.wait = Duration(0); }, "Do not wait")
      ->excludes(wait);
  AddRead(command, "-E,--conflict-exit-code", &run.busy_code, ReadExitCode, "CODE",
          "a number from 0 to 255", "The exit code if the lock is another's; default 75");
  command->add_option("-c,--command", parsed.shell_command, "Run STRING by the shell")
      ->type_name("STRING");
  command->add_flag("-o,--close", run.close_socket, "Do not let COMMAND inherit the lock's socket");
  command->add_flag("-q,--quiet", run.quiet, "Say nothing");
  command->add_flag("-v,--verbose", run.verbose, "Say what happens");
  AddRead(command, "--ttl", &run.ttl, ReadPositiveDuration, "DUR", kPositiveDurationExpected,
          "How long the lock outlives this host;\ndefault: the daemon's");
  AddRead(command, "--max-hold", &run.max_hold, ReadPositiveDuration, "DUR",
          kPositiveDurationExpected, "End the command and the lock after so long");
  AddRead(command, "--kill-after", &run.kill_after, ReadPositiveDuration, "DUR",
          kPositiveDurationExpected,
          "How long before the lock's end TERM is sent;\ndefault: a third of the ttl, at most 5s");
  command->add_option("--note", run.note, "For people, shown by 'redlock list'")->type_name("TEXT");
  return command;
}

void AddQuery(CLI::App& app, Parsed& parsed, QueryOptions::Kind kind, const std::string& verb,
              const std::string& description) {
  CLI::App* command = app.add_subcommand(verb, description);
  command->fallthrough();
  auto* json = command->add_flag("--json", parsed.query.json, "Print JSON");
  if (kind == QueryOptions::Kind::kList) {
    command->add_flag("-0,--null", parsed.query.null, "Print names alone, each ended by a NUL byte")
        ->excludes(json);
  }
  command->callback([&parsed, kind] { parsed.query.kind = kind; });
  if (kind == QueryOptions::Kind::kShow) {
    command->add_option("NAME", parsed.query.name, "The lock")->required();
  }
  if (kind == QueryOptions::Kind::kNodes) {
    auto* trust =
        command->add_flag("--trust-empty", parsed.trust_empty,
                          "End the quarantine of a new set of nodes, whose locks nobody can hold");
    command
        ->add_flag("--adopt", parsed.adopt,
                   "Write this daemon's settings and set of nodes to the nodes, which then\n"
                   "are in quarantine")
        ->excludes(trust);
    command->callback([&parsed] {
      parsed.query.kind = parsed.trust_empty ? QueryOptions::Kind::kTrustEmpty
                          : parsed.adopt     ? QueryOptions::Kind::kAdopt
                                             : QueryOptions::Kind::kNodes;
    });
  }
}

CLI::App* AddHelp(CLI::App& app, Parsed& parsed) {
  CLI::App* command = app.add_subcommand("help", "Help, of one COMMAND or of all");
  command->add_option("COMMAND", parsed.help_topic, "The command");
  return command;
}

void CheckLockName(const std::string& name) {
  if (const auto problem = protocol::CheckName(name)) throw CLI::ValidationError("NAME", *problem);
}

// The command of `redlock run`: what stands behind NAME, or the shell's. A "--" between the two is
// no part of it; one further behind is.
std::vector<std::string> TakeCommand(const Parsed& parsed, bool has_string,
                                     std::vector<std::string> command, bool has_mark,
                                     const std::vector<std::string>& behind_mark) {
  if (!command.empty() && command[0].starts_with('-')) {
    throw CLI::ValidationError(command[0], "no such option (see redlock run --help)");
  }
  if (has_mark && !command.empty()) command.emplace_back("--");
  command.insert(command.end(), behind_mark.begin(), behind_mark.end());
  if (has_string != command.empty()) {
    throw CLI::ValidationError("COMMAND", has_string
                                              ? "expected either -c STRING or a command, not both"
                                              : "expected a command behind NAME, or -c STRING");
  }
  if (!has_string) return command;
  const char* shell = getenv("SHELL");
  return {shell != nullptr && *shell != '\0' ? shell : _PATH_BSHELL, "-c", parsed.shell_command};
}

int Report(const CLI::App& app, const CLI::ParseError& error) {
  if (error.get_exit_code() == 0) return app.exit(error);  // help, version
  const bool has_command = !app.get_subcommands().empty();
  const std::vector<std::string> unknown = app.remaining();
  const std::string what =
      has_command || unknown.empty() ? error.what() : "no command or option '" + unknown[0] + "'";
  std::fprintf(stderr, "redlock: %s\nTry 'redlock --help'.\n", Printable(what).c_str());
  return kExitUsage;
}

}  // namespace

std::variant<Options, int> ParseOptions(int argc, char** argv) {
  // CLI11 knows "--", but not that what follows is another program's command line.
  std::vector<std::string> ours(argv + 1, argv + argc);
  const auto mark = std::find(ours.begin(), ours.end(), "--");
  const bool has_mark = mark != ours.end();
  std::vector<std::string> behind_mark;
  if (has_mark) behind_mark.assign(mark + 1, ours.end());
  ours.erase(mark, ours.end());

  Parsed parsed;
  CLI::App app("Distributed locks of this host: the command line of redlockd(8)", "redlock");
  app.require_subcommand(1);
  app.set_version_flag("--version", std::string("redlock ") + redlock_version());
  app.add_option(
         "--socket", parsed.socket,
         "The daemon's socket; default: $REDLOCK_SOCKET, or else\n/run/redlockd/redlockd.sock")
      ->type_name("PATH");
  CLI::App* run = AddRun(app, parsed);
  using Kind = QueryOptions::Kind;
  AddQuery(app, parsed, Kind::kList, "list", "What this host holds and waits for");
  AddQuery(app, parsed, Kind::kShow, "show", "Who holds a lock, on this host or elsewhere");
  AddQuery(app, parsed, Kind::kNodes, "nodes", "The Redis nodes and their health");
  AddQuery(app, parsed, Kind::kStats, "stats", "Counters of the daemon");
  AddQuery(app, parsed, Kind::kPing, "ping", "Whether the daemon answers");
  CLI::App* help = AddHelp(app, parsed);

  try {
    std::reverse(ours.begin(), ours.end());  // as CLI11 takes a vector
    app.parse(ours);
    if (help->parsed()) {
      const CLI::App* topic =
          parsed.help_topic.empty() ? &app : app.get_subcommand(parsed.help_topic);
      std::fputs(topic->help(parsed.help_topic.empty() ? "" : "redlock").c_str(), stdout);
      return 0;
    }
    if (!run->parsed()) {
      if (has_mark) throw CLI::ValidationError("'--'", "expected behind 'redlock run NAME' only");
      if (parsed.query.kind == Kind::kShow) CheckLockName(parsed.query.name);
      return Options{parsed.socket, parsed.query};
    }
    CheckLockName(parsed.run.name);
    parsed.run.command =
        TakeCommand(parsed, run->count("-c") > 0, run->remaining(), has_mark, behind_mark);
    return Options{parsed.socket, parsed.run};
  } catch (const CLI::ParseError& error) {
    return Report(app, error);
  } catch (const CLI::OptionNotFound&) {
    std::fprintf(stderr, "redlock: help: no command '%s'\n", Printable(parsed.help_topic).c_str());
    return kExitUsage;
  }
}

}  // namespace redlock::cli
