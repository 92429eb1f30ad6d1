#include "config/values.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <utility>

#include "config/file.h"
#include "protocol/duration.h"

namespace redlockd::config {
namespace {

using redlock::protocol::FormatDuration;
using redlock::protocol::ParseDuration;

// The whole text as a number without a sign.
template <class Number, class... Format>
std::optional<Number> ParseNumber(std::string_view text, Format... format) {
  Number number{};
  if (text.empty() || text.front() == '-') return std::nullopt;
  const char* const last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, number, format...);
  if (error != std::errc() || end != last) return std::nullopt;
  return number;
}

// The shortest text that reads back as the same number, without an exponent.
std::string FormatFraction(double fraction) {
  std::array<char, 32> text;
  const auto result =
      std::to_chars(text.data(), text.data() + text.size(), fraction, std::chars_format::fixed);
  return std::string(text.data(), result.ptr);
}

bool IsPath(std::string_view text, std::size_t max) {
  return !text.empty() && text.front() == '/' && text.size() <= max &&
         text.find('\0') == std::string_view::npos;
}

constexpr std::size_t kMaxFilePath = 4095;
constexpr char kFilePath[] = "the absolute path of a file";

constexpr std::string_view kEverybody = "everybody";
constexpr std::string_view kNobody = "nobody";
constexpr std::string_view kGroup = "group:";
constexpr std::size_t kMostWho = 64;

bool IsUserOrGroup(std::string_view name) {
  constexpr std::size_t kMost = 32;
  return !name.empty() && name.size() <= kMost && std::all_of(name.begin(), name.end(), [](char c) {
    return c > ' ' && c <= '~' && c != ',' && c != ':';
  });
}

std::optional<Who> ParseWho(std::string_view text) {
  Who who;
  if (text == kEverybody) who.everybody = true;
  if (text == kEverybody || text == kNobody) return who;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    std::string_view name = text.substr(begin, end - begin);
    const bool is_group = name.starts_with(kGroup);
    if (is_group) name.remove_prefix(kGroup.size());
    // In a list these two would say something else than they do alone.
    if (!IsUserOrGroup(name) || (!is_group && (name == kEverybody || name == kNobody))) {
      return std::nullopt;
    }
    (is_group ? who.groups : who.users).emplace_back(name);
    begin = end + 1;
  }
  if (who.users.size() + who.groups.size() > kMostWho) return std::nullopt;
  return who;
}

std::string FormatWho(const Who& who) {
  if (who.everybody) return std::string(kEverybody);
  std::string text;
  const auto add = [&text](std::string_view kind, const std::string& name) {
    if (!text.empty()) text += ',';
    text.append(kind).append(name);
  };
  for (const std::string& user : who.users) add("", user);
  for (const std::string& group : who.groups) add(kGroup, group);
  return text.empty() ? std::string(kNobody) : text;
}

std::optional<Duration> ParseWithin(std::string_view text, Duration min, Duration max) {
  const std::optional<Duration> duration = ParseDuration(text);
  return duration && *duration >= min && *duration <= max ? duration : std::nullopt;
}

std::string ExpectedWithin(Duration min, Duration max) {
  return "a duration from " + FormatDuration(min) + " to " + FormatDuration(max);
}

std::optional<std::uint32_t> ParseCount(std::string_view text, std::uint32_t min,
                                        std::uint32_t max) {
  const auto count = ParseNumber<std::uint32_t>(text);
  return count && *count >= min && *count <= max ? count : std::nullopt;
}

std::string ExpectedCount(std::uint32_t min, std::uint32_t max) {
  return "a number from " + std::to_string(min) + " to " + std::to_string(max);
}

constexpr char kFlag[] = "true or false";

std::optional<bool> ParseFlag(std::string_view text) {
  if (text != "true" && text != "false") return std::nullopt;
  return text == "true";
}

std::string FormatFlag(bool flag) { return flag ? "true" : "false"; }

struct Level {
  std::string_view word;
  LogLevel level;
};
constexpr std::array kLevels = {Level{"error", LogLevel::kError},
                                Level{"warning", LogLevel::kWarning},
                                Level{"info", LogLevel::kInfo}, Level{"debug", LogLevel::kDebug}};

}  // namespace

bool DurationValue::Read(Target target, std::string_view text) const {
  const std::optional<Duration> duration = ParseWithin(text, min, max);
  if (duration) of(target) = *duration;
  return duration.has_value();
}
std::string DurationValue::Print(Target target) const { return FormatDuration(of(target)); }
std::string DurationValue::Expected() const { return ExpectedWithin(min, max); }

bool MaybeDurationValue::Read(Target target, std::string_view text) const {
  const std::optional<Duration> duration = ParseWithin(text, min, max);
  if (duration) of(target) = duration;
  return duration.has_value();
}
std::string MaybeDurationValue::Print(Target target) const {
  return of(target) ? FormatDuration(*of(target)) : "";
}
std::string MaybeDurationValue::Expected() const { return ExpectedWithin(min, max); }

bool WhoValue::Read(Target target, std::string_view text) const {
  std::optional<Who> who = ParseWho(text);
  if (!who) return false;
  of(target) = std::move(who);
  return true;
}
std::string WhoValue::Print(Target target) const {
  return of(target) ? FormatWho(*of(target)) : "";
}
std::string WhoValue::Expected() const {
  return "everybody, nobody, or at most " + std::to_string(kMostWho) +
         " users and groups, as in ann,group:ops";
}

bool CountValue::Read(Target target, std::string_view text) const {
  const std::optional<std::uint32_t> count = ParseCount(text, min, max);
  if (count) of(target) = *count;
  return count.has_value();
}
std::string CountValue::Print(Target target) const { return std::to_string(of(target)); }
std::string CountValue::Expected() const { return ExpectedCount(min, max); }

