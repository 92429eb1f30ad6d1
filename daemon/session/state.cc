#include "daemon/session/state.h"

#include <algorithm>
#include <set>
#include <utility>

#include "daemon/session/connection.h"
#include "daemon/session/listing.h"
#include "daemon/session/owners.h"
#include "daemon/session/sessions.h"
#include "daemon/session/shared_page.h"
#include "daemon/session/under_way.h"
#include "protocol/errors.h"
#include "protocol/limits.h"
#include "protocol/request.h"

// What each part of the room leaves to the next process, and takes over from the former one.
namespace redlockd::session {
namespace {

using redlock::base::Descriptor;
using redlock::protocol::ErrorCode;
using redlock::protocol::ParseError;
using redlock::protocol::ParseRequest;
using redlock::protocol::Request;

record::Line LineOf(const std::variant<Request, ParseError>& item) {
  if (const auto* request = std::get_if<Request>(&item)) {
    std::string text = FormatRequest(*request);
    text.pop_back();  // its LF
    return {.text = std::move(text)};
  }
  const ParseError& error = std::get<ParseError>(item);
  return {.text = error.text,
          .is_error = true,
          .code = std::string(ErrorWord(error.code)),
          .tag = error.tag};
}

std::variant<Request, ParseError> ItemOf(const record::Line& line) {
  if (!line.is_error) return ParseRequest(line.text);
  return ParseError{redlock::protocol::ErrorFromWord(line.code).value_or(ErrorCode::kBadRequest),
                    line.text, line.tag};
}

Peer PeerOf(const record::Client& former, Descriptor process) {
  Peer peer;
  peer.pid = former.pid;
  peer.uid = former.uid;
  peer.groups.assign(former.groups.begin(), former.groups.end());
  peer.admin = former.admin;
  peer.command = former.command;
  peer.process = std::move(process);
  return peer;
}

// `own`: the session and its owners.
bool IsGood(const record::Page& page, std::size_t output, const std::set<engine::SessionId>& own) {
  std::set<std::uint64_t> slots;
  std::set<std::pair<engine::SessionId, std::string>> holds;
  const auto is_good = [&](const record::PageHold& hold) {
    return own.contains(hold.holder) && holds.emplace(hold.holder, hold.lock).second &&
           (!hold.slot ||
            (*hold.slot < redlock::protocol::Page::kSlots && slots.insert(*hold.slot).second));
  };
  return std::all_of(page.holds.begin(), page.holds.end(), is_good) &&
         (!page.sent_with || *page.sent_with < output);
}

// Returns what is wrong with a client, or an empty text. `ids`: of those before it.
std::string WhyWrong(const record::Client& client, engine::SessionId last,
                     std::set<engine::SessionId>& ids) {
  const auto is_new = [&](engine::SessionId id) {
    return id != 0 && id <= last && ids.insert(id).second;
  };
  if (!is_new(client.id)) return "a session is there twice";
  std::set<engine::SessionId> own{client.id};
  std::set<std::string> names, tags;
  for (const auto& owner : client.owners) {
    own.insert(owner.id);
    if (owner.name.empty() || !names.insert(owner.name).second || !is_new(owner.id)) {
      return "an owner is there twice";
    }
  }
  std::set<engine::RequestId> requests;
  for (const auto& request : client.requests) {
    const bool is_good = request.id <= client.last_request && requests.insert(request.id).second &&
                         tags.insert(request.tag).second && own.contains(request.asker);
    if (!is_good) return "a request is impossible";
  }
  if (client.page && !IsGood(*client.page, client.output.size(), own))
    return "a page is impossible";
  for (const auto& listing : client.listings) {
    if (!requests.contains(listing.request)) return "a listing is of no request";
  }
  return "";
}

}  // namespace

std::string WhyUnusable(const State& state) {
  std::set<engine::SessionId> ids;
  for (const auto& client : state.clients) {
    std::string why = WhyWrong(client, state.last_id, ids);
    if (!why.empty()) return why;
  }
  return "";
}

// --- the parts of a session ---------------------------------------------------------------------

void Connection::Save(record::Client& client) const {
  if (in_) {
    client.input = in_->rest();
    client.drops_line = in_->dropping();
  }
  client.output = out_.substr(sent_);
  if (attachment_) client.page->sent_with = attachment_->at - sent_;
}

// Whether there is something to read, or the end, the loop says anew.
void Connection::Restore(const record::Client& former, Descriptor attached) {
  if (!former.input.empty() || former.drops_line) {
    in_ = std::make_unique<redlock::protocol::LineReader>(redlock::protocol::kLineBytes,
                                                          former.input, former.drops_line);
  }
  out_ = former.output;
  if (!former.page || !former.page->sent_with) return;
  attachment_ = std::make_unique<Attachment>(
      Attachment{std::move(attached), static_cast<std::size_t>(*former.page->sent_with)});
}

std::vector<record::Request> UnderWay::Save() const {
  std::vector<record::Request> all;
  const auto save = [&all](const Request& request) {
    all.push_back({.id = request.id,
                   .tag = request.tag,
                   .subject = request.subject,
                   .is_wait = request.is_wait,
                   .asker = request.asker,
                   .also = request.also,
                   .on_page = request.on_page,
                   .tells_renewals = request.tells_renewals});
  };
  if (untagged_) save(*untagged_);
  for (const auto& [id, request] : tagged_) save(request);
  return all;
}

std::vector<record::Owner> Owners::Save() const {
  std::vector<record::Owner> all;
  for (const engine::SessionId id : idle_) all.push_back({id, owners_.at(id).name, true});
  for (const auto& [id, owner] : owners_) {
    if (!owner.idle) all.push_back({id, owner.name, false});
  }
  return all;
}

void Owners::Restore(const record::Owner& former, std::size_t requests) {
  ids_.emplace(former.name, former.id);
  const auto owner = owners_.emplace(former.id, Owner{former.name, requests}).first;
  if (former.idle) SetIdle(owner, true);
}

record::Listing Listing::Save() const {
  return {request_, tag_, next_.name, next_.place, holds_, waits_, next_.hold};
}

Listing::Listing(const record::Listing& former)
    : request_(former.request),
      tag_(former.tag),
      next_{former.next_name, former.next_place, former.next_hold},
      holds_(former.holds),
      waits_(former.waits) {}

// --- a session ----------------------------------------------------------------------------------

// What is left of the events of its holds is written now.
record::Client Session::Save() {
  WriteNews();
  record::Client client{.id = id_,
                        .pid = peer_.pid,
                        .uid = peer_.uid,
                        .groups = {peer_.groups.begin(), peer_.groups.end()},
                        .admin = peer_.admin,
                        .command = peer_.command};
  if (page_) client.page = page_->Save();
  connection_.Save(client);
  client.leaving = state_ == State::kLeaving;
  client.first_line = first_line_;
  client.input_ended = input_ended_;
  client.reported_input_end = reported_input_end_;
  client.last_request = last_request_;
  client.requests = under_way_.Save();
  client.owners = owners_.Save();
  for (const Item& item : queue_) client.queue.push_back(LineOf(item));
  for (const Listing& listing : listings_) client.listings.push_back(listing.Save());
  client.unread_watches = unread_watches_;
  client.missed_watches = missed_watches_;
  return client;
}

Session::Session(Sessions& room, const record::Client& former, Ends ends,
                 std::unique_ptr<SharedPage> page)
    : room_(room),
      id_(former.id),
      peer_(PeerOf(former, std::move(ends.process))),
      connection_(room.loop(), std::move(ends.socket), *this),
      state_(former.leaving ? State::kLeaving : State::kOpen),
      first_line_(former.first_line),
      input_ended_(former.input_ended),
      reported_input_end_(former.reported_input_end),
      last_request_(former.last_request),
      owner_port_(room, *this),
      owners_(owner_port_, former.id),
      page_(std::move(page)),
      unread_watches_(std::min<std::size_t>(former.unread_watches, former.output.size())),
      missed_watches_(former.missed_watches) {
  const bool owes_page = page_ && former.page && former.page->sent_with;
  connection_.Restore(former, owes_page ? page_->OpenForClient() : Descriptor());
  for (const auto& request : former.requests) {
    under_way_.Add({.id = request.id,
                    .tag = request.tag,
                    .subject = request.subject,
                    .also = request.also,
                    .is_wait = request.is_wait,
                    .asker = request.asker,
                    .on_page = request.on_page,
                    .tells_renewals = request.tells_renewals});
  }
  for (const auto& owner : former.owners) {
    const auto requests = std::count_if(former.requests.begin(), former.requests.end(),
                                        [&](auto& request) { return request.asker == owner.id; });
    owners_.Restore(owner, static_cast<std::size_t>(requests));
  }
  for (const auto& line : former.queue) queue_.push_back(ItemOf(line));
  for (const auto& listing : former.listings) listings_.emplace_back(listing);
  Schedule();
}

EndsOf Session::ends() const {
  return {id_, connection_.fd(), peer_.process.get(), page_ ? page_->file() : -1};
}

// --- the room -----------------------------------------------------------------------------------

State Sessions::Save() {
  State state{.last_id = last_id_};
  for (const auto& [id, session] : sessions_) {
    if (!session->over()) state.clients.push_back(session->Save());
  }
  return state;
}

std::vector<EndsOf> Sessions::Descriptors() const {
  std::vector<EndsOf> all;
  for (const auto& [id, session] : sessions_) {
    if (!session->over()) all.push_back(session->ends());
  }
  return all;
}

void Sessions::Restore(const State& former, std::map<engine::SessionId, Ends> ends) {
  last_id_ = former.last_id;
  for (const record::Client& client : former.clients) {
    const auto of_client = ends.find(client.id);
    const bool is_there = of_client != ends.end() && of_client->second.socket;
    std::unique_ptr<SharedPage> page;
    if (is_there && client.page) {
      page = SharedPage::Restore(*client.page, std::move(of_client->second.page));
    }
    if (!is_there || (client.page && !page)) {
      lost_.push_back(client);
      continue;
    }
    ++sessions_of_uid_[client.uid];
    const auto session = sessions_.emplace(
        client.id,
        std::make_unique<Session>(*this, client, std::move(of_client->second), std::move(page)));
    for (const auto& owner : client.owners) {
      owners_.emplace(owner.id, session.first->second.get());
    }
  }
}

// Its work is what was read and not taken yet; and what it owes to those whose descriptor has not
// come.
void Sessions::Resume() {
  for (const record::Client& client : std::exchange(lost_, {})) {
    if (client.leaving) continue;
    for (const auto& owner : client.owners) port_.Post(engine::SessionClosed{owner.id});
    port_.Post(engine::SessionClosed{client.id});
  }
  for (const auto& [id, session] : sessions_) Serve(*session);
}

}  // namespace redlockd::session
