#include "daemon/event/stream.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/util.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <array>
#include <limits>
#include <new>
#include <system_error>
#include <utility>

#include "daemon/event/end_of_turn.h"
#include "daemon/event/loop.h"

namespace redlockd::event {

struct Stream::Core : std::enable_shared_from_this<Stream::Core> {
  Core(Loop& loop, Callbacks callbacks)
      : callbacks(std::move(callbacks)),
        tell_failed(loop, [this] { Fail(connect_error); }),
        flush(loop, [this] { Flush(); }) {}

  static void OnReadable(bufferevent*, void* arg) {
    const auto core = static_cast<Core*>(arg)->shared_from_this();
    std::array<char, 16384> bytes;
    while (core->stream != nullptr) {
      const std::size_t size = bufferevent_read(core->stream, bytes.data(), bytes.size());
      if (size == 0) return;
      core->callbacks.on_bytes({bytes.data(), size});
    }
  }

  static void OnEvent(bufferevent* stream, short what, void* arg) {
    const int error = EVUTIL_SOCKET_ERROR();
    const auto core = static_cast<Core*>(arg)->shared_from_this();
    if (what & BEV_EVENT_CONNECTED) {
      bufferevent_setcb(stream, &OnReadable, &OnFlushed, &OnEvent, arg);
      bufferevent_disable(stream, EV_WRITE);
      return core->callbacks.on_connected();
    }
    bufferevent_disable(stream, EV_READ | EV_WRITE);
    if (what & BEV_EVENT_EOF) return core->callbacks.on_closed("closed by the other side");
    core->Fail(error);
  }

  // bufferevent alone would have the kernel watched for room before each write, and no more after
  // it: of use only for what does not fit. It reports an error when it writes, or reads.
  void Flush() {
    evbuffer* const out = bufferevent_get_output(stream);
    evbuffer_unfreeze(out, 1);  // its own guard against others who take from it
    evbuffer_write(out, bufferevent_getfd(stream));
    evbuffer_freeze(out, 1);
    if (evbuffer_get_length(out) > 0) bufferevent_enable(stream, EV_WRITE);
  }
  // Deferred: something may have been written since.
  static void OnFlushed(bufferevent* stream, void*) {
    if (evbuffer_get_length(bufferevent_get_output(stream)) > 0) return;
    bufferevent_disable(stream, EV_WRITE);
  }

  void Fail(int error) {
    const auto self = shared_from_this();
    callbacks.on_closed(std::generic_category().message(error));
  }

  Callbacks callbacks;
  bufferevent* stream = nullptr;
  int connect_error = 0;
  EndOfTurn tell_failed;
  EndOfTurn flush;
};

Stream::Stream(Loop& loop, Callbacks callbacks)
    : core_(std::make_shared<Core>(loop, std::move(callbacks))) {
  // Deferred: else some connects that fail at once would call back from within Connect.
  core_->stream =
      bufferevent_socket_new(loop.base(), -1, BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS);
  if (core_->stream == nullptr) throw std::bad_alloc();
  bufferevent_setcb(core_->stream, &Core::OnReadable, nullptr, &Core::OnEvent, core_.get());
  // The default would spread what is more than 16 KiB over several turns.
  bufferevent_set_max_single_write(core_->stream, std::numeric_limits<ev_ssize_t>::max());
}

Stream::~Stream() {
  bufferevent_free(std::exchange(core_->stream, nullptr));
  core_->tell_failed.Cancel();
  core_->flush.Cancel();
}

void Stream::Connect(const sockaddr* address, socklen_t size) {
  bufferevent_enable(core_->stream, EV_READ | EV_WRITE);
  if (bufferevent_socket_connect(core_->stream, address, static_cast<int>(size)) != 0) {
    core_->connect_error = EVUTIL_SOCKET_ERROR();  // libevent reports it by nothing else
    return core_->tell_failed.Schedule();
  }
  const evutil_socket_t fd = bufferevent_getfd(core_->stream);
  if (fd < 0 || address->sa_family == AF_UNIX) return;
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

void Stream::Write(std::string_view bytes) {
  bufferevent_write(core_->stream, bytes.data(), bytes.size());
  core_->flush.Schedule();
}

std::size_t Stream::unsent() const {
  return evbuffer_get_length(bufferevent_get_output(core_->stream));
}

}  // namespace redlockd::event
