#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>

struct ssl_ctx_st;  // OpenSSL's SSL_CTX

namespace redlockd::event {

enum class TlsVersion { k1_2, k1_3 };

// What a client's side of TLS needs to know. Files are in PEM: these are their texts.
struct TlsSettings {
  std::string ca{};           // the certificates that are trusted; empty: the system's
  std::string certificate{};  // shown to a server that demands one, with its chain; empty: none
  std::string key{};          // of that certificate
  std::string server_name{};  // a name, or an IP address, that the server's certificate must be for
  TlsVersion min_version = TlsVersion::k1_2;
  bool verify = true;  // false: the server's certificate may be any
  bool operator==(const TlsSettings&) const = default;
};

// A text among the settings that is none of its kind.
struct TlsMistake {
  enum class Of { kCa, kCertificate, kKey };
  Of of;
  std::string expected;
  std::string found;  // to stand before " in FILE"; nothing of the text itself
};

// Until when the first certificate of that text, in PEM, is valid; none if there is none to be read.
std::optional<std::chrono::sys_seconds> ExpiryOf(const std::string& certificates);

// Settings that were understood; for any number of connections, one after another or at a time.
class TlsContext {
 public:
  using OrMistake = std::variant<std::shared_ptr<const TlsContext>, TlsMistake>;
  static OrMistake Make(TlsSettings settings);

  const TlsSettings& settings() const { return settings_; }
  ssl_ctx_st* get() const { return context_.get(); }

 private:
  explicit TlsContext(TlsSettings settings);

  TlsSettings settings_;
  std::shared_ptr<ssl_ctx_st> context_;
};

// Asked at each handshake, as the files may have changed: the context, or why there is none.
using TlsSource =
    std::function<std::variant<std::shared_ptr<const TlsContext>, std::string /* why not */>()>;

}  // namespace redlockd::event
