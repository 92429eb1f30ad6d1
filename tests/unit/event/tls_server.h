#pragma once

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include <array>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "tests/support/test_ca.h"

namespace redlockd::event {

// The server's side of TLS as a function of bytes, by OpenSSL.
class TlsServer {
 public:
  struct Options {
    test::Identity identity{};
    std::string client_ca{};  // not empty: the client must show a certificate of it
    int max_version = TLS1_3_VERSION;
  };
  explicit TlsServer(const Options& options) : context_(SSL_CTX_new(TLS_server_method())) {
    X509* const certificate =
        PEM_read_bio_X509(Bio(options.identity.certificate).get(), nullptr, nullptr, nullptr);
    EVP_PKEY* const key =
        PEM_read_bio_PrivateKey(Bio(options.identity.key).get(), nullptr, nullptr, nullptr);
    SSL_CTX_use_certificate(context_.get(), certificate);
    SSL_CTX_use_PrivateKey(context_.get(), key);
    X509_free(certificate);
    EVP_PKEY_free(key);
    SSL_CTX_set_max_proto_version(context_.get(), options.max_version);
    if (!options.client_ca.empty()) {
      X509* const ca = PEM_read_bio_X509(Bio(options.client_ca).get(), nullptr, nullptr, nullptr);
      X509_STORE_add_cert(SSL_CTX_get_cert_store(context_.get()), ca);
      X509_free(ca);
      SSL_CTX_set_verify(context_.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
                         nullptr);
    }
    ssl_.reset(SSL_new(context_.get()));
    SSL_set_bio(ssl_.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_accept_state(ssl_.get());
  }

  void Receive(std::string_view bytes) {
    BIO_write(SSL_get_rbio(ssl_.get()), bytes.data(), static_cast<int>(bytes.size()));
    std::array<char, 16384> plain;
    std::size_t size = 0;
    ERR_clear_error();
    while (SSL_read_ex(ssl_.get(), plain.data(), plain.size(), &size) == 1) {
      heard.append(plain.data(), size);
    }
  }
  bool Write(std::string_view bytes) {  // false: the handshake is not over
    std::size_t size = 0;
    ERR_clear_error();
    return SSL_write_ex(ssl_.get(), bytes.data(), bytes.size(), &size) == 1;
  }
  void Close() { SSL_shutdown(ssl_.get()); }
  // Wants new keys of both sides: the client has to write when it reads.
  void UpdateKeys() { SSL_key_update(ssl_.get(), SSL_KEY_UPDATE_REQUESTED); }
  // Takes what is to be sent to the client, at most `most` bytes.
  std::string Output(std::size_t most = 1 << 24) {
    std::string bytes(most, '\0');
    std::size_t size = 0;
    BIO_read_ex(SSL_get_wbio(ssl_.get()), bytes.data(), most, &size);
    bytes.resize(size);
    return bytes;
  }
  bool was_closed() const { return SSL_get_shutdown(ssl_.get()) & SSL_RECEIVED_SHUTDOWN; }
  std::string server_name() const {
    const char* const name = SSL_get_servername(ssl_.get(), TLSEXT_NAMETYPE_host_name);
    return name != nullptr ? name : "";
  }

  std::string heard;

 private:
  static std::unique_ptr<BIO, decltype(&BIO_free)> Bio(const std::string& text) {
    return {BIO_new_mem_buf(text.data(), static_cast<int>(text.size())), &BIO_free};
  }
  struct Free {
    void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
    void operator()(SSL* ssl) const { SSL_free(ssl); }
  };
  std::unique_ptr<SSL_CTX, Free> context_;
  std::unique_ptr<SSL, Free> ssl_;
};

}  // namespace redlockd::event
