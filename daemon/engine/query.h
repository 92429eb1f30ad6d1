#pragma once

#include <map>
#include <string>
#include <vector>

#include "daemon/engine/node_table.h"
#include "daemon/engine/outbox.h"

namespace redlockd::engine {

// Questions of a client that every node is to answer: show, trust-empty, adopt. Each goes to all
// nodes once and is answered when every node has spoken or fallen silent.
class QueryTable {
 public:
  QueryTable(NodeTable& nodes, Outbox& outbox) : nodes_(nodes), outbox_(outbox) {}

  void Show(Time now, const ShowRequested& request);
  void TrustEmpty(Time now, const TrustEmptyRequested& request);
  void Adopt(Time now, const AdoptRequested& request);

  void Answered(Time now, const NodeAnswer& answer);
  void Missed(Time now, const NodeSilence& silence);
  void SessionClosed(SessionId session);

 private:
  // trust-empty looks at all nodes first, and trusts only if every one of them is new.
  enum class Kind { kShow, kLook, kTrust, kAdopt };
  struct Query {
    Kind kind;
    SessionId session;
    RequestId request;
    std::string name{};  // kShow
    NodeSet open{};
    std::vector<NodeWord> words{};
  };

  void Ask(Time now, Query query, NodeOp op);
  void Done(Time now, Query query);
  void Looked(Time now, Query query);
  void Refuse(const Query& query, Failure failure, NodeIndex node, const char* why);

  NodeTable& nodes_;
  Outbox& outbox_;
  std::uint64_t last_ = 0;
  std::map<std::uint64_t, Query> queries_;
};

}  // namespace redlockd::engine
