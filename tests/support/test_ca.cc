#include "tests/support/test_ca.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include <memory>
#include <stdexcept>

namespace redlockd::test {
namespace {

struct Free {
  void operator()(BIO* bio) const { BIO_free(bio); }
  void operator()(X509* certificate) const { X509_free(certificate); }
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(X509_EXTENSION* extension) const { X509_EXTENSION_free(extension); }
};
template <class T>
using Owned = std::unique_ptr<T, Free>;

template <class T>
T* Need(T* made) {
  if (made == nullptr) throw std::runtime_error("OpenSSL made nothing");
  return made;
}

std::string TextOf(BIO* bio) {
  char* bytes = nullptr;
  const long size = BIO_get_mem_data(bio, &bytes);
  return {bytes, static_cast<std::size_t>(size)};
}

std::string Pem(X509* certificate) {
  const Owned<BIO> bio(Need(BIO_new(BIO_s_mem())));
  PEM_write_bio_X509(bio.get(), certificate);
  return TextOf(bio.get());
}

std::string Pem(EVP_PKEY* key, std::string passphrase) {
  const Owned<BIO> bio(Need(BIO_new(BIO_s_mem())));
  PEM_write_bio_PKCS8PrivateKey(bio.get(), key, passphrase.empty() ? nullptr : EVP_aes_128_cbc(),
                                passphrase.data(), static_cast<int>(passphrase.size()), nullptr,
                                nullptr);
  return TextOf(bio.get());
}

template <class T>
Owned<T> Read(const std::string& text, T* (*read)(BIO*, T**, pem_password_cb*, void*)) {
  const Owned<BIO> bio(Need(BIO_new_mem_buf(text.data(), static_cast<int>(text.size()))));
  return Owned<T>(Need(read(bio.get(), nullptr, nullptr, nullptr)));
}

void Add(X509* certificate, int nid, const std::string& value) {
  const Owned<X509_EXTENSION> extension(
      Need(X509V3_EXT_conf_nid(nullptr, nullptr, nid, value.c_str())));
  X509_add_ext(certificate, extension.get(), -1);
}

Owned<X509> Draft(const std::string& name, EVP_PKEY* key, std::chrono::hours begins,
                  std::chrono::hours ends) {
  Owned<X509> certificate(Need(X509_new()));
  X509_set_version(certificate.get(), X509_VERSION_3);
  std::int32_t serial = 0;
  RAND_bytes(reinterpret_cast<unsigned char*>(&serial), sizeof serial);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), serial & 0x7fffffff);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), std::chrono::seconds(begins).count());
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), std::chrono::seconds(ends).count());
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate.get()), "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
  X509_set_pubkey(certificate.get(), key);
  return certificate;
}

}  // namespace

TestCa::TestCa(const std::string& name) {
  const Owned<EVP_PKEY> key(Need(EVP_EC_gen("P-256")));
  const auto certificate = Draft(name, key.get(), std::chrono::hours(-48), std::chrono::hours(48));
  X509_set_issuer_name(certificate.get(), X509_get_subject_name(certificate.get()));
  Add(certificate.get(), NID_basic_constraints, "critical,CA:TRUE");
  X509_sign(certificate.get(), key.get(), EVP_sha256());
  self_ = {Pem(certificate.get()), Pem(key.get(), "")};
}

Identity TestCa::Issue(const Options& options) const {
  const auto ca = Read<X509>(self_.certificate, &PEM_read_bio_X509);
  const auto ca_key = Read<EVP_PKEY>(self_.key, &PEM_read_bio_PrivateKey);
  const Owned<EVP_PKEY> key(Need(EVP_EC_gen("P-256")));
  const auto certificate = Draft("a test", key.get(), options.begins, options.ends);
  X509_set_issuer_name(certificate.get(), X509_get_subject_name(ca.get()));
  std::string all;
  for (const std::string& name : options.names) all += (all.empty() ? "DNS:" : ",DNS:") + name;
  for (const std::string& address : options.addresses) {
    all += (all.empty() ? "IP:" : ",IP:") + address;
  }
  if (!all.empty()) Add(certificate.get(), NID_subject_alt_name, all);
  X509_sign(certificate.get(), ca_key.get(), EVP_sha256());
  return {Pem(certificate.get()), Pem(key.get(), options.passphrase)};
}

}  // namespace redlockd::test
