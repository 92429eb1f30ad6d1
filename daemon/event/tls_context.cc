#include "daemon/event/tls_context.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <ctime>
#include <new>
#include <optional>
#include <utility>
#include <vector>

#include "base/check.h"

namespace redlockd::event {
namespace {

struct Free {
  void operator()(BIO* bio) const { BIO_free(bio); }
  void operator()(X509* certificate) const { X509_free(certificate); }
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
using Bio = std::unique_ptr<BIO, Free>;
using Certificate = std::unique_ptr<X509, Free>;
using Key = std::unique_ptr<EVP_PKEY, Free>;

Bio Open(const std::string& text) {
  Bio bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  if (!bio) throw std::bad_alloc();
  return bio;
}

// In place of OpenSSL's own, which asks at the terminal.
int NoPassphrase(char*, int, int, void* was_asked) {
  *static_cast<bool*>(was_asked) = true;
  return -1;
}

std::string LastError() {
  const char* const reason = ERR_reason_error_string(ERR_peek_last_error());
  return reason != nullptr ? reason : "an unknown mistake";
}

std::vector<Certificate> CertificatesIn(const std::string& text) {
  std::vector<Certificate> certificates;
  const Bio bio = Open(text);
  bool was_asked = false;
  ERR_clear_error();
  while (X509* const one = PEM_read_bio_X509(bio.get(), nullptr, &NoPassphrase, &was_asked)) {
    certificates.emplace_back(one);
  }
  // The end of the text ends the reading, and so does what is damaged.
  if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE) certificates.clear();
  return certificates;
}

std::optional<TlsMistake> Trust(SSL_CTX* context, const std::string& ca) {
  if (ca.empty()) {
    SSL_CTX_set_default_verify_paths(context);
    return std::nullopt;
  }
  const std::vector<Certificate> certificates = CertificatesIn(ca);
  if (certificates.empty()) {
    return TlsMistake{TlsMistake::Of::kCa, "certificates of CAs in PEM", "no readable ones"};
  }
  for (const Certificate& one : certificates) {
    X509_STORE_add_cert(SSL_CTX_get_cert_store(context), one.get());
  }
  return std::nullopt;
}

std::optional<TlsMistake> Identify(SSL_CTX* context, const TlsSettings& settings) {
  using Of = TlsMistake::Of;
  if (settings.certificate.empty()) return std::nullopt;
  const std::vector<Certificate> chain = CertificatesIn(settings.certificate);
  if (chain.empty()) {
    return TlsMistake{Of::kCertificate, "a certificate in PEM", "no readable one"};
  }
  bool was_asked = false;
  const Key key(
      PEM_read_bio_PrivateKey(Open(settings.key).get(), nullptr, &NoPassphrase, &was_asked));
  if (was_asked) {
    return TlsMistake{Of::kKey, "a private key without a passphrase", "one with a passphrase"};
  }
  if (!key) return TlsMistake{Of::kKey, "a private key in PEM", "no readable one"};
  if (X509_check_private_key(chain[0].get(), key.get()) != 1) {
    return TlsMistake{Of::kKey, "the private key of the certificate", "another key"};
  }
  ERR_clear_error();
  bool is_taken = SSL_CTX_use_certificate(context, chain[0].get()) == 1 &&
                  SSL_CTX_use_PrivateKey(context, key.get()) == 1;
  for (std::size_t i = 1; i < chain.size(); ++i) {
    is_taken = is_taken && SSL_CTX_add1_chain_cert(context, chain[i].get()) == 1;
  }
  if (is_taken) return std::nullopt;
  return TlsMistake{Of::kCertificate, "a certificate that OpenSSL takes", LastError()};
}

}  // namespace

std::optional<std::chrono::sys_seconds> ExpiryOf(const std::string& certificates) {
  const std::vector<Certificate> all = CertificatesIn(certificates);
  ERR_clear_error();
  tm utc{};
  if (all.empty() || ASN1_TIME_to_tm(X509_get0_notAfter(all[0].get()), &utc) != 1) {
    return std::nullopt;
  }
  return std::chrono::sys_seconds(std::chrono::seconds(timegm(&utc)));
}

TlsContext::TlsContext(TlsSettings settings)
    : settings_(std::move(settings)), context_(SSL_CTX_new(TLS_client_method()), &SSL_CTX_free) {
  SSL_CTX* const context = context_.get();
  if (context == nullptr) throw std::bad_alloc();
  const bool is_1_3 = settings_.min_version == TlsVersion::k1_3;
  CHECK(SSL_CTX_set_min_proto_version(context, is_1_3 ? TLS1_3_VERSION : TLS1_2_VERSION) == 1);
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION);
  // What waits to be written moves as more is added to it.
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  // Each handshake is a whole one, which verifies what the files say now.
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
}

TlsContext::OrMistake TlsContext::Make(TlsSettings settings) {
  const std::shared_ptr<const TlsContext> made(new TlsContext(std::move(settings)));
  auto mistake = Trust(made->get(), made->settings().ca);
  if (!mistake) mistake = Identify(made->get(), made->settings());
  ERR_clear_error();
  if (mistake) return *std::move(mistake);
  return made;
}

}  // namespace redlockd::event
