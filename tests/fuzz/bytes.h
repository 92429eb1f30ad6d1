#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

// A fuzz target's input, taken apart from its front. At its end all is 0 and empty.
namespace redlockd::fuzz {

class Bytes {
 public:
  Bytes(const std::uint8_t* data, std::size_t size)
      : rest_(reinterpret_cast<const char*>(data), size) {}

  bool empty() const { return rest_.empty(); }

  std::uint8_t Byte() {
    if (rest_.empty()) return 0;
    const auto byte = static_cast<std::uint8_t>(rest_.front());
    rest_.remove_prefix(1);
    return byte;
  }
  // In [0, bound); bound <= 256.
  std::size_t Below(std::size_t bound) { return Byte() % bound; }
  bool OneIn(std::size_t n) { return Below(n) == 1; }  // not at the end of the input

  std::uint64_t Number(std::size_t bytes) {
    std::uint64_t number = 0;
    for (std::size_t i = 0; i < bytes; ++i) number = number << 8 | Byte();
    return number;
  }

  std::string_view Text(std::size_t most) {
    const std::string_view text = rest_.substr(0, most);
    rest_.remove_prefix(text.size());
    return text;
  }
  std::string_view Rest() { return Text(rest_.size()); }

  // Up to the next `mark`, which is dropped.
  std::string_view Until(char mark) {
    const std::string_view text = rest_.substr(0, rest_.find(mark));
    rest_.remove_prefix(std::min(text.size() + 1, rest_.size()));
    return text;
  }

 private:
  std::string_view rest_;
};

// In the text formats this byte is none of the text, but a place where the text is cut: what stands
// before it arrives alone.
inline constexpr char kCut = '\xff';

inline std::vector<std::string> Pieces(Bytes input) {
  std::vector<std::string> pieces;
  while (!input.empty()) pieces.emplace_back(input.Until(kCut));
  return pieces;
}

inline std::string Join(const std::vector<std::string>& pieces) {
  std::string whole;
  for (const std::string& piece : pieces) whole += piece;
  return whole;
}

}  // namespace redlockd::fuzz
