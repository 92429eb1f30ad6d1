#include "tests/faults/conversation.h"

#include <algorithm>
#include <stdexcept>

#include "tests/faults/sigterm.h"

namespace redlockd::test::faults {

bool Conversation::Connect(const std::string& socket, bool tags) {
  try {
    session_.emplace(socket);
  } catch (const std::runtime_error&) {
    return false;
  }
  tags_ = tags;
  holds_.clear();
  open_.clear();
  journal_.Note("connect");
  return true;
}

void Conversation::End(std::string_view how) {
  if (!session_) return;
  if (session_->ended()) how = "eof";
  journal_.Note("disconnect", {{"how", std::string(how)}});
  if (how == "quit" || how == "half-close") {
    if (how == "quit") Ask("quit");
    if (how == "half-close") session_->HalfClose();
    // Everything that was asked is answered before the daemon closes.
    const Countdown countdown(kPatience);
    while (!session_->ended() && !countdown.over()) {
      if (const auto line = session_->Next(countdown.left())) Take(*line);
    }
    if (!session_->ended()) journal_.Note("unanswered", {{"how", std::string(how)}});
    if (!open_.empty()) journal_.Note("dropped", {{"id", open_.front().id}});
  }
  session_.reset();
}

std::string Conversation::Ask(std::string_view verb, const std::string& lock,
                              std::string_view options) {
  const std::string id = std::to_string(++last_id_);
  std::string request = tags_ ? '#' + id + ' ' + std::string(verb) : std::string(verb);
  for (const std::string_view word : {std::string_view(lock), options}) {
    if (!word.empty()) request += ' ' + std::string(word);
  }
  journal_.Note("ask", {{"id", id}, {"verb", std::string(verb)}, {"lock", lock}},
                std::string(options));
  open_.push_back(
      {id, std::string(verb), lock, options.find("events=renew") != std::string_view::npos});
  session_->Send(request);
  return id;
}

bool Conversation::IsOpen(const std::string& id) const {
  return std::any_of(open_.begin(), open_.end(),
                     [&](const Request& open) { return open.id == id; });
}

bool Conversation::IsWanted(std::string_view lock) const {
  return std::any_of(open_.begin(), open_.end(), [&](const Request& open) {
    return open.lock == lock && (open.verb == "lock" || open.verb == "trylock");
  });
}

bool Conversation::Await(const std::string& id) {
  std::optional<Countdown> last;
  while (IsOpen(id)) {
    if (session_->ended()) return false;
    if (Stopping() && !last) last.emplace(kPatience);
    if (last && last->over()) {
      journal_.Note("unanswered", {{"id", id}});
      return false;
    }
    if (const auto line = session_->Next(100ms)) Take(*line);
  }
  return true;
}

void Conversation::Listen(Duration for_so_long) {
  if (!session_) return;
  const Countdown countdown(for_so_long);
  do {
    if (const auto line = session_->Next(countdown.left())) Take(*line);
  } while (!countdown.over() && !Stopping());
}

Conversation::Hold* Conversation::Held(const std::string& lock) {
  const auto found = holds_.find(lock);
  return found == holds_.end() ? nullptr : &found->second;
}

void Conversation::Take(const Reply& reply) {
  if (reply.kind == Reply::Kind::kEvent) return TakeEvent(reply);
  if (reply.kind != Reply::Kind::kRow) TakeAnswer(reply);
}

void Conversation::TakeAnswer(const Reply& reply) {
  const auto open =
      tags_ ? std::find_if(open_.begin(), open_.end(),
                           [&](const Request& request) { return request.id == reply.tag; })
            : open_.begin();
  if (open == open_.end() || (!tags_ && !reply.tag.empty())) {
    return journal_.Note("stray", {}, Line(reply));
  }
  const Request request = std::move(*open);
  open_.erase(open);
  const bool ok = reply.kind == Reply::Kind::kOk;
  Fields fields = {{"id", request.id},
                   {"verb", request.verb},
                   {"lock", request.lock},
                   {"is", ok ? "OK" : reply.word}};
  Add(reply, {"fence", "deadline", "ttl"}, fields);
  journal_.Note("answer", std::move(fields), reply.text);
  if (ok && (request.verb == "lock" || request.verb == "trylock")) {
    store_.CountGrant();
    holds_[request.lock] = Hold{.fence = GetNumber(reply, "fence"),
                                .deadline = Duration(GetNumber(reply, "deadline")),
                                .hears_renewals = request.hears_renewals};
  } else if (Hold* hold = Held(request.lock); hold != nullptr && ok && request.verb == "check") {
    hold->deadline = Duration(GetNumber(reply, "deadline"));
  }
}

void Conversation::TakeEvent(const Reply& event) {
  if (event.word == "HELLO") return;
  Fields fields = {{"word", event.word}};
  Add(event, {"lock", "fence", "deadline", "reason"}, fields);
  journal_.Note("told", std::move(fields));
  Hold* hold = event.Find("lock") == nullptr ? nullptr : Held(Get(event, "lock"));
  if (hold == nullptr || GetNumber(event, "fence") != hold->fence) return;
  if (event.word == "LOST") {
    hold->lost = true;
  } else {
    hold->deadline = Duration(GetNumber(event, "deadline"));
  }
}

void Conversation::Add(const Reply& reply, std::initializer_list<std::string_view> keys,
                       Fields& fields) const {
  for (const std::string_view key : keys) {
    const std::string* value = reply.Find(key);
    if (value == nullptr) continue;
    fields.emplace_back(
        key, key == "deadline" ? ToText(Duration(std::stoll(*value)) - journal_.origin()) : *value);
  }
}

}  // namespace redlockd::test::faults
