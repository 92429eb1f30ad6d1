#pragma once

#include <hiredis/hiredis.h>

#include <functional>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/event/loop.h"
#include "daemon/event/watch.h"
#include "tests/support/fd.h"
#include "tests/support/files.h"

namespace redlockd::redis {

// What a node says, in bytes.
std::string Bulk(std::string_view text);
std::string ScriptReply(std::string_view verdict, std::int64_t fence = 0, std::int64_t left = 0,
                        std::string_view text = "");
// To an acquire of several, or a claim: granted, fences 0, 1, ...
std::string RowsReply(std::size_t locks);
std::string RowReply(std::string_view verdict, std::string_view text = "");  // one of them
std::string InfoReply(std::string_view run_id = "run-1");

// A node that says what a test wants, on a Unix socket, in the loop of the test. By itself it
// answers the handshake like a good one, and every script with ok; acquires, renewals and releases,
// for each lock.
class FakeNode {
 public:
  using Argv = std::vector<std::string>;

  explicit FakeNode(event::Loop& loop);
  ~FakeNode();

  std::string path() const { return dir_ / "redis.sock"; }

  // The bytes to answer a command with; none: silence.
  std::function<std::string(const Argv&)> answer = [](const Argv& argv) { return Good(argv); };
  static std::string Good(const Argv& argv);
  // Of how many locks an EVALSHA is, if of acquires, renewals or releases; else 0.
  static std::size_t LocksOf(const Argv& argv);

  void Say(std::string_view bytes);  // to all that are connected
  void Drop();                       // closes all connections
  void Mute();                       // stops listening, keeps connections
  std::size_t connections() const { return connections_.size(); }

  std::vector<Argv> heard;            // all commands
  std::vector<std::size_t> per_read;  // how many commands came in each read
  std::size_t Count(std::string_view name) const;

 private:
  struct FreeReader {
    void operator()(redisReader* reader) const { redisReaderFree(reader); }
  };
  struct Connection {
    test::Fd fd;
    std::unique_ptr<redisReader, FreeReader> reader;
    std::unique_ptr<event::Watch> watch;
  };
  void Accept();
  void Read(Connection& connection);

  event::Loop& loop_;
  test::TempDir dir_;
  test::Fd listener_;
  std::unique_ptr<event::Watch> watch_;
  std::list<Connection> connections_;
};

}  // namespace redlockd::redis
