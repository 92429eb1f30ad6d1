#include "libclient/cli/run/hold.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <string_view>
#include <system_error>
#include <utility>

#include "libclient/cli/text.h"
#include "protocol/duration.h"

namespace redlock::cli {
namespace {

// Whether a hold that ended for this reason keeps the lock from others until its deadline (rule
// C9). For any other reason, also one that this version does not know, it may be another's by now.
bool KeepsDeadline(std::string_view reason) { return reason == "drain" || reason == "max-hold"; }

// The command inherits it under that number: scripts use those below 10, shells some above.
constexpr int kLeastNumber = 64;

template <typename Number>
bool ReadNumber(std::string_view text, Number* number) {
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, *number);
  return error == std::errc() && rest == end && *number > 0;
}

base::Descriptor CopyOf(int fd) {
  int copy = fcntl(fd, F_DUPFD_CLOEXEC, kLeastNumber);
  if (copy < 0) copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);  // a limit below that
  if (copy < 0) throw std::system_error(errno, std::generic_category(), "dup");
  return base::Descriptor(copy);
}

}  // namespace

Hold::Hold(ClientPtr client, const RunOptions& options, Guard::Time begin, const Voice& voice)
    : client_(std::move(client)), options_(options), voice_(voice), socket_(CopyOf(fd())) {
  locks_.push_back({.name = options.name});
  for (const std::string& name : options.also) locks_.push_back({.name = name});
  redlock_on_event(
      client_.get(),
      [](redlock_client*, const redlock_event* event, void* self) {
        static_cast<Hold*>(self)->OnEvent(*event);
      },
      this);
  Ask(begin);
}

void Hold::Ask(Guard::Time begin) {
  redlock_lock_options ask = REDLOCK_LOCK_OPTIONS_INIT;
  if (options_.wait) {
    const Duration spent = Guard::Time(redlock_now()) - begin;
    ask.wait_ns = std::max<Duration>(*options_.wait - spent, Duration(0)).count();
  }
  ask.ttl_ns = options_.ttl.count();
  ask.max_hold_ns = options_.max_hold.count();
  ask.min_hold_ns = options_.min_hold.count();
  if (!options_.note.empty()) ask.note = options_.note.c_str();
  ask.renew_events = 1;
  const int error = locks_.size() > 1 || options_.shared
                        ? AskByWords(ask)
                        : redlock_start_lock(client_.get(), options_.name.c_str(), &ask,
                                             &TakeAnswer, this, nullptr);
  if (error != REDLOCK_OK) Refuse(error, redlock_error_text(client_.get()));
}

void Hold::TakeAnswer(redlock_client*, int error, const redlock_reply* reply, void* self) {
  static_cast<Hold*>(self)->OnAnswer(error, reply);
}

int Hold::AskByWords(const redlock_lock_options& ask) {
  std::vector<std::pair<const char*, std::string>> words;
  for (const Lock& lock : locks_) words.emplace_back(nullptr, lock.name);
  const auto add = [&words](const char* key, std::int64_t duration) {
    words.emplace_back(key, protocol::FormatDuration(Duration(duration)));
  };
  if (options_.wait) add("wait", ask.wait_ns);
  if (ask.ttl_ns > 0) add("ttl", ask.ttl_ns);
  if (ask.max_hold_ns > 0) add("max-hold", ask.max_hold_ns);
  if (ask.min_hold_ns > 0) add("min-hold", ask.min_hold_ns);
  if (options_.shared) words.emplace_back("mode", "shared");
  if (ask.note != nullptr) words.emplace_back("note", ask.note);
  words.emplace_back("events", "renew");
  std::vector<redlock_arg> args;
  for (const auto& [key, value] : words) args.push_back({key, value.c_str()});
  return redlock_start(client_.get(), "lock", args.data(), args.size(), &TakeAnswer, this, nullptr);
}

void Hold::Dispatch() {
  if (fd() >= 0) redlock_dispatch(client_.get());
}

void Hold::OnAnswer(int error, const redlock_reply* reply) {
  if (error == REDLOCK_OK) {
    OnGrant(reply);
  } else if (reply == nullptr) {
    Refuse(error, redlock_strerror(error));
  } else {
    Refuse(error, std::string(redlock_strerror(error)) + ": " + redlock_reply_text(reply));
  }
}

void Hold::OnGrant(const redlock_reply* reply) {
  Duration span{0};
  const bool is_whole = locks_.size() > 1 ? ReadRows(reply, &span) : ReadGrant(reply, &span);
  if (!is_whole) return Refuse(REDLOCK_EPROTOCOL, "the grant has no fence, deadline or ttl");
  if (options_.max_hold.count() > 0) span = std::min(span, options_.max_hold);
  const auto margins = Guard::Plan(span, options_.kill_after);
  if (const auto* problem = std::get_if<std::string>(&margins)) {
    refusal_ = Refusal{kExitUsage, *problem};
    return;
  }
  guard_.emplace(std::get<Guard::Margins>(margins), Earliest());
}

