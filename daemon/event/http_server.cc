#include "daemon/event/http_server.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <string_view>
#include <utility>

#include "base/descriptor.h"
#include "daemon/event/loop.h"

namespace redlockd::event {
namespace {

using namespace std::chrono_literals;
using redlock::base::Descriptor;

constexpr auto kTimeout = 10s;  // to send a request and to take its answer
constexpr auto kPause = 1s;

std::string Response(const HttpServer::Page& page, bool with_body) {
  std::string text = "HTTP/1.1 ";
  text.append(page.status).append("\r\nContent-Type: ").append(page.type);
  text.append("\r\nContent-Length: ").append(std::to_string(page.body.size()));
  text.append("\r\nAllow: GET, HEAD\r\nCache-Control: no-store\r\nConnection: close");
  text.append("\r\nX-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer");
  text.append("\r\nContent-Security-Policy: ").append(page.policy).append("\r\n\r\n");
  if (with_body) text.append(page.body);
  return text;
}

std::string Refusal(const std::string& status, bool with_body = true) {
  return Response({.status = status, .type = "text/plain; charset=utf-8", .body = status + "\n"},
                  with_body);
}

// Up to `end`, which is taken off as well; all of it if there is no `end`.
std::string_view TakeUntil(char end, std::string_view& text) {
  const std::size_t size = text.find(end);
  const std::string_view taken = text.substr(0, size);
  text.remove_prefix(size == std::string_view::npos ? text.size() : size + 1);
  return taken;
}

std::string_view Trim(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t\r");
  if (begin == std::string_view::npos) return "";
  return text.substr(begin, text.find_last_not_of(" \t\r") + 1 - begin);
}

bool IsSameWord(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [&](char x, char y) { return lower(x) == lower(y); });
}

// The first header of that name in the lines after the request's own; empty if there is none.
std::string HeaderIn(std::string_view lines, std::string_view name) {
  while (!lines.empty()) {
    std::string_view line = TakeUntil('\n', lines);
    if (IsSameWord(TakeUntil(':', line), name)) return std::string(Trim(line));
  }
  return "";
}

}  // namespace

class HttpServer::Connection {
 public:
  Connection(HttpServer& server, Descriptor fd)
      : server_(server),
        fd_(std::move(fd)),
        timeout_(server.loop_, [this] { End(); }),
        watch_(server.loop_, fd_.get(), Watch::Trigger::kLevel, [this](unsigned) { GoOn(); }) {
    timeout_.Start(kTimeout);
    watch_.Want(Watch::kRead);
  }
  // Where it is, to be removed.
  void IsAt(std::list<Connection>::iterator place) { place_ = place; }

 private:
  void GoOn() {
    if (out_.empty()) return Read();
    Write();
  }

  void Read() {
    std::array<char, 4096> bytes;
    const ssize_t size = recv(fd_.get(), bytes.data(), bytes.size(), 0);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (size <= 0) return End();
    in_.append(bytes.data(), static_cast<std::size_t>(size));
    const bool is_whole =
        in_.find("\r\n\r\n") != std::string::npos || in_.find("\n\n") != std::string::npos;
    if (is_whole) {
      out_ = server_.Answer(in_);
    } else if (in_.size() > kMostBytes) {
      out_ = Refusal("431 Request Header Fields Too Large");
    } else {
      return;
    }
    watch_.Want(Watch::kWrite);
  }

  void Write() {
    const ssize_t size =
        send(fd_.get(), out_.data() + sent_, out_.size() - sent_, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (size < 0) return End();
    sent_ += static_cast<std::size_t>(size);
    if (sent_ == out_.size()) End();
  }

  // Destroys this.
  void End() { server_.Remove(place_); }

  HttpServer& server_;
  const Descriptor fd_;
  Timer timeout_;
  Watch watch_;
  std::string in_, out_;
  std::size_t sent_ = 0;
  std::list<Connection>::iterator place_;
};

HttpServer::HttpServer(Loop& loop, int fd, Handler handler)
    : loop_(loop),
      fd_(fd),
      handler_(std::move(handler)),
      pause_(loop, [this] { watch_.Want(Watch::kRead); }),
      watch_(loop, fd, Watch::Trigger::kLevel, [this](unsigned) { OnReadable(); }) {
  watch_.Want(Watch::kRead);
}

HttpServer::~HttpServer() = default;

void HttpServer::OnReadable() {
  Descriptor client(accept4(fd_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (!client) {
    if (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED) return;
    watch_.Want(Watch::kNothing);
    return pause_.Start(kPause);
  }
  const auto place = connections_.emplace(connections_.end(), *this, std::move(client));
  place->IsAt(place);
  if (connections_.size() == kMostConnections) watch_.Want(Watch::kNothing);
}

void HttpServer::Remove(std::list<Connection>::iterator connection) {
  connections_.erase(connection);
  if (!pause_.running()) watch_.Want(Watch::kRead);
}

std::string HttpServer::Answer(const std::string& head) const {
  std::string_view rest = head;
  std::string_view line = TakeUntil('\n', rest);
  const std::string_view method = TakeUntil(' ', line);
  std::string_view target = TakeUntil(' ', line);
  const std::string_view path = TakeUntil('?', target);
  if (!line.starts_with("HTTP/1.") || path.empty()) return Refusal("400 Bad Request");
  if (method != "GET" && method != "HEAD") return Refusal("405 Method Not Allowed");
  const bool with_body = method == "GET";
  const auto page = handler_({.path = std::string(path), .host = HeaderIn(rest, "Host")});
  if (!page) return Refusal("404 Not Found", with_body);
  return Response(*page, with_body);
}

}  // namespace redlockd::event
