#pragma once

#include <cstddef>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "daemon/engine/effects.h"
#include "daemon/engine/events.h"
#include "daemon/engine/fair_line.h"
#include "daemon/session/connection.h"
#include "daemon/session/listing.h"
#include "daemon/session/owner_port.h"
#include "daemon/session/owners.h"
#include "daemon/session/peer.h"
#include "daemon/session/shared_page.h"
#include "daemon/session/state.h"
#include "daemon/session/under_way.h"
#include "daemon/session/verbs.h"
#include "protocol/request.h"

namespace redlockd::session {

class Sessions;

// One client: the order of its requests, what is under way for it, and how it ends.
//
//   open --- quit, another protocol; ---> leaving --- output is out ---> over
//     |      half-close and all answered     '--- close ---------------> over
//     '--- close; output unread beyond the bound ----------------------> over
//
// Untagged requests run one after the other, in the order of their lines; tagged ones run when they
// are read. All of it is done in small portions, as the room says; all that is written in a turn of
// the loop goes out together at its end.
class Session : private Connection::Owner {
 public:
  // Greets the client.
  Session(Sessions& room, engine::SessionId id, Peer peer, redlock::base::Descriptor socket);
  // Goes on where the former process was; the client notices nothing.
  // `page`: its own, if it has one.
  Session(Sessions& room, const record::Client& former, Ends ends,
          std::unique_ptr<SharedPage> page);
  // For the next process. Changes nothing that a client would see.
  record::Client Save();
  EndsOf ends() const;

  engine::SessionId id() const { return id_; }
  const Peer& peer() const { return peer_; }
  // The engine knows that no more will come.
  bool input_ended() const { return reported_input_end_; }

  // For the room.
  void Answer(engine::RequestId request, const engine::Answer& answer);
  // `holder` is the session, or an owner within it.
  void Notify(engine::SessionId holder, const engine::Notice& notice);
  // A line about a lock that the client watches.
  void NotifyWatch(std::string_view line);
  // Does some of what there is to do, and takes what that cost from `left`, counted in lines.
  // Whether more is to be done.
  bool Work(int& left);
  using Line = engine::FairLine<Session>;
  void StandIn(Line& line) { place_.emplace(line, peer_.uid, *this); }
  bool StandsInLine() const { return place_.has_value(); }
  void LeaveLine() {
    place_->HadTurn();
    place_.reset();
  }
  void EndTurn();
  bool AllSent() const { return connection_.unsent() == 0 && news_.empty(); }
  bool over() const { return state_ == State::kOver; }

  bool MaySee(std::string_view lock) const;

  // For handlers.
  Sessions& room() const { return room_; }
  std::string& out() { return connection_.out(); }
  const UnderWay& under_way() const { return under_way_; }
  // Empty for the session itself.
  const std::string& OwnerName(engine::SessionId holder) const { return owners_.NameOf(holder); }

 private:
  enum class State { kOpen, kLeaving, kOver };
  // The events of a hold that are not written yet: only the newest is of use to a client. So a
  // client that holds locks and does not read, like what is left of a killed `redlock run`, is
  // never dropped for that.
  struct News {
    std::optional<engine::Notice> state;    // JEOPARDY or SAFE, which a client has not read
    std::optional<engine::Notice> renewal;  // after it
    std::optional<engine::Notice> wanted;   // WANTED, which comes once for each hold
  };
  // A line of the client.
  using Item = std::variant<redlock::protocol::Request, redlock::protocol::ParseError>;

  void OnInput() override;
  void OnWritable() override;
  void OnGone() override;

  // From lines to requests.
  void TakeLines(int& left);
  void ReportInputEnd();
  bool HasRoom() const;
  void OnLine(std::string_view line);
  void Submit(Item item);
  void RunQueued(int& left);
  void Execute(Item& item);  // uses it up
  void ExecuteRequest(redlock::protocol::Request& request);
  // Of the request with that tag; empty if it is the session's own, or there is none.
  std::string OwnerOfTag(const std::string& tag) const;
  // `lock` is empty if the request names none.
  bool MayDo(const Verb& verb, const std::string& lock) const;
  void Deny(const Verb& verb, const std::string& tag, const std::string& lock);
  void CarryOut(Outcome outcome, Call& call);
  void Start(Call& call, bool is_wait);  // takes the call's tag and subject
  void GivePageBy(const Call& call);
  SharedPage::Places NoteOnPage(const UnderWay::Request& asked, const engine::Answer& answer);
  bool NoteOnPage(const SharedPage::Key& key, const engine::Notice& notice);
  void Finish(engine::RequestId request);

  // Output.
  void Schedule();
  bool MayList() const;
  void ContinueListing(int& left);
  void Send();
  void WriteNews();
  void WriteNewsBefore(engine::SessionId asker, const std::string& lock);
  void WriteNews(engine::SessionId holder, News& news);
  void WriteError(std::string_view tag, redlock::protocol::ErrorCode code, std::string_view text);

  // Ends.
  void QuitBy(const Call& call);
  void Leave();
  template <typename Kind>
  void PostEnd();

  Sessions& room_;
  const engine::SessionId id_;
  const Peer peer_;
  Connection connection_;
  State state_ = State::kOpen;
  bool scheduled_ = false;           // for EndTurn
  bool blocked_ = false;             // the client does not read just now
  bool more_lines_ = false;          // lines were left for the next portion
  bool starved_ = false;             // lines were left until there is room
  bool first_line_ = true;           // none has been seen yet
  bool input_ended_ = false;         // the last line has been taken
  bool reported_input_end_ = false;  // the engine knows that no more will come
  bool draining_ = false;            // the client knows that the daemon stops

  std::optional<Line::Place> place_;

  engine::RequestId last_request_ = 0;
  UnderWay under_way_;
  OwnerPort owner_port_;
  Owners owners_;
  std::list<Item> queue_;        // untagged lines after the one that is under way
  std::list<Listing> listings_;  // of those under way
  std::map<std::pair<engine::SessionId, std::string>, News> news_;  // by holder and lock
  std::unique_ptr<SharedPage> page_;  // once the client has asked for it
  std::size_t unread_watches_ = 0;    // bytes of WATCH lines in the output, or fewer
  std::uint64_t missed_watches_ = 0;  // lines that were dropped, and the client does not know
};

}  // namespace redlockd::session
