#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "daemon/event/tls_context.h"

struct bio_st;  // OpenSSL's BIO, SSL
struct ssl_st;

namespace redlockd::event {

// The client's side of one TLS connection, as a function of bytes: what the peer sends goes in,
// what is to be sent to it comes out. No I/O, so that it never waits: who owns it moves the bytes.
class TlsSession {
 public:
  // Its output begins the handshake.
  explicit TlsSession(std::shared_ptr<const TlsContext> context);
  ~TlsSession();
  TlsSession(const TlsSession&) = delete;
  TlsSession& operator=(const TlsSession&) = delete;

  void Receive(std::string_view bytes);      // from the peer
  bool is_open() const { return is_open_; }  // the handshake is over

  // Decrypts what was received; how much there is, 0: nothing more until more is received.
  std::size_t Read(std::span<char> into);
  // Kept, and encrypted when the output is asked for: all of a turn in as few records as possible.
  void Write(std::string_view bytes);

  // Takes what is to be sent to the peer; how much there was, 0: nothing more now.
  std::size_t Output(std::span<char> into);
  bool has_output() const;
  std::size_t unsent() const { return plain_.size(); }  // by Write(), and not yet in the output

  // Nothing is read or written any more, and the output says so to the peer. Not once it has ended.
  void Close();
  // Why there is nothing to read any more; empty: it was ended by the peer, as it should be.
  const std::optional<std::string>& ended() const { return ended_; }

 private:
  struct Events;  // what OpenSSL calls

  void Shake();
  void Encrypt();
  void Take(int result);
  void Fail(std::string why);

  const std::shared_ptr<const TlsContext> context_;
  ssl_st* ssl_;
  bio_st* in_;  // of ssl_, both
  bio_st* out_;
  bool is_open_ = false;
  bool heard_ = false;
  bool was_asked_ = false;  // for a certificate
  std::string distrust_;    // of the server's certificate
  std::string plain_;
  std::optional<std::string> ended_;
};

}  // namespace redlockd::event
