#include "daemon/state/codec.h"

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <type_traits>

#include "daemon/state/fields.h"

namespace redlockd::state {
namespace {

constexpr std::string_view kMagic = "REDLOCKD";
constexpr std::size_t kHeader = kMagic.size() + 4 + 8 + 8;

// FNV-1a: finds what was torn or overwritten by mistake; nobody else can write there.
std::uint64_t Checksum(std::string_view bytes) {
  std::uint64_t sum = 0xcbf29ce484222325;
  for (const char byte : bytes) {
    sum = (sum ^ static_cast<unsigned char>(byte)) * 0x100000001b3;
  }
  return sum;
}

void PutNumber(std::string& out, std::uint64_t number, std::size_t bytes) {
  for (std::size_t i = 0; i < bytes; ++i) out += static_cast<char>(number >> (8 * i));
}

std::uint64_t NumberAt(std::string_view bytes, std::size_t size) {
  std::uint64_t number = 0;
  for (std::size_t i = size; i-- > 0;) {
    number = (number << 8) | static_cast<unsigned char>(bytes[i]);
  }
  return number;
}

template <class T>
concept Number = std::integral<T> || std::is_enum_v<T>;

class Writer {
 public:
  template <class... Ts>
  void operator()(Ts&... values) {
    (Put(values), ...);
  }
  template <class R>
  void PutRecord(R& record) {
    const std::size_t begin = out_.size();
    PutNumber(out_, 0, 4);
    Fields(*this, record);
    std::string length;
    PutNumber(length, out_.size() - begin - 4, 4);
    out_.replace(begin, 4, length);
  }
  std::string Take() { return std::move(out_); }

 private:
  void Put(Number auto value) { PutNumber(out_, static_cast<std::uint64_t>(value), 8); }
  void Put(engine::Duration duration) { Put(duration.count()); }
  void Put(engine::Time time) { Put(time.time_since_epoch().count()); }
  void Put(std::string& text) {
    Put(text.size());
    out_ += text;
  }
  template <class T>
  void Put(std::optional<T>& value) {
    Put(value.has_value());
    if (value) Put(*value);
  }
  template <class T>
  void Put(std::vector<T>& values) {
    Put(values.size());
    for (T& value : values) Put(value);
  }
  template <class R>
  requires std::is_class_v<R>
  void Put(R& record) { PutRecord(record); }

  std::string out_;
};

// Reads no further once something did not fit. All that it makes is bounded by the bytes that there
// are.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : left_(bytes) {}

  template <class... Ts>
  void operator()(Ts&... values) {
    (GetIfThere(values), ...);
  }
  template <class R>
  void GetRecord(R& record) {
    const std::string_view all = Bytes(Unsigned(4));
    Reader fields(all);
    Fields(fields, record);
    fits_ = fits_ && fields.fits_;
  }
  bool fits() const { return fits_; }

 private:
  // What an earlier version did not write has its default.
  template <class T>
  void GetIfThere(T& value) {
    if (fits_ && !left_.empty()) Get(value);
  }
  std::string_view Bytes(std::uint64_t size) {
    if (size > left_.size()) {
      fits_ = false;
      left_ = {};
      return {};
    }
    const std::string_view bytes = left_.substr(0, size);
    left_.remove_prefix(size);
    return bytes;
  }
  std::uint64_t Unsigned(std::size_t size) {
    const std::string_view bytes = Bytes(size);
    return fits_ ? NumberAt(bytes, size) : 0;
  }

  void Get(bool& value) {
    const std::uint64_t number = Unsigned(8);
    fits_ = fits_ && number <= 1;
    value = number == 1;
  }
  template <Number T>
  void Get(T& value) {
    const std::uint64_t number = Unsigned(8);
    value = static_cast<T>(number);
    fits_ = fits_ && static_cast<std::uint64_t>(value) == number;
  }
  void Get(engine::Duration& duration) {
    std::int64_t count = 0;
    Get(count);
    duration = engine::Duration(count);
  }
  void Get(engine::Time& time) {
    engine::Duration since{};
    Get(since);
    time = engine::Time(since);
  }
  void Get(std::string& text) { text = Bytes(Unsigned(8)); }
  template <class T>
  void Get(std::optional<T>& value) {
    bool has = false;
    Get(has);
    if (fits_ && has) Get(value.emplace());
  }
  template <class T>
  void Get(std::vector<T>& values) {
    const std::uint64_t size = Unsigned(8);
    // Each takes a byte at least.
    fits_ = fits_ && size <= left_.size();
    for (std::uint64_t i = 0; fits_ && i < size; ++i) Get(values.emplace_back());
  }
  template <class R>
  requires std::is_class_v<R>
  void Get(R& record) { GetRecord(record); }

  std::string_view left_;
  bool fits_ = true;
};

bool HasShared(const engine::State& state) {
  return std::any_of(state.locks.begin(), state.locks.end(), [](const engine::record::Lock& lock) {
    return (lock.lease && lock.lease->shared) ||
           std::any_of(lock.waits.begin(), lock.waits.end(),
                       [](const engine::record::Wait& wait) { return wait.shared; });
  });
}

}  // namespace

std::string Encode(const Image& image) {
  Writer writer;
  // The lists of fields are for both directions; a writer changes nothing.
  writer.PutRecord(const_cast<Image&>(image));
  return Seal(writer.Take(), HasShared(image.engine) ? kVersionWithShared : kVersion);
}

std::string Seal(std::string_view body, std::uint32_t version) {
  std::string bytes(kMagic);
  PutNumber(bytes, version, 4);
  PutNumber(bytes, body.size(), 8);
  PutNumber(bytes, Checksum(body), 8);
  return bytes.append(body);
}

std::variant<Image, std::string> Decode(std::string_view bytes) {
  if (bytes.size() < kHeader || !bytes.starts_with(kMagic)) return "it is no state of redlockd";
  const std::string_view header = bytes.substr(kMagic.size());
  const std::uint64_t version = NumberAt(header, 4);
  const std::uint64_t length = NumberAt(header.substr(4), 8);
  const std::uint64_t checksum = NumberAt(header.substr(12), 8);
  if (version < kVersion || version > kVersionWithShared) {
    return "it has version " + std::to_string(version) + ", expected " + std::to_string(kVersion) +
           " or " + std::to_string(kVersionWithShared);
  }
  if (length > bytes.size() - kHeader) return "its end is missing";
  const std::string_view body = bytes.substr(kHeader, length);
  if (Checksum(body) != checksum) return "its checksum is wrong";
  Reader reader(body);
  Image image;
  reader.GetRecord(image);
  if (!reader.fits()) return "its records do not fit";
  return image;
}

}  // namespace redlockd::state
