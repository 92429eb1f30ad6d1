#include "libclient/cli/text.h"

#include <array>
#include <cstdio>

#include "protocol/duration.h"

namespace redlock::cli {
namespace {

using namespace std::chrono_literals;

template <typename... Args>
std::string Format(const char* format, Args... args) {
  char text[64];
  std::snprintf(text, sizeof(text), format, args...);
  return text;
}

bool IsContinuation(char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }

}  // namespace

std::string HumanDuration(std::chrono::nanoseconds duration) {
  const long long ns = duration.count();
  if (ns < 0) return "-" + HumanDuration(-duration);
  const long long seconds = ns / 1'000'000'000;
  if (duration < 1us) return Format("%lldns", ns);
  if (duration < 1ms) return Format("%lldus", ns / 1000);
  if (duration < 1s) return Format("%lldms", ns / 1'000'000);
  if (duration < 10s) return Format("%lld.%llds", seconds, ns / 100'000'000 % 10);
  if (duration < 60s) return Format("%llds", seconds);
  if (duration < 1h) return Format("%lldm%02llds", seconds / 60, seconds % 60);
  return Format("%lldh%02lldm", seconds / 3600, seconds / 60 % 60);
}

std::string HumanDuration(std::string_view wire) {
  const bool is_negative = wire.starts_with('-');
  const auto duration = protocol::ParseDuration(is_negative ? wire.substr(1) : wire);
  if (!duration) return std::string(wire);
  return (is_negative ? "-" : "") + HumanDuration(*duration);
}

std::string FormatTime(time_t time, const char* format, tm* (*split)(const time_t*, tm*)) {
  tm fields{};
  std::array<char, 32> text{};
  split(&time, &fields);
  strftime(text.data(), text.size(), format, &fields);
  return text.data();
}

std::size_t Places(std::string_view text) {
  std::size_t places = 0;
  for (const char c : text) places += IsContinuation(c) ? 0 : 1;
  return places;
}

std::string Cut(std::string text, std::size_t places) {
  if (Places(text) <= places) return text;
  while (Places(text) > places - 3) text.pop_back();
  return text + "...";
}

}  // namespace redlock::cli