bool MaybeCountValue::Read(Target target, std::string_view text) const {
  const std::optional<std::uint32_t> count = ParseCount(text, min, max);
  if (count) of(target) = count;
  return count.has_value();
}
std::string MaybeCountValue::Print(Target target) const {
  return of(target) ? std::to_string(*of(target)) : "";
}
std::string MaybeCountValue::Expected() const { return ExpectedCount(min, max); }

bool FractionValue::Read(Target target, std::string_view text) const {
  const auto fraction = ParseNumber<double>(text, std::chars_format::fixed);
  if (!fraction || !(*fraction >= 0 && *fraction <= max)) return false;  // NaN is neither
  of(target) = *fraction;
  return true;
}
std::string FractionValue::Print(Target target) const { return FormatFraction(of(target)); }
std::string FractionValue::Expected() const {
  return "a fraction from 0 to " + FormatFraction(max);
}

bool WordValue::Read(Target target, std::string_view text) const {
  const bool fits =
      text.size() >= min && text.size() <= max &&
      std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c <= '~'; });
  if (fits) of(target) = text;
  return fits;
}
std::string WordValue::Print(Target target) const { return of(target); }
std::string WordValue::Expected() const {
  const std::string length = min == 0 ? "at most " : std::to_string(min) + " to ";
  return length + std::to_string(max) + " ASCII characters without blanks";
}

bool PathValue::Read(Target target, std::string_view text) const {
  if (!IsPath(text, max)) return false;
  of(target) = text;
  return true;
}
std::string PathValue::Print(Target target) const { return of(target); }
std::string PathValue::Expected() const {
  return "an absolute path of at most " + std::to_string(max) + " bytes";
}

bool SecretFileValue::Read(Target target, std::string_view text) const {
  if (!IsPath(text, kMaxFilePath)) return false;
  of(target) = text;
  return true;
}
std::string SecretFileValue::Print(Target target) const { return of(target); }
std::string SecretFileValue::Expected() const { return kFilePath; }

bool PemFileValue::Read(Target target, std::string_view text) const {
  if (!IsPath(text, kMaxFilePath)) return false;
  of(target) = text;
  return true;
}
std::string PemFileValue::Print(Target target) const { return of(target); }
std::string PemFileValue::Expected() const { return kFilePath; }

bool ModeValue::Read(Target target, std::string_view text) const {
  const auto mode = ParseNumber<mode_t>(text, 8);
  if (!mode || *mode > 0777) return false;
  of(target) = *mode;
  return true;
}
std::string ModeValue::Print(Target target) const { return ModeText(of(target)); }
std::string ModeValue::Expected() const { return "a file mode in octal, at most 0777"; }

bool LevelValue::Read(Target target, std::string_view text) const {
  for (const Level& level : kLevels) {
    if (level.word != text) continue;
    of(target) = level.level;
    return true;
  }
  return false;
}
std::string LevelValue::Print(Target target) const {
  const LogLevel wanted = of(target);
  return std::string(std::find_if(kLevels.begin(), kLevels.end(), [=](Level l) {
                       return l.level == wanted;
                     })->word);
}
std::string LevelValue::Expected() const { return "error, warning, info or debug"; }

bool HostValue::Read(Target target, std::string_view text) const {
  std::optional<std::string> host = ParseHost(text);
  if (!host) return false;
  of(target) = std::move(*host);
  return true;
}
std::string HostValue::Print(Target target) const { return of(target); }
std::string HostValue::Expected() const { return "a host name or an IP address"; }

bool FlagValue::Read(Target target, std::string_view text) const {
  const std::optional<bool> flag = ParseFlag(text);
  if (flag) of(target) = *flag;
  return flag.has_value();
}
std::string FlagValue::Print(Target target) const { return FormatFlag(of(target)); }
std::string FlagValue::Expected() const { return kFlag; }

bool MaybeFlagValue::Read(Target target, std::string_view text) const {
  const std::optional<bool> flag = ParseFlag(text);
  if (flag) of(target) = flag;
  return flag.has_value();
}
std::string MaybeFlagValue::Print(Target target) const {
  return of(target) ? FormatFlag(*of(target)) : "";
}
std::string MaybeFlagValue::Expected() const { return kFlag; }

bool TlsVersionValue::Read(Target target, std::string_view text) const {
  if (text != "1.2" && text != "1.3") return false;
  of(target) = text == "1.3" ? TlsVersion::k1_3 : TlsVersion::k1_2;
  return true;
}
std::string TlsVersionValue::Print(Target target) const {
  return of(target) == TlsVersion::k1_3 ? "1.3" : "1.2";
}
std::string TlsVersionValue::Expected() const { return "1.2 or 1.3"; }

bool AddressValue::Read(Target target, std::string_view text) const {
  std::optional<Address> address = ParseAddress(text);
  if (!address) return false;
  of(target) = std::move(*address);
  return true;
}
std::string AddressValue::Print(Target target) const { return ToString(of(target)); }
std::string AddressValue::Expected() const { return std::string(kAddressSyntax); }

bool ListenAddressValue::Read(Target target, std::string_view text) const {
  std::optional<Address> address = ParseAddress(text);
  if (!address) return false;
  const auto* tcp = std::get_if<TcpAddress>(&*address);
  if (tcp && !IsIpAddress(tcp->host)) return false;
  of(target) = std::move(address);
  return true;
}
std::string ListenAddressValue::Print(Target target) const {
  return of(target) ? ToString(*of(target)) : "";
}
std::string ListenAddressValue::Expected() const {
  return "an IP address and a port, as in 127.0.0.1:9411, or unix:/PATH";
}

}  // namespace redlockd::config
