#include "tests/bench/floor_node.h"

#include <cstdarg>
#include <ctime>
#include <span>
#include <stdexcept>

#include "daemon/engine/timing.h"
#include "daemon/redis/encoder.h"
#include "daemon/redis/question.h"
#include "daemon/redis/scripts.h"

namespace redlockd::bench {
namespace {

std::vector<std::size_t> Places(const std::string& text, std::string_view what) {
  std::vector<std::size_t> places;
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + what.size())) {
    places.push_back(at);
  }
  return places;
}

// Those of a daemon whose configuration names none.
redis::SetOptions DefaultSet() {
  const engine::Timing timing;
  return {.key_prefix = {},
          .max_ttl = timing.max_ttl,
          .fence_window = timing.fence_window,
          .fence_life = timing.fence_life,
          .quarantine = timing.Quarantine(),
          .retry_interval = timing.retry_interval,
          .max_interval = timing.MaxInterval(),
          .first_poll = timing.FirstPoll()};
}

std::string Encode(const engine::NodeOp& op, const std::string& run_id) {
  std::string out;
  redis::Question(op, DefaultSet()).AppendTo(out, {.run_id = run_id});
  return out;
}

std::string Encode(std::span<const std::string_view> words) {
  std::string out;
  redis::AppendCommand(out, words);
  return out;
}

std::pair<std::string, std::string> LockAndOwner(const std::string& prefix) {
  const std::string cycle(Template::kCycle);
  return {prefix + cycle, "0123456789abcdef0123456789abcdef:" + cycle + ":floor"};
}

}  // namespace

Template::Template(std::string command)
    : command_(std::move(command)),
      cycles_(Places(command_, kCycle)),
      proposals_(Places(command_, kProposal)) {}

const std::string& Template::With(std::string_view cycle, std::string_view proposal) {
  for (const std::size_t at : cycles_) cycle.copy(&command_[at], kCycle.size());
  for (const std::size_t at : proposals_) proposal.copy(&command_[at], kProposal.size());
  return command_;
}

FloorNode::FloorNode(int port, Commands commands) : context_(redisConnect("127.0.0.1", port)) {
  if (!context_ || context_->err != 0) Fail();
  if (commands == Commands::kPlain) {
    MakePlainTemplates();
    return;
  }
  for (const redis::Script& script : redis::AllScripts()) {
    Ask("SCRIPT LOAD %b", script.source.data(), script.source.size());
  }
  MakeTemplates();
}

void FloorNode::MakeTemplates() {
  const ReplyPtr info = Ask("INFO server");
  const std::string text(info->str, info->len);
  const std::size_t at = text.find("run_id:") + 7;
  const std::string run_id = text.substr(at, 40);

  const auto [lock, owner] = LockAndOwner("floor-");
  acquire_ = std::make_unique<Template>(
      Encode(engine::AcquireOp{.lock = lock,
                               .owner = owner,
                               .ttl = engine::Timing().ttl,
                               .proposal = std::stoll(std::string(Template::kProposal))},
             run_id));
  release_ =
      std::make_unique<Template>(Encode(engine::ReleaseOp{.lock = lock, .owner = owner}, run_id));
}

void FloorNode::MakePlainTemplates() {
  constexpr std::string_view kCompareAndDelete =
      "if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end return redis.call('DEL', "
      "KEYS[1])";
  const ReplyPtr sha = Ask("SCRIPT LOAD %b", kCompareAndDelete.data(), kCompareAndDelete.size());
  const auto [lock, owner] = LockAndOwner("plain-");
  const std::string_view take[] = {"SET", lock, owner, "NX", "PX", "10000"};
  const std::string_view let_go[] = {"EVALSHA", sha->str, "1", lock, owner};
  acquire_ = std::make_unique<Template>(Encode(take));
  release_ = std::make_unique<Template>(Encode(let_go));
}

void FloorNode::Queue(const std::string& command) {
  if (redisAppendFormattedCommand(context_.get(), command.data(), command.size()) != REDIS_OK) {
    Fail();
  }
}

void FloorNode::Flush() {
  int done = 0;
  while (done == 0) {
    if (redisBufferWrite(context_.get(), &done) != REDIS_OK) Fail();
  }
}

void FloorNode::Read() {
  if (redisBufferRead(context_.get()) != REDIS_OK) Fail();
}

ReplyPtr FloorNode::NextReply() {
  void* reply = nullptr;
  if (redisGetReplyFromReader(context_.get(), &reply) != REDIS_OK) Fail();
  return ReplyPtr(static_cast<redisReply*>(reply));
}

ReplyPtr FloorNode::Wait() {
  void* reply = nullptr;
  if (redisGetReply(context_.get(), &reply) != REDIS_OK) Fail();
  return ReplyPtr(static_cast<redisReply*>(reply));
}

ReplyPtr FloorNode::Ask(const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  ReplyPtr reply(static_cast<redisReply*>(redisvCommand(context_.get(), format, arguments)));
  va_end(arguments);
  if (!reply) Fail();
  if (reply->type == REDIS_REPLY_ERROR) throw std::runtime_error(reply->str);
  return reply;
}

void FloorNode::Fail() const {
  throw std::runtime_error(std::string("a node: ") + (context_ ? context_->errstr : "no memory"));
}

bool SaysOk(const redisReply& reply) {
  const auto says = [&](std::size_t i, std::string_view text) {
    return reply.element[i]->type == REDIS_REPLY_STRING &&
           std::string_view(reply.element[i]->str, reply.element[i]->len) == text;
  };
  if (reply.type == REDIS_REPLY_STATUS) return std::string_view(reply.str, reply.len) == "OK";
  if (reply.type == REDIS_REPLY_INTEGER) return reply.integer == 1;
  // Of a release, the letter: it was this owner's.
  return reply.type == REDIS_REPLY_ARRAY && reply.elements > 4 && says(0, "ok") &&
         (says(4, "") || says(4, "o"));
}

std::string MicrosecondsNow() {
  timespec time;
  clock_gettime(CLOCK_REALTIME, &time);
  return std::to_string(time.tv_sec * 1'000'000L + time.tv_nsec / 1000);
}

}  // namespace redlockd::bench
