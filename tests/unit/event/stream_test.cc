#include "daemon/event/stream.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "daemon/event/loop.h"
#include "daemon/event/timer.h"
#include "tests/support/test_ca.h"
#include "tests/support/wait.h"
#include "tests/unit/event/tls_server.h"

namespace redlockd::event {
namespace {

using namespace std::chrono_literals;

using test::kPatience;

// A stream to a listener on 127.0.0.1.
class StreamTest : public ::testing::Test {
 protected:
  StreamTest() : listener_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    address_.sin_family = AF_INET;
    address_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address_;
    EXPECT_EQ(bind(listener_, reinterpret_cast<sockaddr*>(&address_), size), 0);
    EXPECT_EQ(getsockname(listener_, reinterpret_cast<sockaddr*>(&address_), &size), 0);
    EXPECT_EQ(listen(listener_, 4), 0);
  }
  ~StreamTest() override {
    stream_.reset();
    close(listener_);
    if (peer_ >= 0) close(peer_);
  }

  void Make() {
    stream_ = std::make_unique<Stream>(
        loop_, Stream::Callbacks{.on_connected = [this] { ++connected_; },
                                 .on_bytes = [this](std::string_view bytes) { heard_ += bytes; },
                                 .on_closed =
                                     [this](const std::string& reason) {
                                       closed_.push_back(reason);
                                       stream_.reset();
                                     }});
  }
  void Connect() {
    Make();
    stream_->Connect(reinterpret_cast<sockaddr*>(&address_), sizeof address_);
    EXPECT_EQ(connected_, 0) << "from within Connect";
    EXPECT_TRUE(loop_.RunUntil([this] { return connected_ == 1; }, kPatience));
    peer_ = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
  }

