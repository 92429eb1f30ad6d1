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

void AppendBulk(std::string& out, std::string_view text) {
  AppendCount(out, '$', text.size());
  out.append(text);
  out.append("\r\n");
}

void AppendCommand(std::string& out, std::span<const std::string_view> argv) {
  AppendCount(out, '*', argv.size());
  for (const std::string_view argument : argv) AppendBulk(out, argument);
}

}  // namespace redlockd::redis
