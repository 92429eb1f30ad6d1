#include "daemon/event/stream.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "daemon/event/loop.h"
#include "daemon/event/timer.h"

namespace redlockd::event {
namespace {

using namespace std::chrono_literals;

constexpr auto kPatience = 10s;

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

}  // namespace
}  // namespace redlockd::event
