#pragma once

#include <hiredis/hiredis.h>

#include <cstdint>
#include <deque>
#include <string>

#include "daemon/engine/node_op.h"
#include "daemon/redis/options.h"

namespace redlockd::redis {

// Appends AUTH, if the node wants one; false: it does not.
bool AppendAuth(std::string& out, const NodeOptions& options);

// Appends the question whether a connection still works: any reply says that it does. TIME, as the
// scripts need the right to it anyway, and PING would be one more.
void AppendHeartbeat(std::string& out);
// Ends another connection: what waits there will not run.
void AppendClientKill(std::string& out, std::int64_t client_id);

// What is said on a new connection before anything else (rule C7): AUTH, SELECT, CLIENT ID, TIME,
// INFO; then CLIENT KILL of the connection it replaces, so that nothing that waits there can run
// later, and SCRIPT LOAD of all scripts. No I/O: replies in, commands out.
class Handshake {
 public:
  // The connection that this one replaces; there may be none.
  struct Former {
    std::string run_id;
    std::int64_t client_id = 0;
  };
  enum class State { kGoing, kDone, kFailed };

  Handshake(const NodeOptions& options, Former former);  // `options` outlives it

  void Begin(std::string& out);  // appends the first commands
  State Take(const redisReply& reply, std::string& out);

  const engine::NodeFacts& facts() const { return facts_; }  // kDone
  std::int64_t client_id() const { return client_id_; }      // 0: the node refused to answer
  const std::string& error() const { return error_; }        // kFailed; never a secret
  // What the node refuses and one can live without; mostly empty.
  const std::string& note() const { return note_; }

 private:
  enum class Step { kAuth, kSelect, kClientId, kHeartbeat, kInfo, kClientKill, kScriptLoad };

  void TakeClientId(const redisReply& reply);
  State TakeInfo(const redisReply& reply, std::string& out);
  State Fail(const std::string& command, const redisReply& reply);

  const NodeOptions& options_;
  const Former former_;
  std::deque<Step> due_;  // replies
  engine::NodeFacts facts_;
  std::int64_t client_id_ = 0;
  std::string error_;
  std::string note_;
};

}  // namespace redlockd::redis
