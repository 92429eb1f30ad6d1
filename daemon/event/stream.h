#pragma once

#include <sys/socket.h>

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "daemon/event/tls_context.h"

namespace redlockd::event {

class Loop;

// An outgoing stream connection with buffers: what is written in one turn of the loop goes out in
// one write at its end, encrypted or not. (A bufferevent: for connections that are few; it costs more
// than a Watch.)
class Stream {
 public:
  // All are called in the loop, and each may destroy the stream.
  struct Callbacks {
    std::function<void()> on_connected;
    std::function<void(std::string_view bytes)> on_bytes;
    // The connection could not be made, failed, or was ended by the peer; why, for a person. Comes
    // once, after all bytes that were received; nothing comes after it.
    std::function<void(std::string reason)> on_closed;
  };
  Stream(Loop& loop, Callbacks callbacks);
  ~Stream();  // closes; what is unsent is dropped
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  // Once. TCP (without Nagle's delay) or Unix; does not block. With `tls`, which may be empty and
  // outlives the stream, it is connected once the handshake of TLS is over.
  void Connect(const sockaddr* address, socklen_t size, const TlsSource& tls = kPlain);
  // The peer has taken the connection, and the handshake of TLS is going on.
  bool is_shaking_hands() const;
  // Once connected. Kept until the peer takes it: look at unsent().
  void Write(std::string_view bytes);
  std::size_t unsent() const;

 private:
  static const TlsSource kPlain;
  struct Core;
  std::shared_ptr<Core> core_;
};

}  // namespace redlockd::event
