#include "daemon/event/http_server.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "base/descriptor.h"
#include "daemon/event/loop.h"
#include "tests/support/wait.h"

namespace redlockd::event {
namespace {

using namespace std::chrono_literals;
using redlock::base::Descriptor;

using test::kPatience;

class HttpServerTest : public testing::Test {
 protected:
  HttpServerTest() {
    // An abstract name of the kernel's choice.
    address_.sun_family = AF_UNIX;
    listener_ = Descriptor(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    EXPECT_EQ(bind(listener_.get(), Address(), sizeof(sa_family_t)), 0);
    socklen_t size = sizeof address_;
    EXPECT_EQ(getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address_), &size), 0);
    size_ = size;
    EXPECT_EQ(listen(listener_.get(), 64), 0);
    server_ = std::make_unique<HttpServer>(
        loop_, listener_.get(),
        [this](const HttpServer::Request& request) -> std::optional<HttpServer::Page> {
          host_ = request.host;
          if (request.path == "/own") {
            return HttpServer::Page{.status = "421 Misdirected Request",
                                    .type = "text/y",
                                    .body = "own\n",
                                    .policy = "script-src 'self'"};
          }
          if (request.path != "/page") return std::nullopt;
          return HttpServer::Page{.type = "text/x", .body = std::string(kBody)};
        });
  }
  sockaddr* Address() { return reinterpret_cast<sockaddr*>(&address_); }

