#include "daemon/host/journal_socket.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <cstring>
#include <utility>

#include "base/check.h"

namespace redlockd::host {
namespace {

void Add(std::string& datagram, std::string_view name, std::string_view value) {
  CHECK(value.find('\n') == std::string_view::npos);
  datagram.append(name).append("=").append(value).append("\n");
}

}  // namespace

JournalSocket::JournalSocket(std::string path)
    : path_(std::move(path)), socket_(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
  CHECK(path_.size() < sizeof(sockaddr_un::sun_path));
}

bool JournalSocket::Send(int priority, std::string_view message, const LogFields& fields) const {
  std::string datagram;
  Add(datagram, "PRIORITY", std::to_string(priority));
  Add(datagram, "SYSLOG_IDENTIFIER", "redlockd");
  Add(datagram, "MESSAGE", message);
  for (const LogField& field : fields) Add(datagram, field.name, field.value);
  // By its path each time: a journal that was started anew may have another socket there.
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path_.data(), path_.size());
  return sendto(socket_.get(), datagram.data(), datagram.size(), MSG_DONTWAIT | MSG_NOSIGNAL,
                reinterpret_cast<const sockaddr*>(&address), sizeof address) >= 0;
}

}  // namespace redlockd::host
