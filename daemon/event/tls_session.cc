#include "daemon/event/tls_session.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <new>
#include <utility>

#include "daemon/event/tls_reason.h"

namespace redlockd::event {
namespace {

// The first byte of all that a server says first in TLS.
constexpr char kAlert = 0x15;
constexpr char kHandshake = 0x16;

void Expect(SSL* ssl, const std::string& server_name) {
  X509_VERIFY_PARAM* const wanted = SSL_get0_param(ssl);
  if (X509_VERIFY_PARAM_set1_ip_asc(wanted, server_name.c_str()) == 1) return;
  X509_VERIFY_PARAM_set_hostflags(wanted, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  // Without it any name would do.
  if (X509_VERIFY_PARAM_set1_host(wanted, server_name.data(), server_name.size()) != 1) {
    throw std::bad_alloc();
  }
  SSL_set_tlsext_host_name(ssl, server_name.c_str());
}

}  // namespace

struct TlsSession::Events {
  static int OnVerified(int is_fine, X509_STORE_CTX* found) {
    if (is_fine) return 1;
    const auto* const ssl =
        static_cast<SSL*>(X509_STORE_CTX_get_ex_data(found, SSL_get_ex_data_X509_STORE_CTX_idx()));
    auto* const session = static_cast<TlsSession*>(SSL_get_app_data(ssl));
    session->distrust_ = WhyNotTrusted(found, session->context_->settings());
    return 0;
  }
  static int OnCertificateWanted(SSL*, void* session) {
    static_cast<TlsSession*>(session)->was_asked_ = true;
    return 1;
  }
};

TlsSession::TlsSession(std::shared_ptr<const TlsContext> context)
    : context_(std::move(context)),
      ssl_(SSL_new(context_->get())),
      in_(BIO_new(BIO_s_mem())),
      out_(BIO_new(BIO_s_mem())) {
  if (ssl_ == nullptr || in_ == nullptr || out_ == nullptr) throw std::bad_alloc();
  SSL_set_bio(ssl_, in_, out_);
  SSL_set_app_data(ssl_, this);
  const bool verify = context_->settings().verify;
  SSL_set_verify(ssl_, verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE,
                 verify ? &Events::OnVerified : nullptr);
  SSL_set_cert_cb(ssl_, &Events::OnCertificateWanted, this);
  Expect(ssl_, context_->settings().server_name);
  SSL_set_connect_state(ssl_);
  Shake();
}

TlsSession::~TlsSession() { SSL_free(ssl_); }

void TlsSession::Receive(std::string_view bytes) {
  if (ended_ || bytes.empty()) return;
  if (!std::exchange(heard_, true) && bytes[0] != kAlert && bytes[0] != kHandshake) {
    return Fail(kNoTls);
  }
  BIO_write(in_, bytes.data(), static_cast<int>(bytes.size()));
  if (!is_open_) Shake();
}

void TlsSession::Shake() {
  ERR_clear_error();
  const int result = SSL_do_handshake(ssl_);
  is_open_ = result == 1;
  if (!is_open_) Take(result);
}

std::size_t TlsSession::Read(std::span<char> into) {
  if (!is_open_ || ended_) return 0;
  ERR_clear_error();
  std::size_t size = 0;
  const int result = SSL_read_ex(ssl_, into.data(), into.size(), &size);
  if (result != 1) Take(result);
  return size;
}

void TlsSession::Write(std::string_view bytes) { plain_ += bytes; }

// Should it have to read first, it goes on when it is asked for its output after that.
void TlsSession::Encrypt() {
  std::string_view rest = plain_;
  while (is_open_ && !ended_ && !rest.empty()) {
    ERR_clear_error();
    std::size_t size = 0;
    const int result = SSL_write_ex(ssl_, rest.data(), rest.size(), &size);
    rest.remove_prefix(size);
    if (result == 1) continue;
    Take(result);
    break;
  }
  plain_.erase(0, plain_.size() - rest.size());
}

std::size_t TlsSession::Output(std::span<char> into) {
  Encrypt();
  std::size_t size = 0;
  BIO_read_ex(out_, into.data(), into.size(), &size);
  return size;
}

bool TlsSession::has_output() const { return BIO_pending(out_) > 0 || !plain_.empty(); }

void TlsSession::Close() {
  plain_.clear();
  if (!is_open_) return;
  ERR_clear_error();
  SSL_shutdown(ssl_);
  ended_ = "";
}

// The result of a call that did not do it all. That it wants to write cannot be: there is always
// room.
void TlsSession::Take(int result) {
  switch (SSL_get_error(ssl_, result)) {
    case SSL_ERROR_WANT_READ:
      return;
    case SSL_ERROR_ZERO_RETURN:
      ended_ = "";
      return;
    default:
      return Fail(distrust_.empty() ? WhyFailed(context_->settings(), was_asked_) : distrust_);
  }
}

void TlsSession::Fail(std::string why) { ended_ = std::move(why); }

}  // namespace redlockd::event
