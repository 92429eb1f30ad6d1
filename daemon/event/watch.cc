#include "daemon/event/watch.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <poll.h>

#include <utility>

#include "base/check.h"
#include "daemon/event/loop.h"

namespace redlockd::event {

// One allocation for each watch: there is one for each client.
struct Watch::Core {
  ~Core() {
    if (wanted != kNothing) event_del(&watch);
  }

  static void OnEvent(evutil_socket_t fd, short events, void* arg) {
    auto* core = static_cast<Core*>(arg);
    unsigned what = kNothing;
    if (events & EV_READ) what |= kRead;
    if (events & EV_WRITE) what |= kWrite;
    if (events & EV_CLOSED) what |= kClosed;
    // libevent reports an error (EPOLLERR) as readable and writable, never as closed.
    if (!(core->wanted & kRead) && what == kRead && LookAt(fd) == PeerState::kGone) {
      what |= kClosed;
    }
    what &= core->wanted;
    if (what == kNothing) return;
    const auto call = core->callback;  // it may destroy the watch
    call(what);
  }

  short Flags() const {
    short flags = EV_PERSIST;
    // EV_READ goes with kClosed because of EPOLLERR, see above.
    if (wanted & (kRead | kClosed)) flags |= EV_READ;
    if (wanted & kWrite) flags |= EV_WRITE;
    if (wanted & kClosed) flags |= EV_CLOSED;
    if (trigger == Trigger::kEdge) flags |= EV_ET;
    return flags;
  }

  Loop& loop;
  int fd;
  Trigger trigger;
  std::function<void(unsigned)> callback;  // cheap to copy if it holds no more than a pointer
  unsigned wanted = kNothing;
  ::event watch{};
};

Watch::Watch(Loop& loop, int fd, Trigger trigger, std::function<void(unsigned)> callback)
    : core_(new Core{loop, fd, trigger, std::move(callback)}) {}

Watch::~Watch() = default;

void Watch::Want(unsigned what) {
  CHECK(!(what & kClosed) || core_->trigger == Trigger::kEdge);
  if (what == core_->wanted) return;
  if (core_->wanted != kNothing) event_del(&core_->watch);
  core_->wanted = what;
  if (what == kNothing) return;
  event_assign(&core_->watch, core_->loop.base(), core_->fd, core_->Flags(), &Core::OnEvent,
               core_.get());
  event_add(&core_->watch, nullptr);
}

unsigned Watch::wanted() const { return core_->wanted; }

int Watch::fd() const { return core_->fd; }

PeerState LookAt(int fd) {
  pollfd look{fd, POLLRDHUP, 0};
  if (poll(&look, 1, 0) <= 0) return PeerState::kOpen;
  if (look.revents & (POLLHUP | POLLERR | POLLNVAL)) return PeerState::kGone;
  return (look.revents & POLLRDHUP) ? PeerState::kHalfClosed : PeerState::kOpen;
}

}  // namespace redlockd::event
