#include "daemon/event/tls_reason.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <array>
#include <ctime>
#include <memory>
#include <vector>

namespace redlockd::event {
namespace {

std::string TextOf(const ASN1_STRING* text) {
  constexpr std::size_t kMost = 100;  // it is somebody else's
  const auto* const bytes = reinterpret_cast<const char*>(ASN1_STRING_get0_data(text));
  return std::string(bytes, static_cast<std::size_t>(ASN1_STRING_length(text))).substr(0, kMost);
}

std::string AddressOf(const ASN1_STRING* bytes) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const int family = ASN1_STRING_length(bytes) == 4 ? AF_INET : AF_INET6;
  if (family == AF_INET6 && ASN1_STRING_length(bytes) != 16) return "?";
  return inet_ntop(family, ASN1_STRING_get0_data(bytes), text.data(), text.size());
}

std::string CommonNameOf(const X509* certificate) {
  const X509_NAME* const subject = X509_get_subject_name(certificate);
  const int place = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
  if (place < 0) return "";
  return TextOf(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, place)));
}

// The names and addresses that it is for; the first few.
std::string NamesOf(const X509* certificate) {
  constexpr std::size_t kMost = 4;
  const std::unique_ptr<GENERAL_NAMES, decltype(&GENERAL_NAMES_free)> alternatives(
      static_cast<GENERAL_NAMES*>(
          X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)),
      &GENERAL_NAMES_free);
  std::vector<std::string> names;
  for (int i = 0; i < sk_GENERAL_NAME_num(alternatives.get()); ++i) {
    int type = 0;
    const void* const value =
        GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(alternatives.get(), i), &type);
    const auto* const text = static_cast<const ASN1_STRING*>(value);
    if (type == GEN_DNS) names.push_back(TextOf(text));
    if (type == GEN_IPADD) names.push_back(AddressOf(text));
  }
  if (names.empty()) names.push_back(CommonNameOf(certificate));
  if (names[0].empty()) return "no name";
  std::string all;
  for (std::size_t i = 0; i < names.size() && i < kMost; ++i) all += (i ? ", " : "") + names[i];
  return all + (names.size() > kMost ? ", ..." : "");
}

std::string TimeText(const ASN1_TIME* time) {
  std::tm parts{};
  std::array<char, 32> text{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return "?";
  std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M UTC", &parts);
  return text.data();
}

std::string TooOld(const TlsSettings& settings) {
  return std::string("the server speaks no version of TLS from ") +
         (settings.min_version == TlsVersion::k1_3 ? "1.3" : "1.2") + " on";
}

std::string AlertText(int alert, const TlsSettings& settings, bool was_asked) {
  const bool shows_none = was_asked && settings.certificate.empty();
  const std::string says = SSL_alert_desc_string_long(alert);
  switch (alert) {
    case SSL_AD_PROTOCOL_VERSION:
      return TooOld(settings);
    case TLS13_AD_CERTIFICATE_REQUIRED:
    case SSL_AD_HANDSHAKE_FAILURE:  // all that TLS 1.2 has to say it
      if (shows_none) return "the server demands a client certificate, and none is configured";
      break;
    case SSL_AD_BAD_CERTIFICATE:
    case SSL_AD_UNSUPPORTED_CERTIFICATE:
    case SSL_AD_CERTIFICATE_REVOKED:
    case SSL_AD_CERTIFICATE_EXPIRED:
    case SSL_AD_CERTIFICATE_UNKNOWN:
    case SSL_AD_UNKNOWN_CA:
    case SSL_AD_ACCESS_DENIED:
      if (settings.certificate.empty()) break;
      return "the server does not accept the client certificate: " + says;
    default:
      break;
  }
  return "the server refuses the connection: " + says;
}

}  // namespace

std::string WhyNotTrusted(const X509_STORE_CTX* found, const TlsSettings& settings) {
  const int error = X509_STORE_CTX_get_error(found);
  const std::string says = X509_verify_cert_error_string(error);
  const X509* const certificate = X509_STORE_CTX_get_current_cert(found);
  const std::string whose = X509_STORE_CTX_get_error_depth(found) == 0
                                ? "the server's certificate"
                                : "the certificate of the server's CA";
  switch (error) {
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return whose + " is for " + NamesOf(certificate) + ", not for " + settings.server_name;
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return whose + " expired at " + TimeText(X509_get0_notAfter(certificate));
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return whose + " is not valid before " + TimeText(X509_get0_notBefore(certificate));
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
      return "the server's certificate is from no CA that is trusted here (" + says + ")";
    default:
      return whose + " is not accepted: " + says;
  }
}

std::string WhyFailed(const TlsSettings& settings, bool was_asked) {
  const unsigned long error = ERR_peek_error();
  const int reason = ERR_GET_REASON(error);
  if (ERR_GET_LIB(error) == ERR_LIB_SSL) {
    if (reason > SSL_AD_REASON_OFFSET && reason <= SSL_AD_REASON_OFFSET + 255) {
      return AlertText(reason - SSL_AD_REASON_OFFSET, settings, was_asked);
    }
    if (reason == SSL_R_UNSUPPORTED_PROTOCOL) return TooOld(settings);
    if (reason == SSL_R_WRONG_VERSION_NUMBER) return kNoTls;
  }
  const char* const says = ERR_reason_error_string(error);
  return says != nullptr ? says : "failed";
}

}  // namespace redlockd::event
