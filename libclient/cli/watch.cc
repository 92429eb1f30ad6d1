#include "libclient/cli/watch.h"

#include <poll.h>
#include <redlock/redlock.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>

#include "libclient/cli/client.h"
#include "libclient/cli/json.h"
#include "libclient/cli/text.h"

namespace redlock::cli {
namespace {

// The present time, to the millisecond. `format`: of the seconds; `split`: localtime_r or gmtime_r.
std::string Now(const char* format, tm* (*split)(const time_t*, tm*)) {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  std::array<char, 32> rest{};
  std::snprintf(rest.data(), rest.size(), ".%03ld", now.tv_nsec / 1'000'000);
  return FormatTime(now.tv_sec, format, split) + rest.data();
}

// "14:03:07.123", where the user is.
std::string TimeOfDay() { return Now("%T", localtime_r); }

// "2026-11-28T13:03:07.123Z"
std::string TimeInUtc() { return Now("%FT%T", gmtime_r) + "Z"; }

void AddFields(const redlock_event& event, Row& row) {
  if (event.missed != 0) row.Add("missed", std::to_string(event.missed));
  if (event.lock != nullptr) row.Add("lock", event.lock);
  if (event.what != nullptr) row.Add("what", event.what);
  if (event.fence != 0) row.Add("fence", std::to_string(event.fence));
  if (event.uid >= 0) {
    row.Add("pid", std::to_string(event.pid));
    row.Add("uid", std::to_string(event.uid));
  }
  if (event.reason != nullptr) row.Add("reason", event.reason);
  if (event.by != nullptr) row.Add("by", event.by);
}

// Who follows, and what has ended it.
class Follower {
 public:
  explicit Follower(bool json) : json_(json) {}

  static void OnEvent(redlock_client*, const redlock_event* event, void* follower) {
    static_cast<Follower*>(follower)->Take(*event);
  }
  // Whether a line could not be written.
  bool is_broken() const { return is_broken_; }
  const std::string& why_closed() const { return why_closed_; }

 private:
  void Take(const redlock_event& event) {
    if (event.type == REDLOCK_EVENT_CLOSED) why_closed_ = event.reason;
    if (event.type != REDLOCK_EVENT_WATCH || is_broken_) return;
    Row row;
    if (json_) row.Add("time", TimeInUtc());
    AddFields(event, row);
    const std::string line = json_ ? ToJsonLine(row) : TimeOfDay() + " " + ForPeople(row) + "\n";
    // As it happens: a line at a time.
    is_broken_ =
        std::fwrite(line.data(), 1, line.size(), stdout) != line.size() || std::fflush(stdout) != 0;
  }

  const bool json_;
  bool is_broken_ = false;
  std::string why_closed_;
};

int FailedToWrite() {
  std::perror("redlock: cannot write");
  return kExitOs;
}

int Failed(int error, const std::string& why) {
  std::fprintf(stderr, "redlock: %s\n", Printable(why).c_str());
  return ExitCodeOf(error);
}

// Nobody reads the output any more, also where nothing happens that would be written: it ends as by the
// write that nobody reads.
int EndOfReader() {
  raise(SIGPIPE);
  errno = EPIPE;
  return FailedToWrite();
}

int Follow(redlock_client* client, const Follower& follower) {
  while (true) {
    const int error = redlock_dispatch(client);
    if (follower.is_broken()) return FailedToWrite();
    if (error != REDLOCK_OK) return Failed(error, follower.why_closed());
    pollfd entries[] = {{redlock_fd(client), redlock_events(client), 0}, {STDOUT_FILENO, 0, 0}};
    if (poll(entries, 2, -1) < 0 && errno != EINTR) {
      std::perror("redlock: poll");
      return kExitOs;
    }
    if (entries[1].revents & (POLLERR | POLLHUP)) return EndOfReader();
  }
}

}  // namespace

int Watch(const std::string& socket, const WatchOptions& options) {
  int error = REDLOCK_OK;
  std::string text;
  Follower follower(options.json);
  const ClientPtr client = Connect(socket, &error, &text);
  if (client == nullptr) return Failed(error, text);
  redlock_on_event(client.get(), Follower::OnEvent, &follower);
  // Without a name, once.
  for (std::size_t i = 0; i < std::max<std::size_t>(options.names.size(), 1); ++i) {
    const bool has_name = i < options.names.size();
    const redlock_arg name{nullptr, has_name ? options.names[i].c_str() : ""};
    error = redlock_query(client.get(), "watch", &name, has_name ? 1 : 0, nullptr);
    if (error != REDLOCK_OK) return Failed(error, redlock_error_text(client.get()));
  }
  return Follow(client.get(), follower);
}

std::string ForPeople(const Row& event) {
  if (event.Has("missed")) {
    return Printable(event.Get("missed")) + " events were missed: they were not read in time";
  }
  std::string text = Printable(event.Get("lock")) + " " + Printable(event.Get("what"));
  const auto add = [&](const char* before, std::string_view key) {
    if (event.Has(key)) text += before + Printable(event.Get(key));
  };
  for (const char* key : {"reason", "by"}) {
    if (event.Has(key)) text += " (" + Printable(event.Get(key)) + ")";
  }
  add(": pid ", "pid");
  add(", uid ", "uid");
  add(event.Has("pid") ? ", fence " : ": fence ", "fence");
  return text;
}

}  // namespace redlock::cli
