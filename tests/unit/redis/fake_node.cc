#include "tests/unit/redis/fake_node.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>

#include "daemon/redis/scripts.h"

namespace redlockd::redis {

std::string Bulk(std::string_view text) {
  return "$" + std::to_string(text.size()) + "\r\n" + std::string(text) + "\r\n";
}

std::string ScriptReply(std::string_view verdict, std::int64_t fence, std::int64_t left,
                        std::string_view text) {
  return "*6\r\n" + Bulk(verdict) + ":1700000000000000\r\n:" + std::to_string(fence) +
         "\r\n:" + std::to_string(left) + "\r\n" + Bulk(text) + ":0\r\n";
}

std::string InfoReply(std::string_view run_id) {
  return Bulk("# Server\r\nredis_version:7.0.15\r\nrun_id:" + std::string(run_id) +
              "\r\nmaxmemory_policy:noeviction\r\nevicted_keys:0\r\nrole:master\r\n"
              "cluster_enabled:0\r\n");
}

std::size_t FakeNode::LocksOf(const Argv& argv) {
  const std::size_t keys = std::stoul(argv[2]);
  if (argv[1] == Get(ScriptId::kRenew).sha) return (keys - 1) / 4;
  if (argv[1] == Get(ScriptId::kRelease).sha) return keys / 3;
  const bool takes = argv[1] == Get(ScriptId::kAcquire).sha || argv[1] == Get(ScriptId::kClaim).sha;
  if (takes) return (keys - 1) / 4;
  return 0;
}

std::string RowsReply(std::size_t locks) {
  std::string reply =
      "*" + std::to_string(2 + 6 * locks) + "\r\n" + Bulk("ok") + ":1700000000000000\r\n";
  for (std::size_t i = 0; i < locks; ++i) {
    reply += Bulk("ok") + ":" + std::to_string(i) + "\r\n:0\r\n" + Bulk("") + ":0\r\n:0\r\n";
  }
  return reply;
}

std::string RowReply(std::string_view verdict, std::string_view text) {
  return Bulk(verdict) + ":0\r\n:0\r\n" + Bulk(text) + ":0\r\n:0\r\n";
}

FakeNode::FakeNode(event::Loop& loop)
    : loop_(loop), listener_(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  std::strncpy(name.sun_path, path().c_str(), sizeof name.sun_path - 1);
  if (bind(listener_.get(), reinterpret_cast<sockaddr*>(&name), sizeof name) != 0 ||
      listen(listener_.get(), 16) != 0) {
    throw std::runtime_error("cannot listen on " + path());
  }
  watch_ = std::make_unique<event::Watch>(loop_, listener_.get(), event::Watch::Trigger::kLevel,
                                          [this](unsigned) { Accept(); });
  watch_->Want(event::Watch::kRead);
}

FakeNode::~FakeNode() { Drop(); }

std::string FakeNode::Good(const Argv& argv) {
  if (argv[0] == "INFO") return InfoReply();
  if (argv[0] == "CLIENT") return ":7\r\n";
  if (argv[0] == "SCRIPT") return Bulk(std::string(40, 'a'));
  if (argv[0] == "EVALSHA") {
    const std::size_t locks = LocksOf(argv);
    const bool is_acquire = argv[1] == Get(ScriptId::kAcquire).sha;
    const bool is_claim = argv[1] == Get(ScriptId::kClaim).sha;
    if (is_claim || (is_acquire && locks > 1)) return RowsReply(locks);
    const std::string reply = ScriptReply("ok", 0, 0, std::string(is_acquire ? 0 : locks, 'o'));
    const bool is_introduction = argv[1] == Get(ScriptId::kIntroduce).sha;
    return is_introduction ? "*10" + reply.substr(2) + Bulk("") + Bulk("") + Bulk("") + Bulk("")
                           : reply;
  }
  return "+OK\r\n";
}

void FakeNode::Say(std::string_view bytes) {
  for (Connection& connection : connections_) {
    [[maybe_unused]] const auto sent =
        send(connection.fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
  }
}

void FakeNode::Drop() {
  for (Connection& connection : connections_) connection.watch.reset();
  connections_.clear();
}

void FakeNode::Mute() {
  watch_.reset();
  listener_.Close();
}

std::size_t FakeNode::Count(std::string_view name) const {
  return static_cast<std::size_t>(
      std::count_if(heard.begin(), heard.end(), [&](const Argv& argv) { return argv[0] == name; }));
}

void FakeNode::Accept() {
  test::Fd fd(accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (!fd) return;
  Connection& connection = connections_.emplace_back();
  connection.fd = std::move(fd);
  connection.reader.reset(redisReaderCreate());
  connection.watch =
      std::make_unique<event::Watch>(loop_, connection.fd.get(), event::Watch::Trigger::kLevel,
                                     [this, &connection](unsigned) { Read(connection); });
  connection.watch->Want(event::Watch::kRead);
}

void FakeNode::Read(Connection& connection) {
  std::string bytes(4 << 20, '\0');
  const ssize_t size = recv(connection.fd.get(), bytes.data(), bytes.size(), 0);
  if (size <= 0) {
    connection.watch.reset();
    connections_.remove_if([&](const Connection& one) { return &one == &connection; });
    return;
  }
  redisReaderFeed(connection.reader.get(), bytes.data(), static_cast<std::size_t>(size));
  std::string out;
  std::size_t commands = 0;
  void* got = nullptr;
  while (redisReaderGetReply(connection.reader.get(), &got) == REDIS_OK && got != nullptr) {
    auto* command = static_cast<redisReply*>(got);
    Argv argv;
    for (std::size_t i = 0; i < command->elements; ++i) {
      argv.emplace_back(command->element[i]->str, command->element[i]->len);
    }
    freeReplyObject(command);
    heard.push_back(argv);
    ++commands;
    out += answer(argv);
  }
  per_read.push_back(commands);
  [[maybe_unused]] const auto sent =
      send(connection.fd.get(), out.data(), out.size(), MSG_NOSIGNAL);
}

}  // namespace redlockd::redis
