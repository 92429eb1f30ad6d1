#pragma once

#include <hiredis/hiredis.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/engine/node_op.h"

namespace redlockd::bench {

struct FreeReply {
  void operator()(redisReply* reply) const { freeReplyObject(reply); }
};
using ReplyPtr = std::unique_ptr<redisReply, FreeReply>;

// An encoded command in which only two numbers change: that of the cycle, in the lock's name and
// the owner's, and the proposal for the fence. So a cycle costs the loop a copy.
class Template {
 public:
  // `command` is encoded with kCycle and kProposal in the numbers' places.
  static constexpr std::string_view kCycle = "1111111111111111";
  static constexpr std::string_view kProposal = "2222222222222222";
  explicit Template(std::string command);

  // Both of 16 digits.
  const std::string& With(std::string_view cycle, std::string_view proposal);

 private:
  std::string command_;
  std::vector<std::size_t> cycles_;  // where in it
  std::vector<std::size_t> proposals_;
};

// A blocking connection to a node that votes, and what is said on it. Failures are
// std::runtime_error.
class FloorNode {
 public:
  // What is sent: the project's scripts; or what plain Redlock clients send, which is the least
  // that takes a lock without a fence: SET NX, and a script that compares and deletes.
  enum class Commands { kOurs, kPlain };
  explicit FloorNode(int port, Commands commands = Commands::kOurs);

  int fd() const { return context_->fd; }
  Template& acquire() { return *acquire_; }
  Template& release() { return *release_; }

  void Queue(const std::string& command);
  void Flush();          // writes what is queued
  void Read();           // one read
  ReplyPtr NextReply();  // of what was read; none: null
  ReplyPtr Ask(const char* format, ...);
  ReplyPtr Wait();  // for the reply to what was queued

 private:
  struct FreeContext {
    void operator()(redisContext* context) const { redisFree(context); }
  };
  void MakeTemplates();
  void MakePlainTemplates();
  [[noreturn]] void Fail() const;

  std::unique_ptr<redisContext, FreeContext> context_;
  std::unique_ptr<Template> acquire_;
  std::unique_ptr<Template> release_;
};

// Whether a script of the project's, or a plain command, did what it was asked for.
bool SaysOk(const redisReply& reply);

// 16 digits, for as long as this code lives: microseconds since 1970.
std::string MicrosecondsNow();

}  // namespace redlockd::bench
