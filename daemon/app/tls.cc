#include "daemon/app/tls.h"

#include <chrono>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <variant>

#include "config/pem_file.h"
#include "daemon/host/clock.h"

namespace redlockd::app {
namespace {

struct Mistake {
  std::string key;  // without what stands before it: "tls.ca"
  std::string what;
};

config::Tls TlsOf(const config::Node& node) {
  config::Tls tls = node.tls;
  const auto* tcp = std::get_if<config::TcpAddress>(&node.address);
  if (tls.server_name.empty() && tcp != nullptr) {
    tls.server_name = tcp->host.substr(0, tcp->host.find('%'));  // without this host's interface
  }
  return tls;
}

std::variant<event::TlsSettings, Mistake> ReadSettings(const config::Tls& tls) {
  event::TlsSettings settings;
  settings.server_name = tls.server_name;
  settings.min_version = tls.min_version == config::TlsVersion::k1_3 ? event::TlsVersion::k1_3
                                                                     : event::TlsVersion::k1_2;
  settings.verify = tls.verify;
  const struct {
    const char* key;
    const std::string& path;
    std::string& text;
    bool is_secret;
  } files[] = {{"tls.ca", tls.ca, settings.ca, false},
               {"tls.cert", tls.cert, settings.certificate, false},
               {"tls.key", tls.key, settings.key, true}};
  for (const auto& file : files) {
    if (file.path.empty()) continue;
    config::PemRead read = config::ReadPemFile(file.path, file.is_secret);
    if (!read.error.empty()) return Mistake{file.key, std::move(read.error)};
    file.text = std::move(read.text);
  }
  return settings;
}

Mistake Named(const event::TlsMistake& mistake, const config::Tls& tls) {
  using Of = event::TlsMistake::Of;
  const auto at = [&](const char* key, const std::string& path) {
    return Mistake{key,
                   "expected " + mistake.expected + ", found " + mistake.found + " in " + path};
  };
  switch (mistake.of) {
    case Of::kCa:
      return at("tls.ca", tls.ca);
    case Of::kCertificate:
      return at("tls.cert", tls.cert);
    case Of::kKey:
      break;
  }
  return at("tls.key", tls.key);
}

using Context = std::shared_ptr<const event::TlsContext>;

// `last` is taken again if nothing has changed: the connections to a node share what is large in it.
std::variant<Context, Mistake> Read(const config::Tls& tls, const Context& last) {
  auto settings = ReadSettings(tls);
  if (auto* mistake = std::get_if<Mistake>(&settings)) return std::move(*mistake);
  auto& now = std::get<event::TlsSettings>(settings);
  // What the system trusts is no text to compare.
  if (last && !now.ca.empty() && last->settings() == now) return last;
  auto made = event::TlsContext::Make(std::move(now));
  if (const auto* mistake = std::get_if<event::TlsMistake>(&made)) {
    return Named(*mistake, tls);
  }
  return std::get<Context>(std::move(made));
}

// Why that certificate must be replaced soon; empty if it need not be.
std::string ExpiresSoon(const std::string& certificate) {
  constexpr std::chrono::days kSoon(14);
  const auto expiry = event::ExpiryOf(certificate);
  // In seconds: some certificates never expire, which nanoseconds cannot express.
  const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  if (!expiry || *expiry - now > kSoon) return "";
  return "expected a certificate that is valid for another 14 days, found one that is valid "
         "until " +
         host::UtcText(*expiry) + "Z";
}

}  // namespace

event::TlsSource TlsSourceOf(const config::Node& node) {
  if (!node.tls.enabled) return nullptr;
  return [tls = TlsOf(node), last = Context()]() mutable -> std::variant<Context, std::string> {
    auto read = Read(tls, last);
    if (const auto* mistake = std::get_if<Mistake>(&read)) {
      return mistake->key + ": " + mistake->what;
    }
    last = std::get<Context>(std::move(read));
    return last;
  };
}

void CheckTls(config::Loaded& loaded) {
  std::set<std::string> found;  // nodes may share a mistake of the section for all
  for (std::size_t i = 0; i < loaded.config.nodes.size(); ++i) {
    const config::Node& node = loaded.config.nodes[i];
    if (!node.tls.enabled) continue;
    const auto read = Read(TlsOf(node), nullptr);
    const auto* mistake = std::get_if<Mistake>(&read);
    const std::string of = mistake ? mistake->key : "tls.cert";
    const std::string own = "nodes[" + std::to_string(i) + "]." + of;
    const std::string key = loaded.given.contains(own) ? own : of;
    if (mistake) {
      if (found.insert(key).second) loaded.AddError(key, mistake->what);
      continue;
    }
    const std::string warning = ExpiresSoon(std::get<Context>(read)->settings().certificate);
    if (!warning.empty() && found.insert(key).second) {
      loaded.warnings.push_back({loaded.PlaceOf(key), key, warning});
    }
  }
}

Expiries CertificateExpiries(const config::Config& config) {
  Expiries expiries;
  for (const config::Node& node : config.nodes) {
    std::optional<std::chrono::sys_seconds>& expiry = expiries.emplace_back();
    if (!node.tls.enabled || node.tls.cert.empty()) continue;
    expiry = event::ExpiryOf(config::ReadPemFile(node.tls.cert, false).text)
                 .value_or(std::chrono::sys_seconds());
  }
  return expiries;
}

const Expiries& CertificateWatch::Look(const config::Config& config) {
  const auto now = std::chrono::steady_clock::now();
  if (!read_at_ || now - *read_at_ >= std::chrono::minutes(1)) {
    read_at_ = now;
    expiries_ = CertificateExpiries(config);
  }
  return expiries_;
}

}  // namespace redlockd::app
