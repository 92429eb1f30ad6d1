#pragma once

#include <cstddef>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>

#include "daemon/event/timer.h"
#include "daemon/event/watch.h"

namespace redlockd::event {

// Serves pages over HTTP, to programs that only read: GET and HEAD, one request a connection, which
// is closed after the answer. Everything that comes from outside is bounded: the connections (more
// wait in the socket's queue), the size of a request, and how long one may take. That bound on
// connections is why this is not libevent's own server, which has none in version 2.1.
class HttpServer {
 public:
  static constexpr std::size_t kMostConnections = 16;
  static constexpr std::size_t kMostBytes = 8192;  // of a request

  struct Request {
    std::string path;  // without its query; begins with a slash
    std::string host;  // the header Host; empty: there is none
  };
  struct Page {
    std::string status = "200 OK";
    std::string type;  // for the header Content-Type
    std::string body;
    // For the header Content-Security-Policy: what a browser may load and run for this page. Nothing
    // unless it says otherwise.
    std::string policy = "default-src 'none'; frame-ancestors 'none'";
  };
  // The page that is asked for; nothing: there is none (404).
  using Handler = std::function<std::optional<Page>(const Request& request)>;

  // `fd`: a listening, non-blocking stream socket; stays the caller's and outlives this object.
  HttpServer(Loop& loop, int fd, Handler handler);
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

 private:
  class Connection;

  void OnReadable();
  // The answer to a request, which is the first line of `head`.
  std::string Answer(const std::string& head) const;
  void Remove(std::list<Connection>::iterator connection);

  Loop& loop_;
  const int fd_;
  const Handler handler_;
  Timer pause_;  // while this process or the whole machine has no descriptor left
  Watch watch_;
  std::list<Connection> connections_;
};

}  // namespace redlockd::event