bool Hold::ReadGrant(const redlock_reply* reply, Duration* ttl) {
  redlock_grant grant = REDLOCK_GRANT_INIT;
  if (redlock_reply_grant(reply, &grant) != REDLOCK_OK) return false;
  locks_[0].fence = grant.fence;
  locks_[0].deadline = Guard::Time(grant.deadline_ns);
  *ttl = Duration(grant.ttl_ns);
  return *ttl > Duration(0);
}

// A row for each of the locks, in their order; `ttl` is the shortest.
bool Hold::ReadRows(const redlock_reply* reply, Duration* ttl) {
  if (redlock_reply_rows(reply) != locks_.size()) return false;
  for (std::size_t row = 0; row < locks_.size(); ++row) {
    const auto value = [&](const char* key) {
      const char* text = redlock_reply_get(reply, row, key);
      return std::string_view(text == nullptr ? "" : text);
    };
    std::int64_t deadline = 0;
    const auto its_ttl = protocol::ParseDuration(value("ttl"));
    if (value("lock") != locks_[row].name || !ReadNumber(value("fence"), &locks_[row].fence) ||
        !ReadNumber(value("deadline"), &deadline) || !its_ttl || its_ttl->count() == 0) {
      return false;
    }
    locks_[row].deadline = Guard::Time(deadline - redlock_clock_offset(client_.get()));
    *ttl = row == 0 ? *its_ttl : std::min(*ttl, Duration(*its_ttl));
  }
  return true;
}

// The command has all of them, or it is to end.
Guard::Time Hold::Earliest() const {
  return std::ranges::min(locks_, {}, &Lock::deadline).deadline;
}

Hold::Lock* Hold::LockOf(const redlock_event& event) {
  if (event.lock == nullptr) return nullptr;
  const auto lock = std::ranges::find(locks_, std::string_view(event.lock), &Lock::name);
  return lock == locks_.end() || lock->fence != event.fence ? nullptr : &*lock;
}

void Hold::Refuse(int error, const std::string& text) {
  const int code = ExitCodeOf(error);
  const bool is_stopping = error == REDLOCK_EDRAINING || error == REDLOCK_ECLOSED;
  refusal_ = Refusal{code == kExitBusy ? options_.busy_code : code, text, is_stopping,
                     error == REDLOCK_ENOQUORUM};
}

void Hold::OnEvent(const redlock_event& event) {
  if (event.type == REDLOCK_EVENT_CLOSED) {
    if (is_granted() && !is_let_go_) {
      voice_.Complain("the daemon is gone (" + Printable(event.reason) +
                      "): the lock is no longer renewed, and stays taken until its deadline");
    }
    return;
  }
  if (event.type == REDLOCK_EVENT_DRAINING) {
    voice_.Tell("the daemon is stopping: the lock can be kept for " +
                HumanDuration(Duration(event.within_ns)) + " more");
    return;
  }
  Lock* const lock = is_granted() ? LockOf(event) : nullptr;
  if (lock == nullptr) return;
  if (event.type == REDLOCK_EVENT_LOST) {
    const std::string reason = event.reason == nullptr ? "no reason given" : event.reason;
    guard_->Lost(Guard::Time(redlock_now()), KeepsDeadline(reason));
    voice_.Complain("lost " + Printable(lock->name) + ": " + Printable(reason));
    return;
  }
  if (event.type == REDLOCK_EVENT_BROKEN) {  // maybe for another to have it at once
    guard_->Lost(Guard::Time(redlock_now()), false);
    voice_.Complain("lost " + Printable(lock->name) + ": an administrator broke it");
    return;
  }
  if (event.deadline_ns > 0) {
    lock->deadline = Guard::Time(event.deadline_ns);
    guard_->Told(Earliest());
  }
  if (event.type == REDLOCK_EVENT_JEOPARDY) voice_.Tell("the lock is not being renewed");
  if (event.type == REDLOCK_EVENT_SAFE) voice_.Tell("the lock is being renewed again");
}

void Hold::LetGo() {
  constexpr std::int64_t kAMomentNs = 1'000'000'000;
  is_let_go_ = true;  // that the daemon ends with its last hold is no news then
  if (fd() >= 0) {
    redlock_set_answer_timeout(client_.get(), kAMomentNs);
    std::vector<redlock_arg> names;
    for (const Lock& lock : locks_) names.push_back({nullptr, lock.name.c_str()});
    if (locks_.size() == 1) {
      redlock_unlock(client_.get(), names[0].value, locks_[0].fence, 0);
    } else {
      redlock_reply* reply = nullptr;
      redlock_query(client_.get(), "unlock", names.data(), names.size(), &reply);
      redlock_reply_free(reply);
    }
  }
  shutdown(socket_.get(), SHUT_RDWR);
}

}  // namespace redlock::cli
