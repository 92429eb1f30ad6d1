#pragma once

#include <string>
#include <string_view>

namespace redlockd::bench {

// A client's end of the line protocol, as lean as a client can be. Not copied: it owns its socket.
// Any failure is a std::runtime_error.
class LineSocket {
 public:
  enum class Greeting { kHello, kNone };
  explicit LineSocket(const std::string& path, Greeting greeting = Greeting::kHello);
  LineSocket(LineSocket&& other) noexcept;
  LineSocket& operator=(LineSocket&&) = delete;
  ~LineSocket();

  int fd() const { return fd_; }
  void Send(std::string_view lines);
  // One read; waits for something to be there.
  void Fill();
  // The next line that was read whole, without its end. Valid until the next Fill. Events are
  // passed over.
  bool Next(std::string_view& line);
  // The next line, waited for.
  std::string_view Line();

 private:
  int fd_;
  std::string buffer_;
  std::size_t taken_ = 0;  // of buffer_
};

inline bool IsOk(std::string_view line) { return line.starts_with("OK"); }
// The number behind ` key=` in a line, 0 if there is none.
long long Number(std::string_view line, std::string_view key);

}  // namespace redlockd::bench
