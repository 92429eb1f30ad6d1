#include "tests/support/tcp_proxy.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <deque>
#include <optional>
#include <stdexcept>
#include <string_view>
#include <utility>
#include <vector>

namespace redlockd::test {
namespace {

constexpr std::size_t kMaxQueued = 1 << 20;  // bytes of one way; then the sender has to wait

sockaddr_in Loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

Fd TcpSocket() {
  Fd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int on = 1;
  setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return fd;
}

void ResetOnClose(const Fd& fd) {
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  setsockopt(fd.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

// Bytes on their way in one direction, each chunk with the time at which it may arrive.
class Queue {
 public:
  void Push(std::string_view bytes, Duration due, Duration per_byte) {
    if (per_byte == Duration::zero()) {
      chunks_.push_back({std::string(bytes), due});
    } else {
      for (const char byte : bytes) {
        last_drop_ = std::max(last_drop_ + per_byte, due);
        chunks_.push_back({std::string(1, byte), last_drop_});
      }
    }
    size_ += bytes.size();
  }
  std::size_t size() const { return size_; }
  std::optional<Duration> Due() const {
    return chunks_.empty() ? std::nullopt : std::optional(chunks_.front().due);
  }
  // False if the receiver is gone.
  bool Forward(const Fd& to, Duration now) {
    while (!chunks_.empty() && chunks_.front().due <= now) {
      std::string& bytes = chunks_.front().bytes;
      const ssize_t sent = send(to.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (sent < 0) return errno == EAGAIN;
      size_ -= static_cast<std::size_t>(sent);
      bytes.erase(0, static_cast<std::size_t>(sent));
      if (!bytes.empty()) return true;
      chunks_.pop_front();
    }
    return true;
  }

 private:
  struct Chunk {
    std::string bytes;
    Duration due;
  };
  std::deque<Chunk> chunks_;
  Duration last_drop_{};
  std::size_t size_ = 0;
};

}  // namespace

struct TcpProxy::Link {
  std::array<Fd, 2> ends;      // by the direction of what is sent into them
  std::array<Queue, 2> ways;   // by direction
  std::array<bool, 2> dead{};  // likewise: bytes were lost
  bool broken = false;

  const Fd& From(int direction) const { return ends[1 - direction]; }

  void Read(int direction, const Way& way, Duration now) {
    char bytes[16384];
    const ssize_t got = recv(From(direction).get(), bytes, sizeof bytes, MSG_DONTWAIT);
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) {
      broken = true;
    } else if (way.lose || dead[direction]) {
      dead[direction] = true;
    } else {
      ways[direction].Push({bytes, static_cast<std::size_t>(got)}, now + way.delay, way.per_byte);
    }
  }
};

TcpProxy::TcpProxy(std::uint16_t server_port)
    : listener_(TcpSocket()), wake_(eventfd(0, EFD_CLOEXEC)), server_ports_{server_port} {
  const sockaddr_in address = Loopback(port_.number());
  if (bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      listen(listener_.get(), 64) != 0) {
    throw std::runtime_error("the proxy cannot listen on " + Address());
  }
  thread_ = std::thread([this] { Run(); });
}

TcpProxy::~TcpProxy() {
  Apply([&] { stop_ = true; });
  thread_.join();
}

template <typename Change>
void TcpProxy::Apply(Change change) {
  {
    const std::lock_guard guard(mutex_);
    change();
  }
  eventfd_write(wake_.get(), 1);
}

void TcpProxy::Delay(Direction direction, Duration delay) {
  Apply([&] { ways_[direction].delay = delay; });
}
void TcpProxy::Lose(Direction direction, bool on) {
  Apply([&] { ways_[direction].lose = on; });
}
void TcpProxy::Drip(Direction direction, Duration per_byte) {
  Apply([&] { ways_[direction].per_byte = per_byte; });
}
void TcpProxy::Pause(bool on) {
  Apply([&] { paused_ = on; });
}
void TcpProxy::Cut() {
  Apply([&] { cut_ = true; });
}

void TcpProxy::Forget() {
  Apply([&] { forget_ = true; });
}
void TcpProxy::LeadTo(std::vector<std::uint16_t> server_ports) {
  Apply([&] { server_ports_ = std::move(server_ports); });
}

void TcpProxy::Accept() {
  Fd client(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  Fd server = TcpSocket();
  sockaddr_in address;
  {
    const std::lock_guard guard(mutex_);
    address = Loopback(server_ports_[accepted_++ % server_ports_.size()]);
  }
  // Blocks, but on loopback only for as long as the kernel needs.
  if (connect(server.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    ResetOnClose(client);
    return;
  }
  Link link;
  link.ends[kToServer] = std::move(server);
  link.ends[kToClient] = std::move(client);
  links_.push_back(std::move(link));
}

void TcpProxy::Run() {
  for (;;) {
    bool paused;
    {
      const std::lock_guard guard(mutex_);
      if (stop_) return;
      if (std::exchange(cut_, false)) {
        for (const Link& link : links_)
          std::for_each(link.ends.begin(), link.ends.end(), ResetOnClose);
        links_.clear();
      }
      if (std::exchange(forget_, false)) {
        for (Link& link : links_) link.dead = {true, true};
      }
      paused = paused_;
    }

    const Duration now = BootTime();
    std::vector<pollfd> polled = {{.fd = listener_.get(), .events = POLLIN, .revents = 0},
                                  {.fd = wake_.get(), .events = POLLIN, .revents = 0}};
    Duration next = now + 1h;
    for (Link& link : links_) {
      for (const int direction : {kToServer, kToClient}) {
        const bool reads = !paused && link.ways[direction].size() < kMaxQueued;
        const auto due = link.ways[direction].Due();
        const bool writes = !paused && due && *due <= now;
        if (!paused && due && *due > now) next = std::min(next, *due);
        // -1: poll() would report a closed connection all the time, wanted or not.
        polled.push_back(
            {.fd = reads ? link.From(direction).get() : -1, .events = POLLIN, .revents = 0});
        polled.push_back(
            {.fd = writes ? link.ends[direction].get() : -1, .events = POLLOUT, .revents = 0});
      }
    }
    const timespec timeout{.tv_sec = (next - now) / 1s, .tv_nsec = ((next - now) % 1s).count()};
    if (ppoll(polled.data(), polled.size(), &timeout, nullptr) < 0) continue;

    // Only now: bytes that came after a change are forwarded as it says.
    std::array<Way, 2> ways;
    {
      const std::lock_guard guard(mutex_);
      if (paused_ != paused) continue;  // then what was polled for is not what is wanted now
      ways = ways_;
    }
    std::size_t at = 2;
    for (Link& link : links_) {
      for (const int direction : {kToServer, kToClient}) {
        if (polled[at].revents != 0) link.Read(direction, ways[direction], BootTime());
        at += 2;
        if (!paused && !link.ways[direction].Forward(link.ends[direction], BootTime())) {
          link.broken = true;
        }
      }
    }
    links_.remove_if([](const Link& link) { return link.broken; });
    if (polled[0].revents != 0) Accept();
    if (polled[1].revents != 0) {
      eventfd_t ignored;
      eventfd_read(wake_.get(), &ignored);
    }
  }
}

}  // namespace redlockd::test
