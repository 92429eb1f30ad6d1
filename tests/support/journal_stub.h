#pragma once

#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>

#include "tests/support/fd.h"

namespace redlockd::test {

// A stand-in for the journal: the socket where it takes lines with fields.
class JournalStub {
 public:
  // Of a line: its fields and their values, with MESSAGE and PRIORITY among them.
  using Fields = std::map<std::string, std::string, std::less<>>;

  explicit JournalStub(const std::string& path) : socket_(socket(AF_UNIX, SOCK_DGRAM, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) throw std::runtime_error("too long: " + path);
    std::memcpy(address.sun_path, path.data(), path.size());
    if (bind(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
      throw std::runtime_error("cannot bind " + path);
    }
  }

  int fd() const { return socket_.get(); }

  // The next line that is there now; empty if there is none.
  Fields Next() {
    std::array<char, 65536> datagram;
    const ssize_t size = recv(socket_.get(), datagram.data(), datagram.size(), MSG_DONTWAIT);
    return size < 0 ? Fields{} : Parse({datagram.data(), static_cast<std::size_t>(size)});
  }

 private:
  static Fields Parse(std::string_view lines) {
    Fields fields;
    while (!lines.empty()) {
      const std::string_view line = lines.substr(0, lines.find('\n'));
      const std::size_t equals = line.find('=');
      if (equals == std::string_view::npos)
        throw std::runtime_error("no field: " + std::string(line));
      fields.emplace(line.substr(0, equals), line.substr(equals + 1));
      lines.remove_prefix(std::min(line.size() + 1, lines.size()));
    }
    return fields;
  }

  Fd socket_;
};

}  // namespace redlockd::test