  Descriptor Connect() {
    Descriptor fd(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    EXPECT_EQ(connect(fd.get(), Address(), size_), 0);
    return fd;
  }
  static void Send(const Descriptor& fd, const std::string& text) {
    EXPECT_EQ(send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(text.size()));
  }
  // All that comes until the server closes.
  std::string ReadAll(const Descriptor& fd) {
    std::string all;
    const bool ended = loop_.RunUntil(
        [&] {
          std::array<char, 4096> bytes;
          ssize_t size = 0;
          while ((size = recv(fd.get(), bytes.data(), bytes.size(), 0)) > 0) {
            all.append(bytes.data(), static_cast<std::size_t>(size));
          }
          return size == 0 || errno != EAGAIN;
        },
        kPatience);
    EXPECT_TRUE(ended) << all;
    return all;
  }
  std::string Ask(const std::string& request) {
    const Descriptor fd = Connect();
    Send(fd, request);
    return ReadAll(fd);
  }
  static std::string StatusOf(const std::string& answer) {
    return answer.substr(0, answer.find('\r'));
  }

  static constexpr std::string_view kBody = "the page\n";
  sockaddr_un address_{};
  socklen_t size_ = 0;
  Descriptor listener_;
  Loop loop_;
  std::unique_ptr<HttpServer> server_;
  std::string host_;  // of the last request
};

TEST_F(HttpServerTest, ServesAPage) {
  EXPECT_EQ(
      Ask("GET /page HTTP/1.1\r\nHost: x\r\n\r\n"),
      "HTTP/1.1 200 OK\r\nContent-Type: text/x\r\nContent-Length: 9\r\n"
      "Allow: GET, HEAD\r\nCache-Control: no-store\r\nConnection: close\r\n"
      "X-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\n"
      "Content-Security-Policy: default-src 'none'; frame-ancestors 'none'\r\n\r\nthe page\n");
  EXPECT_EQ(StatusOf(Ask("GET /page?name=x HTTP/1.0\n\n")), "HTTP/1.1 200 OK");
}

TEST_F(HttpServerTest, APageMayHaveAStatusAndAPolicyOfItsOwn) {
  const std::string answer = Ask("GET /own HTTP/1.1\r\n\r\n");
  EXPECT_EQ(StatusOf(answer), "HTTP/1.1 421 Misdirected Request");
  EXPECT_NE(answer.find("\r\nContent-Security-Policy: script-src 'self'\r\n"), std::string::npos);
}

TEST_F(HttpServerTest, TellsThePageTheHostThatWasAskedFor) {
  struct Row {
    std::string headers;
    std::string host;
  };
  for (const Row& row : {
           Row{"Host: a:1\r\n", "a:1"},
           Row{"Accept: */*\r\nhOST:\t b \r\nHost: c\r\n", "b"},
           Row{"X-Host: a\r\nHost2: b\r\n", ""},
           Row{"Host\r\n", ""},
           Row{"", ""},
       }) {
    host_ = "?";
    Ask("GET /page?Host:x HTTP/1.1\r\n" + row.headers + "\r\n");
    EXPECT_EQ(host_, row.host) << row.headers;
  }
}

TEST_F(HttpServerTest, HeadHasNoBody) {
  const std::string answer = Ask("HEAD /page HTTP/1.1\r\n\r\n");
  EXPECT_EQ(StatusOf(answer), "HTTP/1.1 200 OK");
  EXPECT_EQ(answer.find(kBody), std::string::npos);
  EXPECT_NE(answer.find("Content-Length: 9\r\n"), std::string::npos);
}

TEST_F(HttpServerTest, RefusesWhatItDoesNotServe) {
  struct Row {
    std::string request;
    std::string status;
  };
  for (const Row& row : {
           Row{"GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 404 Not Found"},
           Row{"GET /page/x HTTP/1.1\r\n\r\n", "HTTP/1.1 404 Not Found"},
           Row{"POST /page HTTP/1.1\r\n\r\n", "HTTP/1.1 405 Method Not Allowed"},
           Row{"GET /page\r\n\r\n", "HTTP/1.1 400 Bad Request"},
           Row{"GET  HTTP/1.1\r\n\r\n", "HTTP/1.1 400 Bad Request"},
           Row{"\n\n", "HTTP/1.1 400 Bad Request"},
           Row{std::string("\0\xff \n\n", 5), "HTTP/1.1 400 Bad Request"},
           Row{"GET /page HTTP/1.1\r\nX: " + std::string(HttpServer::kMostBytes, 'x'),
               "HTTP/1.1 431 Request Header Fields Too Large"},
       }) {
    EXPECT_EQ(StatusOf(Ask(row.request)), row.status) << row.request.substr(0, 60);
  }
}

TEST_F(HttpServerTest, ARequestMayComeInPieces) {
  const Descriptor fd = Connect();
  for (const char* piece : {"GET /pa", "ge HTTP/1.1\r", "\n\r"}) {
    Send(fd, piece);
    EXPECT_EQ(StatusOf(Ask("GET /page HTTP/1.1\r\n\r\n")), "HTTP/1.1 200 OK") << "others go on";
  }
  Send(fd, "\n");
  EXPECT_EQ(StatusOf(ReadAll(fd)), "HTTP/1.1 200 OK");
}

TEST_F(HttpServerTest, WhoIsOneTooManyWaitsInTheQueue) {
  std::vector<Descriptor> idle;
  for (std::size_t i = 0; i < HttpServer::kMostConnections; ++i) idle.push_back(Connect());
  const Descriptor late = Connect();
  Send(late, "GET /page HTTP/1.1\r\n\r\n");
  // Nothing is heard for as long as the others are there.
  char byte = 0;
  EXPECT_FALSE(loop_.RunUntil([&] { return recv(late.get(), &byte, 1, MSG_PEEK) > 0; }, 50ms));
  idle.pop_back();
  EXPECT_EQ(StatusOf(ReadAll(late)), "HTTP/1.1 200 OK");
}

TEST_F(HttpServerTest, WhoLeavesEarlyIsForgotten) {
  for (std::size_t i = 0; i < 3 * HttpServer::kMostConnections; ++i) {
    const Descriptor fd = Connect();
    Send(fd, i % 2 ? "GET /pa" : "GET /page HTTP/1.1\r\n\r\n");
  }
  EXPECT_EQ(StatusOf(Ask("GET /page HTTP/1.1\r\n\r\n")), "HTTP/1.1 200 OK");
}

}  // namespace
}  // namespace redlockd::event
