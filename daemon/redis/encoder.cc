#include "daemon/redis/encoder.h"

#include <array>
#include <charconv>

namespace redlockd::redis {
namespace {

void AppendCount(std::string& out, char kind, std::size_t count) {
  std::array<char, 24> text{kind};
  char* end = std::to_chars(text.data() + 1, text.data() + text.size(), count).ptr;
  *end++ = '\r';
  *end++ = '\n';
  out.append(text.data(), end);
}

}  // namespace

void AppendBulk(std::string& out, std::string_view a, std::string_view b, std::string_view c) {
  AppendCount(out, '$', a.size() + b.size() + c.size());
  out.append(a);
  if (!b.empty()) out.append(b);
  if (!c.empty()) out.append(c);
  out.append("\r\n");
}

void BeginCommand(std::string& out, std::size_t words) { AppendCount(out, '*', words); }

void AppendCommand(std::string& out, std::span<const std::string_view> argv) {
  BeginCommand(out, argv.size());
  for (const std::string_view argument : argv) AppendBulk(out, argument);
}

}  // namespace redlockd::redis
