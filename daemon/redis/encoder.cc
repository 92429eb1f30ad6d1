#include "daemon/redis/encoder.h"

#include <array>
#include <charconv>

namespace redlockd::redis {
namespace {

void AppendCount(std::string& out, char kind, std::size_t count) {
  std::array<char, 24> text;
  const auto end = std::to_chars(text.data(), text.data() + text.size(), count).ptr;
  out.push_back(kind);
  out.append(text.data(), end);
  out.append("\r\n");
}

}  // namespace

void AppendCommand(std::string& out, std::span<const std::string_view> argv) {
  AppendCount(out, '*', argv.size());
  for (const std::string_view argument : argv) {
    AppendCount(out, '$', argument.size());
    out.append(argument);
    out.append("\r\n");
  }
}

}  // namespace redlockd::redis