  Loop loop_;
  int listener_;
  int peer_ = -1;
  sockaddr_in address_{};
  std::unique_ptr<Stream> stream_;
  int connected_ = 0;
  std::string heard_;
  std::vector<std::string> closed_;
};

TEST_F(StreamTest, SaysAndHears) {
  Connect();
  stream_->Write("pi");
  stream_->Write("ng");
  EXPECT_EQ(stream_->unsent(), 4u);
  EXPECT_TRUE(loop_.RunUntil([this] { return stream_->unsent() == 0; }, kPatience));
  char bytes[5] = {};
  EXPECT_EQ(read(peer_, bytes, 4), 4);
  EXPECT_STREQ(bytes, "ping");
  const std::string much(100'000, 'x');
  ASSERT_EQ(write(peer_, much.data(), much.size()), static_cast<ssize_t>(much.size()));
  EXPECT_TRUE(loop_.RunUntil([&] { return heard_.size() == much.size(); }, kPatience));
}

TEST_F(StreamTest, GoesOnWhenThePeerReadsAgain) {
  Connect();
  const std::string much(8'000'000, 'x');
  stream_->Write(much);
  bool waited = false;
  Timer timer(loop_, [&] { waited = true; });
  timer.Start(1ms);
  EXPECT_TRUE(loop_.RunUntil([&] { return waited; }, kPatience));
  EXPECT_GT(stream_->unsent(), 0u) << "the kernel took it all";
  stream_->Write("end");
  std::string got;
  const auto read_all = [&] {
    std::array<char, 65536> bytes;
    ssize_t size = 0;
    while ((size = recv(peer_, bytes.data(), bytes.size(), MSG_DONTWAIT)) > 0) {
      got.append(bytes.data(), static_cast<std::size_t>(size));
    }
    return got.size() >= much.size() + 3;
  };
  EXPECT_TRUE(loop_.RunUntil(read_all, kPatience));
  EXPECT_EQ(got, much + "end");
  EXPECT_EQ(stream_->unsent(), 0u);
}

TEST_F(StreamTest, TellsTheEndOnceAfterTheLastBytes) {
  Connect();
  ASSERT_EQ(write(peer_, "bye", 3), 3);
  close(std::exchange(peer_, -1));
  EXPECT_TRUE(loop_.RunUntil([this] { return !closed_.empty(); }, kPatience));
  EXPECT_EQ(heard_, "bye");
  EXPECT_EQ(closed_, std::vector<std::string>{"closed by the other side"});
}

TEST_F(StreamTest, ARefusedConnectIsTold) {
  close(listener_);
  Make();
  stream_->Connect(reinterpret_cast<sockaddr*>(&address_), sizeof address_);
  EXPECT_TRUE(loop_.RunUntil([this] { return !closed_.empty(); }, kPatience));
  EXPECT_EQ(closed_[0], "Connection refused");
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

TEST_F(StreamTest, AConnectThatFailsAtOnceIsToldInTheLoop) {
  sockaddr_un nowhere{};
  nowhere.sun_family = AF_UNIX;
  std::strcpy(nowhere.sun_path, "/nonexistent/socket");
  Make();
  stream_->Connect(reinterpret_cast<sockaddr*>(&nowhere), sizeof nowhere);
  EXPECT_TRUE(closed_.empty()) << "from within Connect";
  EXPECT_TRUE(loop_.RunUntil([this] { return !closed_.empty(); }, kPatience));
  EXPECT_EQ(closed_[0], "No such file or directory");
  // Destroyed before the turn's end, it tells nothing.
  Make();
  stream_->Connect(reinterpret_cast<sockaddr*>(&nowhere), sizeof nowhere);
  stream_.reset();
  loop_.RunUntil([] { return false; }, 5ms);
  EXPECT_EQ(closed_.size(), 1u);
}

TEST_F(StreamTest, DestroyedItClosesAndTellsNothing) {
  Connect();
  stream_.reset();
  loop_.RunUntil([] { return false; }, 5ms);
  char byte = 0;
  EXPECT_EQ(read(peer_, &byte, 1), 0);
  EXPECT_TRUE(closed_.empty());
}

// --- TLS ----------------------------------------------------------------------------------------

// The same against a server that speaks TLS.
class TlsStreamTest : public StreamTest {
 protected:
  ~TlsStreamTest() override { stream_.reset(); }

  void Begin() {
    Make();
    stream_->Connect(reinterpret_cast<sockaddr*>(&address_), sizeof address_, source_);
    peer_ = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
  }
  // Moves the server's bytes while the loop runs, at most `most_` of them at a time.
  bool RunUntil(const std::function<bool()>& condition) {
    return loop_.RunUntil(
        [&] {
          ServerTurn();
          return condition();
        },
        kPatience);
  }
  void ServerTurn() {
    if (peer_ < 0) return;
    std::array<char, 65536> bytes;
    ssize_t size = 0;
    while ((size = recv(peer_, bytes.data(), bytes.size(), MSG_DONTWAIT)) > 0) {
      server_->Receive({bytes.data(), static_cast<std::size_t>(size)});
    }
    to_client_ += server_->Output();
    const std::size_t part = std::min(to_client_.size(), most_);
    const ssize_t sent = send(peer_, to_client_.data(), part, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent > 0) to_client_.erase(0, static_cast<std::size_t>(sent));
  }
  void BeConnected() {
    Begin();
    ASSERT_TRUE(RunUntil([this] { return connected_ == 1; }));
  }

  const test::TestCa ca_;
  TlsSettings settings_{.ca = ca_.certificate(), .server_name = "127.0.0.1"};
  TlsSource source_ = [this]() -> std::variant<std::shared_ptr<const TlsContext>, std::string> {
    return std::get<0>(TlsContext::Make(settings_));
  };
  std::optional<TlsServer> server_{
      TlsServer::Options{.identity = ca_.Issue({.addresses = {"127.0.0.1"}})}};
  std::string to_client_;
  std::size_t most_ = 100;
};

TEST_F(TlsStreamTest, SaysAndHears) {
  BeConnected();
  stream_->Write("pi");
  stream_->Write("ng");
  EXPECT_EQ(stream_->unsent(), 4u);
  EXPECT_TRUE(RunUntil([this] { return server_->heard == "ping"; }));
  EXPECT_EQ(stream_->unsent(), 0u);
  most_ = 10'000;
  const std::string much(100'000, 'x');
  server_->Write(much);
  EXPECT_TRUE(RunUntil([&] { return heard_.size() == much.size(); }));
}

TEST_F(TlsStreamTest, GoesOnWhenThePeerReadsAgain) {
  BeConnected();
  const std::string much(8'000'000, 'x');
  stream_->Write(much);
  bool waited = false;
  Timer timer(loop_, [&] { waited = true; });
  timer.Start(1ms);
  EXPECT_TRUE(loop_.RunUntil([&] { return waited; }, kPatience));
  EXPECT_GT(stream_->unsent(), 0u) << "the kernel took it all";
  stream_->Write("end");
  EXPECT_TRUE(RunUntil([&] { return server_->heard.size() == much.size() + 3; }));
  EXPECT_TRUE(server_->heard == much + "end");
  EXPECT_EQ(stream_->unsent(), 0u);
}

TEST_F(TlsStreamTest, APeerThatStallsInTheHandshakeIsNotConnected) {
  Begin();
  char byte = 0;
  EXPECT_TRUE(loop_.RunUntil([&] { return recv(peer_, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 1; },
                             kPatience));
  EXPECT_TRUE(stream_->is_shaking_hands());
  EXPECT_EQ(connected_, 0);
  EXPECT_TRUE(RunUntil([this] { return connected_ == 1; }));
  EXPECT_FALSE(stream_->is_shaking_hands());
}

TEST_F(TlsStreamTest, TellsTheEndOnceAfterTheLastBytes) {
  BeConnected();
  server_->Write("bye");
  EXPECT_TRUE(RunUntil([this] { return heard_ == "bye"; }));
  close(std::exchange(peer_, -1));  // without TLS's own goodbye
  EXPECT_TRUE(RunUntil([this] { return !closed_.empty(); }));
  EXPECT_EQ(closed_, std::vector<std::string>{"closed by the other side"});
}

TEST_F(TlsStreamTest, TakesAGoodbye) {
  BeConnected();
  server_->Write("bye");
  server_->Close();
  EXPECT_TRUE(RunUntil([this] { return !closed_.empty(); }));
  EXPECT_EQ(heard_, "bye");
  EXPECT_EQ(closed_, std::vector<std::string>{"closed by the other side"});
}

TEST_F(TlsStreamTest, SaysGoodbye) {
  BeConnected();
  stream_.reset();
  EXPECT_TRUE(RunUntil([this] { return server_->was_closed(); }));
  EXPECT_TRUE(closed_.empty());
}

TEST_F(TlsStreamTest, ThePeerClosesInTheHandshake) {
  Begin();
  shutdown(peer_, SHUT_WR);
  EXPECT_TRUE(loop_.RunUntil([this] { return !closed_.empty(); }, kPatience));
  EXPECT_EQ(closed_[0], "TLS: closed by the other side");
}

TEST_F(TlsStreamTest, SaysWhyThePeerIsNotTrusted) {
  settings_.server_name = "127.0.0.2";
  Begin();
  EXPECT_TRUE(RunUntil([this] { return !closed_.empty(); }));
  EXPECT_EQ(closed_, std::vector<std::string>{
                         "TLS: the server's certificate is for 127.0.0.1, not for 127.0.0.2"});
  EXPECT_EQ(connected_, 0);
}

TEST_F(TlsStreamTest, SaysWhyThereIsNoContext) {
  source_ = [] { return "no file"; };
  Begin();
  EXPECT_TRUE(RunUntil([this] { return !closed_.empty(); }));
  EXPECT_EQ(closed_, std::vector<std::string>{"TLS: no file"});
}

}  // namespace
}  // namespace redlockd::event
