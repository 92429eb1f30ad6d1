#include "tests/faults/story.h"

#include <algorithm>
#include <map>

#include "tests/faults/schedule.h"

namespace redlockd::test::faults {
namespace {

constexpr std::size_t kNone = static_cast<std::size_t>(-1);

class Teller {
 public:
  Story Tell(const std::vector<Event>& history) {
    for (const Event& event : history) Take(event);
    for (auto& [who, client] : clients_) EndSession(client, story_.end, true);
    return std::move(story_);
  }

 private:
  // What is known of a client's present session; indices into the story.
  struct Client {
    bool dead = false;                           // killed, and not started again yet
    std::map<std::string, std::size_t> open{};   // requests, by id
    std::map<std::string, bool> hears{};         // by id of the request: with events=renew
    std::map<std::string, std::size_t> holds{};  // by lock
    Duration connected{};
    bool closing = false;
    Duration run_at{};  // when `redlock run` was started
  };

  void Take(const Event& event) {
    const std::string& what = event.what;
    if (what == "begin") story_.begin = event.at;
    story_.end = event.at;
    if (what == "problem") return Violate(event, event.text);
    if (what == "fault") return BeginFault(event);
    if (what == "over") return EndFault(event);
    if (what == "stalled") {
      story_.stalls.push_back({event.who, what, event.Time("from"), event.at});
      return;
    }
    Client& client = clients_[event.who];
    if (what == "start") client.dead = false;
    if (what == "write" || what == "beat") return TakeWrite(event, client);
    if (client.dead) return;  // between the stamp of its kill and its death
    if (what == "connect" || what == "start") return BeginSession(event, client);
    if (what == "ask") return TakeAsk(event, client);
    if (what == "answer") return TakeAnswer(event, client);
    if (what == "told") return TakeTold(event, client);
    if (what == "release" || what == "leave") return End(client, event.Get("lock"), event.at);
    if (what == "disconnect") return TakeDisconnect(event, client);
    if (what == "run") client.run_at = event.at;
    if (what == "section") return TakeSection(event, client);
    if (what == "stray") return Violate(event, "an answer that nothing asked for: " + event.text);
    if (what == "unanswered") return Violate(event, "no answer after healing");
    if (what == "dropped") return ExpectDaemonGone(event, client);
  }

  void Violate(const Event& event, const std::string& text) {
    story_.violations.push_back({event.at, event.who + ": " + text});
  }

  // --- faults ---

  void BeginFault(const Event& event) {
    const std::string kind(event.Get("kind"));
    story_.faults.push_back({event.who, kind, event.at, Duration::max()});
    if (!event.Get("links").empty()) story_.faults.back().who = event.Get("links");
    if (kind != "kill-client") return;
    Client& client = clients_[event.who];
    client.dead = true;
    EndSession(client, event.at, true);
  }

  void EndFault(const Event& event) {
    const std::string who(event.Get("links").empty() ? event.who : event.Get("links"));
    for (auto fault = story_.faults.rbegin(); fault != story_.faults.rend(); ++fault) {
      if (fault->who != who || fault->what != event.Get("kind")) continue;
      fault->to = event.at;
      return;
    }
  }

  // --- sessions ---

  void BeginSession(const Event& event, Client& client) {
    client.connected = event.at;
    client.open.clear();
    client.hears.clear();
    client.holds.clear();
    client.closing = false;
  }

  // `lets_go`: by that its holds end; else its daemon has gone, and they last till their deadlines.
  void EndSession(Client& client, Duration at, bool lets_go) {
    for (const auto& [lock, index] : client.holds) {
      Hold& hold = story_.holds[index];
      hold.watched_until = at;
      if (lets_go && !hold.ended) hold.ended = at;
    }
    client.holds.clear();
  }

  void TakeDisconnect(const Event& event, Client& client) {
    client.closing = true;
    EndSession(client, event.at, event.Get("how") != "eof");
    if (event.Get("how") == "eof") ExpectDaemonGone(event, client);
  }

  // A session does not end by itself.
  void ExpectDaemonGone(const Event& event, const Client& client) {
    const bool gone =
        std::any_of(story_.faults.begin(), story_.faults.end(), [&](const Span& fault) {
          return fault.who == DaemonOf(event.who) &&
                 (fault.what == "kill-daemon" || fault.what == "drain-daemon") &&
                 fault.to > client.connected;
        });
    if (!gone) Violate(event, "the daemon ended the session");
  }

  // --- requests and holds ---

