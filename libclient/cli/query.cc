#include "libclient/cli/query.h"

#include <redlock/redlock.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdio>
#include <memory>
#include <set>
#include <vector>

#include "libclient/cli/client.h"
#include "libclient/cli/json.h"
#include "libclient/cli/text.h"

namespace redlock::cli {
namespace {

const char* VerbOf(QueryOptions::Kind kind) {
  switch (kind) {
    case QueryOptions::Kind::kList:
      return "list";
    case QueryOptions::Kind::kShow:
      return "show";
    case QueryOptions::Kind::kBreak:
      return "break";
    case QueryOptions::Kind::kNodes:
      return "nodes";
    case QueryOptions::Kind::kTrustEmpty:
      return "trust-empty";
    case QueryOptions::Kind::kAdopt:
      return "adopt";
    case QueryOptions::Kind::kStats:
      return "stats";
    case QueryOptions::Kind::kStatus:
      return "status";
    case QueryOptions::Kind::kReload:
      return "reload";
    case QueryOptions::Kind::kPing:
      return "ping";
  }
  return "";
}

struct FreeReply {
  void operator()(redlock_reply* reply) const { redlock_reply_free(reply); }
};

// 0: not a terminal, so nothing is to be cut.
std::size_t TerminalWidth() {
  winsize size{};
  if (!isatty(STDOUT_FILENO)) return 0;
  return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

// As they are, for programs: each name once.
std::string Names(const Answer& answer) {
  std::set<std::string> names;
  for (const Row& row : answer.rows) names.insert(row.Get("lock"));
  std::string text;
  for (const std::string& name : names) text.append(name).push_back('\0');
  return text;
}

std::string TextOf(const QueryOptions& options, const Answer& answer) {
  if (options.json) return ToJson(answer);
  if (answer.error != REDLOCK_OK && answer.rows.empty()) return {};
  return options.null ? Names(answer) : ForPeople(options.kind, answer, TerminalWidth());
}

// A reload that the daemon has answered may have failed.
bool IsFailedReload(const QueryOptions& options, const Answer& answer) {
  return options.kind == QueryOptions::Kind::kReload && answer.last.Get("reload") == "failed";
}

int Finish(const QueryOptions& options, const Answer& answer) {
  if (answer.error != REDLOCK_OK) {
    std::fprintf(stderr, "redlock: %s\n", Printable(answer.text).c_str());
  }
  const bool is_failed_reload = IsFailedReload(options, answer);
  if (!Print(TextOf(options, answer), is_failed_reload && !options.json ? stderr : stdout)) {
    std::perror("redlock: cannot write the answer");
    return kExitOs;
  }
  return is_failed_reload ? kExitConfig : ExitCodeOf(answer.error);
}

}  // namespace

Answer Ask(redlock_client* client, const QueryOptions& options) {
  std::vector<redlock_arg> args;
  if (!options.name.empty()) args.push_back({nullptr, options.name.c_str()});
  if (options.now) args.push_back({nullptr, "now"});
  if (options.kind == QueryOptions::Kind::kStatus) args.push_back({nullptr, "keys"});
  if (!options.fence.empty()) args.push_back({"fence", options.fence.c_str()});
  if (!options.owner.empty()) args.push_back({"owner", options.owner.c_str()});
  redlock_reply* raw = nullptr;
  const int error = redlock_query(client, VerbOf(options.kind), args.data(), args.size(), &raw);
  const std::string text = redlock_error_text(client);
  const std::unique_ptr<redlock_reply, FreeReply> reply(raw);
  Answer answer = reply == nullptr ? Answer{} : AnswerOf(raw);
  answer.error = error;
  answer.text = text;
  return answer;
}

bool Print(const std::string& text, std::FILE* to) {
  return std::fwrite(text.data(), 1, text.size(), to) == text.size() && std::fflush(to) == 0;
}

int Query(const std::string& socket, const QueryOptions& options) {
  if (options.null && isatty(STDOUT_FILENO)) {
    std::fputs(
        "redlock: --null prints names as they are: expected a pipe or a file, found a terminal\n",
        stderr);
    return kExitUsage;
  }
  Answer answer;
  const ClientPtr client = Connect(socket, &answer.error, &answer.text);
  if (client != nullptr) answer = Ask(client.get(), options);
  return Finish(options, answer);
}

}  // namespace redlock::cli
