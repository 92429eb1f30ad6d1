#include "protocol/name.h"

#include <algorithm>
#include <array>

#include "protocol/limits.h"

namespace redlock::protocol {
namespace {

constexpr char kDigits[] = "0123456789ABCDEF";

// Bytes that stand for themselves; but for a '#' at the start.
constexpr std::array<bool, 256> kPlain = [] {
  std::array<bool, 256> plain{};
  for (unsigned char c = '!'; c <= '~'; ++c) plain[c] = c != '%' && c != '=';
  return plain;
}();

bool IsPlain(char c, std::size_t position) {
  return kPlain[static_cast<unsigned char>(c)] && (c != '#' || position > 0);
}

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

void PercentEncodeTo(std::string_view bytes, std::string& out) {
  std::size_t done = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (IsPlain(bytes[i], i)) continue;
    out.append(bytes.substr(done, i - done));
    done = i + 1;
    const auto byte = static_cast<unsigned char>(bytes[i]);
    out += '%';
    out += kDigits[byte >> 4];
    out += kDigits[byte & 15];
  }
  out.append(bytes.substr(done));
}

std::string PercentEncode(std::string_view bytes) {
  std::string out;
  PercentEncodeTo(bytes, out);
  return out;
}

std::optional<std::string> PercentDecode(std::string_view word, std::string* out) {
  std::size_t i = std::min(word.find('%'), word.size());
  out->assign(word.substr(0, i));
  for (; i < word.size(); ++i) {
    if (word[i] != '%') {
      *out += word[i];
      continue;
    }
    const int high = i + 1 < word.size() ? HexValue(word[i + 1]) : -1;
    const int low = i + 2 < word.size() ? HexValue(word[i + 2]) : -1;
    if (high < 0 || low < 0) {
      return "'" + std::string(word.substr(i, 3)) + "' at byte " + std::to_string(i + 1) +
             ": expected two hexadecimal digits after '%' (a '%' itself is %25)";
    }
    if (high == 0 && low == 0) {
      return "'%00' at byte " + std::to_string(i + 1) + ": expected any byte but NUL";
    }
    *out += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return std::nullopt;
}

std::optional<std::string> CheckName(std::string_view name) {
  if (name.empty()) return "the lock name is empty: expected 1 to 255 bytes";
  if (name.size() > kNameBytes) {
    return "the lock name has " + std::to_string(name.size()) + " bytes: expected 1 to 255";
  }
  if (name.find('\0') != std::string_view::npos) {
    return "the lock name has a NUL byte: expected any byte but NUL";
  }
  return std::nullopt;
}

}  // namespace redlock::protocol
