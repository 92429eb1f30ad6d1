#include "tests/support/redis_node.h"

#include <fcntl.h>
#include <hiredis/hiredis.h>

#include <algorithm>
#include <array>
#include <stdexcept>

namespace redlockd::test {
namespace {

using Context = std::unique_ptr<redisContext, decltype(&redisFree)>;
using ServerReply = std::unique_ptr<redisReply, decltype(&freeReplyObject)>;

std::string Text(const redisReply& reply) {
  switch (reply.type) {
    case REDIS_REPLY_INTEGER:
      return std::to_string(reply.integer);
    case REDIS_REPLY_NIL:
      return "(nil)";
    case REDIS_REPLY_ARRAY: {
      std::string lines;
      for (std::size_t i = 0; i < reply.elements; ++i) {
        lines += (i == 0 ? "" : "\n") + Text(*reply.element[i]);
      }
      return lines;
    }
    default:
      return {reply.str, reply.len};
  }
}

}  // namespace

RedisNode::RedisNode(Options options) : options_(std::move(options)) {
  if (options_.shifted_clock) clock_.emplace(dir_ / "clock", options_.stopped_at);
  Start();
}

void RedisNode::Start() {
  std::vector<std::string> argv = {options_.program,
                                   "--port",
                                   std::to_string(port()),
                                   "--bind",
                                   "127.0.0.1",
                                   "--unixsocket",
                                   SocketPath(),
                                   "--dir",
                                   dir_.path(),
                                   "--save",
                                   "",
                                   "--appendonly",
                                   "no",
                                   "--maxmemory-policy",
                                   "noeviction"};
  if (ServerUnderTest().WantsDebugAllowed()) {
    argv.insert(argv.end(), {"--enable-debug-command", "yes"});
  }
  argv.insert(argv.end(), options_.args.begin(), options_.args.end());
  Process::Options how{.output_file = dir_ / "log"};
  if (clock_) how.env = clock_->Environment();
  process_.emplace(std::move(argv), how);
  const auto answers = [&] {
    // The socket is the last that it listens on.
    const Context context(redisConnectUnix(SocketPath().c_str()), &redisFree);
    return context && context->err == 0;
  };
  if (!Eventually([&] { return answers() || !Running(); }) || !Running()) {
    throw std::runtime_error("redis-server did not start: " + ReadFile(dir_ / "log"));
  }
  const auto loading = [&] {
    return Command({"INFO", "persistence"}).find("loading:1") != std::string::npos;
  };
  if (!Eventually([&] { return !loading(); })) {
    throw std::runtime_error("redis-server does not end loading: " + ReadFile(dir_ / "log"));
  }
}

void RedisNode::Stop() {
  process_->Signal(SIGTERM);
  process_->Wait();
}

void RedisNode::Kill() {
  process_->Signal(SIGKILL);
  process_->Wait();
}

void RedisNode::RestartEmpty() {
  Kill();
  Start();
}

std::string RedisNode::Command(const std::vector<std::string>& args) const {
  const timeval timeout{.tv_sec = 5, .tv_usec = 0};
  const Context context(redisConnectUnixWithTimeout(SocketPath().c_str(), timeout), &redisFree);
  if (!context || context->err != 0) throw std::runtime_error(SocketPath() + ": cannot connect");
  redisSetTimeout(context.get(), timeout);
  std::vector<const char*> argv;
  std::vector<std::size_t> lengths;
  for (const std::string& arg : args) {
    argv.push_back(arg.data());
    lengths.push_back(arg.size());
  }
  const ServerReply reply(
      static_cast<redisReply*>(redisCommandArgv(context.get(), static_cast<int>(argv.size()),
                                                argv.data(), lengths.data())),
      &freeReplyObject);
  if (!reply) throw std::runtime_error(SocketPath() + ": " + context->errstr);
  return Text(*reply);
}

Nodes::Nodes(std::size_t count, const RedisNode::Options& options) {
  for (std::size_t i = 0; i < count; ++i) nodes_.push_back(std::make_unique<RedisNode>(options));
}

std::vector<std::string> Nodes::Addresses() const {
  std::vector<std::string> addresses;
  for (const auto& node : nodes_) addresses.push_back(node->Address());
  return addresses;
}

std::size_t Nodes::CountWith(const std::string& key) const {
  return static_cast<
      std::size_t>(std::count_if(nodes_.begin(), nodes_.end(), [&](const auto& node) {
    return node->Running() && StateOf(node->pid()) != 'T' && node->Command({"EXISTS", key}) == "1";
  }));
}

}  // namespace redlockd::test
