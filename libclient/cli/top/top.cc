#include "libclient/cli/top/top.h"

#include <time.h>

#include <algorithm>
#include <cstdio>
#include <optional>
#include <utility>

#include "libclient/cli/client.h"
#include "libclient/cli/query.h"
#include "libclient/cli/text.h"
#include "libclient/cli/top/page.h"
#include "libclient/cli/top/screen.h"

namespace redlock::cli {
namespace {

using Clock = std::chrono::steady_clock;

// A daemon that does not answer within this time is in trouble.
constexpr Duration kPatience = std::chrono::seconds(2);

// "14:03:07", where the user is.
std::string TimeOfDay() { return FormatTime(time(nullptr), "%T", localtime_r); }

// Asks the daemon; connects when it has to.
class Observer {
 public:
  explicit Observer(std::string socket) : socket_(std::move(socket)) {}

  Sample Look() {
    Sample sample{.at = Clock::now(), .nodes = {}, .stats = {}, .list = {}, .trouble = {}};
    error_ = REDLOCK_OK;
    if (client_ == nullptr) {
      client_ = Connect(socket_, &error_, &sample.trouble, kPatience.count());
      if (client_ == nullptr) return sample;
      redlock_set_answer_timeout(client_.get(), kPatience.count());
    }
    using Kind = QueryOptions::Kind;
    for (const auto& [kind, answer] : {std::pair(Kind::kNodes, &sample.nodes),
                                       {Kind::kStats, &sample.stats},
                                       {Kind::kList, &sample.list}}) {
      *answer = Ask(client_.get(), {.kind = kind});
      error_ = answer->error;
      if (error_ == REDLOCK_OK) continue;
      sample.trouble = answer->text;
      client_.reset();
      break;
    }
    return sample;
  }

  // Of the last look.
  int error() const { return error_; }

 private:
  const std::string socket_;
  ClientPtr client_;
  int error_ = REDLOCK_OK;
};

int FailedToWrite() {
  std::perror("redlock: cannot write");
  return kExitOs;
}

int PrintOnce(Observer& observer) {
  const Sample sample = observer.Look();
  if (!sample.trouble.empty()) {
    std::fprintf(stderr, "redlock: %s\n", Printable(sample.trouble).c_str());
    return ExitCodeOf(observer.error());
  }
  return Print(PageOf(sample, {}, TimeOfDay(), {})) ? 0 : FailedToWrite();
}

// Until the user wants no more. False if a page could not be written.
bool Follow(Observer& observer, Duration interval) {
  Screen screen;
  std::optional<Sample> before;
  auto next = Clock::now();
  while (true) {
    Sample now = observer.Look();
    if (!screen.Show(PageOf(now, before, TimeOfDay(), screen.room()))) return false;
    before.reset();
    if (now.trouble.empty()) before = std::move(now);
    next = std::max(next + interval, Clock::now());
    if (!screen.Wait(next - Clock::now())) return true;
  }
}

}  // namespace

int Top(const std::string& socket, const TopOptions& options) {
  Observer observer(socket);
  if (!Screen::IsPossible()) return PrintOnce(observer);
  return Follow(observer, options.interval) ? 0 : FailedToWrite();
}

}  // namespace redlock::cli
