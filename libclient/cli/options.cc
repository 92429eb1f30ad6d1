#include "libclient/cli/options.h"

#include <paths.h>
#include <redlock/redlock.h>
#include <stdlib.h>

#include <algorithm>
#include <cstdio>

#include "libclient/cli/text.h"
#include "libclient/cli/usage.h"
#include "libclient/cli/words.h"
#include "protocol/duration.h"
#include "protocol/name.h"

namespace redlock::cli {
namespace {

// --help or --version was given: what is to be printed.
struct Asked {
  std::string text;
};

// --- kinds of options -------------------------------------------------------------------------

Option Flag(std::vector<std::string> names, bool* flag) {
  return {std::move(names), false, [flag](const std::string&) {
            *flag = true;
            return std::string();
          }};
}

Option Text(std::vector<std::string> names, std::string* text) {
  return {std::move(names), true, [text](const std::string& value) {
            *text = value;
            return std::string();
          }};
}

template <typename Value>
Option PositiveDuration(std::vector<std::string> names, Value* duration) {
  return {std::move(names), true, [duration](const std::string& value) -> std::string {
            const auto got = protocol::ParseDuration(value);
            if (!got || got->count() == 0) {
              return "more than 0: " + std::string(protocol::kDurationExpected);
            }
            *duration = *got;
            return {};
          }};
}

Option WaitDuration(std::vector<std::string> names, std::optional<Duration>* wait) {
  return {std::move(names), true, [wait](const std::string& value) -> std::string {
            const auto got = protocol::ParseWait(value);
            if (!got) return std::string(protocol::kDurationExpected) + ", or forever";
            *wait = *got == protocol::kForever ? std::nullopt : got;
            return {};
          }};
}

Option ExitCode(std::vector<std::string> names, int* code) {
  return {std::move(names), true, [code](const std::string& value) -> std::string {
            const bool is_number = !value.empty() && value.size() <= 3 &&
                                   value.find_first_not_of("0123456789") == std::string::npos;
            const int number = is_number ? std::stoi(value) : 256;
            if (number > 255) return "a number from 0 to 255";
            *code = number;
            return {};
          }};
}

Option Help(const std::string& command) {
  return {{"h", "help"}, false, [command](const std::string&) -> std::string {
            throw Asked{UsageOf(command)};
          }};
}

std::vector<Option> CommonOptions(const std::string& command, std::string* socket) {
  return {Text({"socket"}, socket), Help(command)};
}

// --- redlock run ------------------------------------------------------------------------------

std::string CheckedName(std::string name) {
  if (const auto problem = protocol::CheckName(name)) throw Mistake("NAME: " + *problem);
  return name;
}

// As many as a request may name, but for the one that has no option.
constexpr std::size_t kMostAlso = 15;

Option Also(std::vector<std::string>* also) {
  return {{"also"}, true, [also](const std::string& value) -> std::string {
            if (const auto problem = protocol::CheckName(value)) return *problem;
            if (also->size() == kMostAlso) {
              return "at most " + std::to_string(kMostAlso) + " further names";
            }
            also->push_back(value);
            return {};
          }};
}

void CheckDiffer(const RunOptions& run) {
  for (std::size_t i = 0; i < run.also.size(); ++i) {
    const auto end = run.also.begin() + static_cast<std::ptrdiff_t>(i);
    if (run.also[i] != run.name && std::find(run.also.begin(), end, run.also[i]) == end) continue;
    throw Mistake("--also: expected each name once, found '" + run.also[i] + "' twice");
  }
}

// What the options of `redlock run` fill.
struct RunWords {
  RunOptions run;
  bool nonblock = false;
  bool exclusive = false;
  std::optional<std::string> shell_command;  // -c
};

void CheckShared(const RunWords& words) {
  const auto expect_without = [](const char* option) {
    throw Mistake(std::string("--shared: expected without ") + option);
  };
  if (!words.run.shared) return;
  if (words.exclusive) expect_without("--exclusive");
  if (!words.run.also.empty()) expect_without("--also");
  if (words.run.min_hold > Duration(0)) expect_without("--min-hold");
}

std::vector<Option> OptionsOfRun(RunWords& words, std::string* socket) {
  RunOptions& run = words.run;
  std::vector<Option> options = CommonOptions("run", socket);
  options.push_back(Flag({"n", "nonblock", "nb"}, &words.nonblock));
  options.push_back(WaitDuration({"w", "wait", "timeout"}, &run.wait));
  options.push_back(ExitCode({"E", "conflict-exit-code"}, &run.busy_code));
  options.push_back({{"c", "command"}, true, [&words](const std::string& value) {
                       words.shell_command = value;
                       return std::string();
                     }});
  options.push_back(Also(&run.also));
  options.push_back(Flag({"o", "close"}, &run.close_socket));
  options.push_back(Flag({"x", "e", "exclusive"}, &words.exclusive));
  options.push_back(Flag({"s", "shared"}, &run.shared));
  options.push_back(Flag({"q", "quiet"}, &run.quiet));
  options.push_back(Flag({"v", "verbose"}, &run.verbose));
  options.push_back(PositiveDuration({"ttl"}, &run.ttl));
  options.push_back(PositiveDuration({"max-hold"}, &run.max_hold));
  options.push_back(PositiveDuration({"min-hold"}, &run.min_hold));
  options.push_back(PositiveDuration({"kill-after"}, &run.kill_after));
  options.push_back(Text({"note"}, &run.note));
  return options;
}

// Options may stand before NAME, and between it and COMMAND. A "--" ends them; after NAME, another
// one may stand, and -c means what it means to flock.
RunOptions ParseRun(Words& words, std::string* socket) {
  RunWords parsed;
  const std::vector<Option> options = OptionsOfRun(parsed, socket);
  const bool is_over = words.TakeOptions(options);
  if (words.AtEnd()) throw Mistake("NAME is required: the name of the lock");
  parsed.run.name = CheckedName(words.Take());
  const std::string next = words.AtEnd() ? "" : words.Peek();
  if (!is_over || next == "--" || next == "-c" || next == "--command") words.TakeOptions(options);
  CheckDiffer(parsed.run);
  CheckShared(parsed);
  parsed.run.command = words.TakeAll();
  if (parsed.shell_command.has_value() != parsed.run.command.empty()) {
    throw Mistake(parsed.shell_command ? "COMMAND: expected either -c STRING or a command, not both"
                                       : "COMMAND: expected a command after NAME, or -c STRING");
  }
  if (parsed.shell_command) {
    const char* shell = getenv("SHELL");
    parsed.run.command = {shell != nullptr && *shell != '\0' ? shell : _PATH_BSHELL, "-c",
                          *parsed.shell_command};
  }
  if (parsed.nonblock) parsed.run.wait = Duration(0);
  return std::move(parsed.run);
}

// --- the other commands -----------------------------------------------------------------------

// Options may stand before and after operands.
std::vector<std::string> TakeOperands(Words& words, const std::vector<Option>& options,
                                      std::size_t most) {
  std::vector<std::string> operands;
  bool is_over = false;
  while (true) {
    if (!is_over) is_over = words.TakeOptions(options);
    if (words.AtEnd()) return operands;
    operands.push_back(words.Take());
    if (operands.size() > most) throw Mistake("unexpected argument '" + operands.back() + "'");
  }
}

void CheckBreak(const QueryOptions& query) {
  if (query.fence.empty() == query.owner.empty()) {
    throw Mistake(query.fence.empty() ? "--fence or --owner is required: whose hold to break"
                                      : "--owner: cannot be combined with --fence");
  }
  if (query.now && query.owner.empty()) throw Mistake("--now: expected it with --owner");
}

QueryOptions ParseQuery(QueryOptions::Kind kind, const std::string& command, Words& words,
                        std::string* socket) {
  using Kind = QueryOptions::Kind;
  QueryOptions query;
  bool trust_empty = false;
  bool adopt = false;
  std::vector<Option> options = CommonOptions(command, socket);
  options.push_back(Flag({"json"}, &query.json));
  if (kind == Kind::kList) options.push_back(Flag({"0", "null"}, &query.null));
  if (kind == Kind::kNodes) {
    options.push_back(Flag({"trust-empty"}, &trust_empty));
    options.push_back(Flag({"adopt"}, &adopt));
  }
  if (kind == Kind::kBreak) {
    options.push_back(Text({"fence"}, &query.fence));
    options.push_back(Text({"owner"}, &query.owner));
    options.push_back(Flag({"now"}, &query.now));
  }
  const bool has_name = kind == Kind::kShow || kind == Kind::kBreak;
  const auto operands = TakeOperands(words, options, has_name ? 1 : 0);
  if (has_name) {
    if (operands.empty()) throw Mistake("NAME is required: the name of the lock");
    query.name = CheckedName(operands[0]);
  }
  if (kind == Kind::kBreak) CheckBreak(query);
  if (trust_empty && adopt) throw Mistake("--adopt: cannot be combined with --trust-empty");
  if (query.json && query.null) throw Mistake("--null: cannot be combined with --json");
  query.kind = trust_empty ? Kind::kTrustEmpty : adopt ? Kind::kAdopt : kind;
  return query;
}

// --- redlock watch ------------------------------------------------------------------------------

WatchOptions ParseWatch(Words& words, std::string* socket) {
  // As many as a session may watch.
  constexpr std::size_t kMostNames = 64;
  WatchOptions watch;
  std::vector<Option> options = CommonOptions("watch", socket);
  options.push_back(Flag({"json"}, &watch.json));
  for (std::string& name : TakeOperands(words, options, kMostNames)) {
    watch.names.push_back(CheckedName(std::move(name)));
  }
  return watch;
}

TopOptions ParseTop(Words& words, std::string* socket) {
  TopOptions top;
  std::vector<Option> options = CommonOptions("top", socket);
  options.push_back(PositiveDuration({"interval"}, &top.interval));
  TakeOperands(words, options, 0);
  if (top.interval < kLeastInterval) {
    throw Mistake("--interval: expected at least " + protocol::FormatDuration(kLeastInterval) +
                  ", found " + protocol::FormatDuration(top.interval));
  }
  return top;
}

HealthOptions ParseHealth(Words& words, std::string* socket) {
  HealthOptions health;
  std::vector<Option> options = CommonOptions("health", socket);
  options.push_back(Flag({"json"}, &health.json));
  options.push_back(PositiveDuration({"timeout"}, &health.timeout));
  TakeOperands(words, options, 0);
  return health;
}

[[noreturn]] void ParseHelp(Words& words, std::string* socket) {
  const auto operands = TakeOperands(words, CommonOptions("help", socket), 1);
  std::string text = UsageOf(operands.empty() ? "" : operands[0]);
  if (text.empty()) throw Mistake("help: unknown command '" + operands[0] + "'");
  throw Asked{std::move(text)};
}

constexpr struct {
  const char* word;
  QueryOptions::Kind kind;
} kQueries[] = {{"list", QueryOptions::Kind::kList},     {"show", QueryOptions::Kind::kShow},
                {"break", QueryOptions::Kind::kBreak},   {"nodes", QueryOptions::Kind::kNodes},
                {"stats", QueryOptions::Kind::kStats},   {"status", QueryOptions::Kind::kStatus},
                {"reload", QueryOptions::Kind::kReload}, {"ping", QueryOptions::Kind::kPing}};

Options Parse(Words& words, std::string* command) {
  Options options;
  std::vector<Option> ours = CommonOptions("", &options.socket);
  ours.push_back({{"V", "version"}, false, [](const std::string&) -> std::string {
                    throw Asked{std::string("redlock ") + redlock_version() + "\n"};
                  }});
  words.TakeOptions(ours);
  constexpr char kExpected[] =
      "expected run, list, show, watch, top, break, nodes, health, stats, status, reload, ping or "
      "help";
  if (words.AtEnd()) throw Mistake(std::string("no command: ") + kExpected);
  const std::string word = words.Take();
  if (word == "help") ParseHelp(words, &options.socket);
  if (word == "run") {
    *command = word;
    options.command = ParseRun(words, &options.socket);
    return options;
  }
  if (word == "watch") {
    *command = word;
    options.command = ParseWatch(words, &options.socket);
    return options;
  }
  if (word == "top") {
    *command = word;
    options.command = ParseTop(words, &options.socket);
    return options;
  }
  if (word == "health") {
    *command = word;
    options.command = ParseHealth(words, &options.socket);
    return options;
  }
  for (const auto& query : kQueries) {
    if (word != query.word) continue;
    *command = word;
    options.command = ParseQuery(query.kind, word, words, &options.socket);
    return options;
  }
  throw Mistake("unknown command '" + word + "': " + kExpected);
}

}  // namespace

std::variant<Options, int> ParseOptions(int argc, char** argv) {
  Words words(argc, argv);
  std::string command;  // once it is known
  try {
    return Parse(words, &command);
  } catch (const Asked& asked) {
    std::fputs(asked.text.c_str(), stdout);
    return 0;
  } catch (const Mistake& mistake) {
    std::fprintf(stderr, "redlock: %s\nTry 'redlock %s--help'.\n",
                 Printable(mistake.what()).c_str(), command.empty() ? "" : (command + " ").c_str());
    return kExitUsage;
  }
}

}  // namespace redlock::cli
