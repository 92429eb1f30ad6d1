#pragma once

#include <compare>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "daemon/engine/agenda.h"
#include "daemon/engine/events.h"
#include "daemon/engine/fair_line.h"
#include "daemon/engine/node_table.h"
#include "daemon/engine/outbox.h"
#include "daemon/engine/session_table.h"
#include "daemon/engine/shared.h"
#include "daemon/engine/state.h"

namespace redlockd::engine {

// Questions of clients that every node is to answer: show, break, trust-empty, adopt. Each goes to all
// nodes once and is answered when every node has spoken or fallen silent. A few are under way at a
// time; the others wait in a line in which users take turns, and a question equal to one that
// waits shares its answer (rule C13). Where another daemon has the lock, show waits a little longer for
// what that one says of its holder (rule E11).
class QueryTable {
 public:
  // Those that only wait for another daemon's word ask the nodes for nothing more, and do not count.
  static constexpr std::size_t kAtATime = 4;
  static constexpr std::size_t kMostUnderWay = 64;
  static constexpr std::size_t kAskersAtATime = 64;  // of one user, that get one answer
  static constexpr std::size_t kMostWaiting = 1024;  // of one user

  using HoldOf = std::function<std::optional<HoldView>(Time now, const std::string& name)>;

  // `shared` outlives it.
  QueryTable(Shared& shared, HoldOf hold_of)
      : shared_(shared),
        nodes_(shared.nodes),
        sessions_(shared.sessions),
        outbox_(shared.outbox),
        hold_of_(std::move(hold_of)) {}

  void Show(const ShowRequested& request);
  void Break(const BreakRequested& request);  // of an owner
  void TrustEmpty(const TrustEmptyRequested& request);
  void Adopt(const AdoptRequested& request);
  // What is not answered, for the next process; and one of the former process: it is asked again, or
  // answered if it may have changed something.
  std::vector<record::Query> Save() const;
  void Restore(const record::Query& former);
  // Asks the nodes what there is room for. At the end of each step.
  void AskNext(Time now);

  void OnAnswered(Time now, const NodeAnswer& answer);
  void OnMissed(Time now, const NodeSilence& silence);
  // Another daemon's word; maybe anybody's.
  void OnNamed(Time now, const HolderNamed& named);

 private:
  // trust-empty and adopt look at all nodes first; nothing is written where one does not answer.
  enum class Kind { kShow, kBreak, kLookToTrust, kLookToAdopt, kTrust, kAdopt };
  struct Question {
    Kind kind;
    std::string name{};    // kShow, kBreak
    std::string owner{};   // kBreak
    bool at_once = false;  // kBreak
    auto operator<=>(const Question&) const = default;
  };
  // If the session has closed since, nobody gets an answer.
  struct Asker {
    SessionId session;
    RequestId request;
  };
  using Askers = std::vector<Asker>;
  // What one user's sessions ask for and no node has been asked yet.
  struct Waiting {
    Waiting(FairLine<Waiting>& line, std::uint32_t uid, Question question)
        : question(std::move(question)), place(line, uid, *this) {}
    Question question;
    Askers askers{};
    FairLine<Waiting>::Place place;
  };
  struct Query {
    Question question;
    Askers askers{};
    NodeSet open{};       // not heard yet, and still waited for
    NodeSet in_flight{};  // not heard yet, and may still have it to do
    std::vector<NodeWord> words{};
    InquiryNumber inquiry = 0;          // kShow
    std::unique_ptr<Alarm> patience{};  // kShow: until the holder must have been named
  };
  using Queries = std::map<std::uint64_t, Query>;

  void Wait(const Question& question, Asker asker);
  void Save(const Question& question, const Askers& askers, std::vector<record::Query>& to) const;
  Askers TakeAskers(Waiting& waiting);
  void Ask(Time now, Query query);
  NodeOp OpOf(const Query& query) const;
  bool AwaitsHolder(const Query& query) const;
  bool AsksNodes(const Query& query) const;
  bool HasRoom() const;
  void GoOn(Time now, Queries::iterator at);
  void Done(Time now, Query& query);
  void Looked(Time now, Query& query);
  Answer OutcomeOfBreak(const Query& query) const;
  void Refuse(const Query& query, Failure failure, const std::string& why);
  void Reply(const Query& query, const Answer& answer);

  Shared& shared_;
  NodeTable& nodes_;
  const SessionTable& sessions_;
  Outbox& outbox_;
  const HoldOf hold_of_;
  std::uint64_t last_ = 0;
  Queries queries_;  // under way
  FairLine<Waiting> line_;
  std::map<std::pair<Question, std::uint32_t>, Waiting> waiting_;  // by question and uid
  std::unordered_map<std::uint32_t, std::size_t> waiting_of_;      // askers, by uid
};

}  // namespace redlockd::engine
