#include "tests/bench/poller.h"

#include <sys/epoll.h>
#include <unistd.h>

#include <array>

namespace redlockd::bench {

void Serve(std::vector<LineSocket*> sockets, Nanoseconds end,
           const std::function<bool(std::size_t)>& ready) {
  if (sockets.size() == 1) {
    while (Now() < end && ready(0)) {
    }
    return;
  }
  const int epoll = epoll_create1(EPOLL_CLOEXEC);
  for (std::size_t i = 0; i < sockets.size(); ++i) {
    epoll_event event{.events = EPOLLIN, .data = {.u64 = i}};
    epoll_ctl(epoll, EPOLL_CTL_ADD, sockets[i]->fd(), &event);
  }
  bool going = true;
  while (going) {
    const Nanoseconds left = end - Now();
    if (left <= 0) break;
    std::array<epoll_event, 64> events;
    const int timeout = static_cast<int>(left / 1'000'000) + 1;
    const int count = epoll_wait(epoll, events.data(), events.size(), timeout);
    for (int i = 0; i < count && going; ++i)
      going = ready(events[static_cast<std::size_t>(i)].data.u64);
  }
  close(epoll);
}

}  // namespace redlockd::bench
