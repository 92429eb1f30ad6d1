#include "libclient/cli/run/hold.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <string_view>
#include <system_error>

#include "libclient/cli/text.h"

namespace redlock::cli {
namespace {

// Whether a hold that ended for this reason keeps the lock from others until its deadline (rule
// C9). For any other reason, also one that this version does not know, it may be another's by now.
bool KeepsDeadline(std::string_view reason) { return reason == "drain" || reason == "max-hold"; }

// The command inherits it under that number: scripts use those below 10, shells some above.
constexpr int kLeastNumber = 64;

base::Descriptor CopyOf(int fd) {
  int copy = fcntl(fd, F_DUPFD_CLOEXEC, kLeastNumber);
  if (copy < 0) copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);  // a limit below that
  if (copy < 0) throw std::system_error(errno, std::generic_category(), "dup");
  return base::Descriptor(copy);
}

}  // namespace

Hold::Hold(ClientPtr client, const RunOptions& options, Guard::Time begin, const Voice& voice)
    : client_(std::move(client)), options_(options), voice_(voice), socket_(CopyOf(fd())) {
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
  const auto on_answer = [](redlock_client*, int error, const redlock_reply* reply, void* self) {
    static_cast<Hold*>(self)->OnAnswer(error, reply);
  };
  const int error =
      redlock_start_lock(client_.get(), options_.name.c_str(), &ask, on_answer, this, nullptr);
  if (error != REDLOCK_OK) Refuse(error, redlock_error_text(client_.get()));
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
  redlock_grant grant = REDLOCK_GRANT_INIT;
  if (redlock_reply_grant(reply, &grant) != REDLOCK_OK || grant.ttl_ns <= 0) {
    return Refuse(REDLOCK_EPROTOCOL, "the grant has no fence, deadline or ttl");
  }
  Duration span{grant.ttl_ns};
  if (options_.max_hold.count() > 0) span = std::min(span, options_.max_hold);
  const auto margins = Guard::Plan(span, options_.kill_after);
  if (const auto* problem = std::get_if<std::string>(&margins)) {
    refusal_ = Refusal{kExitUsage, *problem};
    return;
  }
  fence_ = grant.fence;
  guard_.emplace(std::get<Guard::Margins>(margins), Guard::Time(grant.deadline_ns));
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
  if (!is_granted() || event.fence != fence_) return;
  if (event.type == REDLOCK_EVENT_LOST) {
    const std::string reason = event.reason == nullptr ? "no reason given" : event.reason;
    guard_->Lost(Guard::Time(redlock_now()), KeepsDeadline(reason));
    voice_.Complain("lost " + Printable(options_.name) + ": " + Printable(reason));
    return;
  }
  if (event.type == REDLOCK_EVENT_BROKEN) {  // maybe for another to have it at once
    guard_->Lost(Guard::Time(redlock_now()), false);
    voice_.Complain("lost " + Printable(options_.name) + ": an administrator broke it");
    return;
  }
  if (event.deadline_ns > 0) guard_->Told(Guard::Time(event.deadline_ns));
  if (event.type == REDLOCK_EVENT_JEOPARDY) voice_.Tell("the lock is not being renewed");
  if (event.type == REDLOCK_EVENT_SAFE) voice_.Tell("the lock is being renewed again");
}

void Hold::LetGo() {
  constexpr std::int64_t kAMomentNs = 1'000'000'000;
  is_let_go_ = true;  // that the daemon ends with its last hold is no news then
  if (fd() >= 0) {
    redlock_set_answer_timeout(client_.get(), kAMomentNs);
    redlock_unlock(client_.get(), options_.name.c_str(), fence_, 0);
  }
  shutdown(socket_.get(), SHUT_RDWR);
}

}  // namespace redlock::cli