  void TakeAsk(const Event& event, Client& client) {
    const std::string id(event.Get("id"));
    client.open[id] = story_.requests.size();
    client.hears[id] = event.text.find("events=renew") != std::string::npos;
    story_.requests.push_back({.who = event.who,
                               .id = id,
                               .verb = std::string(event.Get("verb")),
                               .lock = std::string(event.Get("lock")),
                               .asked = event.at});
  }

  void TakeAnswer(const Event& event, Client& client) {
    const std::string id(event.Get("id"));
    const auto open = client.open.find(id);
    if (open == client.open.end()) return Violate(event, "answered twice: request " + id);
    Request& request = story_.requests[open->second];
    client.open.erase(open);
    request.answered = event.at;
    request.is = event.Get("is");
    if (request.is != "OK") return;
    if (request.verb == "check") return SetDeadline(client, event);
    if (request.verb != "lock" && request.verb != "trylock") return;
    const Duration deadline = event.Time("deadline");
    Hold hold{.lock = request.lock,
              .who = event.who,
              .fence = event.Number("fence"),
              .not_before = std::min(std::max(request.asked, deadline - kMaxTtl), event.at),
              .from = event.at,
              .deadline = deadline,
              .hears_renewals = client.hears[id]};
    // What was handed on may be good for longer than was asked for (rule C10).
    if (deadline - kMaxTtl > event.at) Violate(event, "the deadline is more than a ttl away");
    if (client.closing) hold.ended = hold.watched_until = event.at;
    client.holds[hold.lock] = story_.holds.size();
    story_.holds.push_back(std::move(hold));
  }

  void TakeTold(const Event& event, Client& client) {
    const std::string word(event.Get("word"));
    if (word != "RENEWED") {
      story_.marks.push_back(
          {event.who, word + ' ' + std::string(event.Get("lock")), event.at, event.at});
    }
    if (word == "LOST") {
      const auto found = client.holds.find(std::string(event.Get("lock")));
      if (found != client.holds.end()) story_.holds[found->second].lost = event.at;
    } else if (!event.Get("deadline").empty()) {
      SetDeadline(client, event);
    }
  }

  void SetDeadline(Client& client, const Event& event) {
    const auto found = client.holds.find(std::string(event.Get("lock")));
    if (found == client.holds.end()) return;
    Hold& hold = story_.holds[found->second];
    if (hold.fence != event.Number("fence")) return;
    const Duration deadline = event.Time("deadline");
    if (deadline < hold.deadline) Violate(event, "the deadline moved back");
    hold.deadline = deadline;
  }

  void End(Client& client, std::string_view lock, Duration at) {
    const auto found = client.holds.find(std::string(lock));
    if (found == client.holds.end()) return;
    Hold& hold = story_.holds[found->second];
    hold.watched_until = at;
    if (!hold.ended) hold.ended = at;
    client.holds.erase(found);
  }

  // Nobody tells the command of `redlock run` a deadline. It holds the lock as long as it is seen
  // to be alive: each beat prolongs the hold.
  void TakeSection(const Event& event, Client& client) {
    Hold hold{.lock = std::string(event.Get("lock")),
              .who = event.who,
              .fence = event.Number("fence"),
              .not_before = client.run_at,
              .from = event.at,
              .deadline = event.at,
              .is_section = true};
    client.holds[hold.lock] = story_.holds.size();
    story_.holds.push_back(std::move(hold));
  }

  void TakeWrite(const Event& event, Client& client) {
    Write write{.who = event.who,
                .lock = std::string(event.Get("lock")),
                .fence = event.Number("fence"),
                .begin = event.Time("begin"),
                .end = event.at,
                .taken = event.Get("taken") == "1",
                .unfenced = event.what == "write",
                .read = event.Number("read"),
                .wrote = event.Number("wrote")};
    const auto found = client.holds.find(write.lock);
    const std::size_t index = found == client.holds.end() ? kNone : found->second;
    if (index != kNone && story_.holds[index].fence == write.fence) {
      Hold& hold = story_.holds[index];
      if (hold.is_section) hold.deadline = event.at;
      write.rightful = !hold.is_section && write.begin >= hold.from && write.end < hold.until();
    }
    if (!write.taken)
      story_.marks.push_back({write.who, "REFUSED " + write.lock, event.at, event.at});
    story_.writes.push_back(std::move(write));
  }

  Story story_;
  std::map<std::string, Client> clients_;
};

}  // namespace

Story Tell(const std::vector<Event>& history) { return Teller().Tell(history); }

std::string DaemonOf(const std::string& who) { return who.substr(0, who.find_first_of("cr")); }

}  // namespace redlockd::test::faults
