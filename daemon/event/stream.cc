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
#include <optional>
#include <system_error>
#include <utility>
#include <variant>

#include "daemon/event/end_of_turn.h"
#include "daemon/event/loop.h"
#include "daemon/event/tls_session.h"

namespace redlockd::event {

struct Stream::Core : std::enable_shared_from_this<Stream::Core> {
  Core(Loop& loop, Callbacks callbacks)
      : callbacks(std::move(callbacks)),
        tell_failed(loop, [this] { Fail(connect_error); }),
        flush(loop, [this] {
          Flush();
          if (tls && tls->ended()) EndOfTls();
        }) {}

  static void OnReadable(bufferevent*, void* arg) {
    const auto core = static_cast<Core*>(arg)->shared_from_this();
    std::array<char, 16384> bytes;
    while (core->stream != nullptr && !core->has_ended) {
      const std::size_t size = bufferevent_read(core->stream, bytes.data(), bytes.size());
      if (size == 0) return;
      if (core->tls) {
        core->Decrypt({bytes.data(), size});
      } else {
        core->callbacks.on_bytes({bytes.data(), size});
      }
    }
  }

  static void OnEvent(bufferevent* stream, short what, void* arg) {
    const int error = EVUTIL_SOCKET_ERROR();
    const auto core = static_cast<Core*>(arg)->shared_from_this();
    if (core->has_ended) return;
    if (what & BEV_EVENT_CONNECTED) {
      bufferevent_setcb(stream, &OnReadable, &OnFlushed, &OnEvent, arg);
      bufferevent_disable(stream, EV_WRITE);
      if (*core->tls_source) return core->BeginTls();
      return core->callbacks.on_connected();
    }
    if (what & BEV_EVENT_EOF) return core->End(core->OfTls() + "closed by the other side");
    core->Fail(error);
  }

  // --- TLS ---

  void BeginTls() {
    auto context = (*tls_source)();
    if (const auto* why_not = std::get_if<std::string>(&context)) return End("TLS: " + *why_not);
    tls.emplace(std::get<std::shared_ptr<const TlsContext>>(std::move(context)));
    flush.Schedule();
  }

  // All that can be decrypted: nothing reports what would be left.
  void Decrypt(std::string_view received) {
    const bool was_open = tls->is_open();
    tls->Receive(received);
    if (tls->is_open() && !was_open) callbacks.on_connected();
    std::array<char, 16384> bytes;
    while (stream != nullptr) {
      const std::size_t size = tls->Read(bytes);
      if (size == 0) break;
      callbacks.on_bytes({bytes.data(), size});
    }
    if (stream == nullptr) return;
    if (tls->ended()) return EndOfTls();
    if (tls->has_output()) flush.Schedule();
  }

  void Encrypt() {
    std::array<char, 16384> bytes;
    while (const std::size_t size = tls->Output(bytes)) {
      bufferevent_write(stream, bytes.data(), size);
    }
  }

  // The peer hears why, if it is this side that ends it.
  void EndOfTls() {
    const std::string why = *tls->ended();
    Flush();
    End(why.empty() ? "closed by the other side" : "TLS: " + why);
  }

  bool is_shaking_hands() const { return tls && !tls->is_open(); }
  // A connection that is cut off then may be one to something else than TLS.
  std::string OfTls() const { return is_shaking_hands() ? "TLS: " : ""; }

  // --- writing, and the end ---

  // bufferevent alone would have the kernel watched for room before each write, and no more after
  // it: of use only for what does not fit. It reports an error when it writes, or reads.
  void Flush() {
    if (tls) Encrypt();
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

  void Fail(int error) { End(OfTls() + std::generic_category().message(error)); }

  void End(const std::string& why) {
    const auto self = shared_from_this();
    has_ended = true;
    bufferevent_disable(stream, EV_READ | EV_WRITE);
    flush.Cancel();
    callbacks.on_closed(why);
  }

  Callbacks callbacks;
  bufferevent* stream = nullptr;
  bool has_ended = false;
  const TlsSource* tls_source = nullptr;
  std::optional<TlsSession> tls;
  int connect_error = 0;
  EndOfTurn tell_failed;
  EndOfTurn flush;
};

const TlsSource Stream::kPlain;

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
  if (core_->tls && !core_->has_ended) {
    core_->tls->Close();
    core_->Flush();
  }
  bufferevent_free(std::exchange(core_->stream, nullptr));
  core_->tell_failed.Cancel();
  core_->flush.Cancel();
}

void Stream::Connect(const sockaddr* address, socklen_t size, const TlsSource& tls) {
  core_->tls_source = &tls;
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

bool Stream::is_shaking_hands() const { return core_->is_shaking_hands(); }

void Stream::Write(std::string_view bytes) {
  if (core_->tls) {
    core_->tls->Write(bytes);
  } else {
    bufferevent_write(core_->stream, bytes.data(), bytes.size());
  }
  core_->flush.Schedule();
}

std::size_t Stream::unsent() const {
  const std::size_t plain = core_->tls ? core_->tls->unsent() : 0;
  return plain + evbuffer_get_length(bufferevent_get_output(core_->stream));
}

}  // namespace redlockd::event
