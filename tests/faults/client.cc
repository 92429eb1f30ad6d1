#include "tests/faults/client.h"

#include <poll.h>

#include <algorithm>
#include <csignal>
#include <stdexcept>

namespace redlockd::test::faults {
namespace {

volatile std::sig_atomic_t stopping = 0;

// How a client may end its session.
constexpr std::string_view kEnds[] = {"close", "half-close", "quit"};

// Of a value of the unfenced store, what makes it this client's.
std::uint64_t FirstValue(const ClientSetup& setup) {
  return (std::hash<std::string>()(setup.who) ^ setup.seed) << 32;
}

}  // namespace

bool Stopping() { return stopping != 0; }
void HeedSigterm() {
  struct sigaction action {};
  action.sa_handler = [](int) { stopping = 1; };  // without SA_RESTART: it ends a poll()
  sigaction(SIGTERM, &action, nullptr);
}

Client::Client(const ClientSetup& setup)
    : setup_(setup),
      journal_(setup.journal, setup.who, setup.origin),
      store_(setup.store),
      random_(setup.seed),
      careless_(OneIn(3)),
      last_value_(FirstValue(setup)) {
  HeedSigterm();
  journal_.Note("start", {{"careless", careless_ ? "1" : "0"}});
}

void Client::Run() {
  while (!Stopping()) {
    if (Connect()) UseSession();
  }
  journal_.Note("done");
}

bool Client::Connect() {
  try {
    session_.emplace(setup_.socket);
  } catch (const std::runtime_error&) {  // the daemon is down
    poll(nullptr, 0, 20);
    return false;
  }
  tags_ = !OneIn(3);
  hold_.reset();
  open_.clear();
  journal_.Note("connect");
  return true;
}

void Client::UseSession() {
  while (!Stopping() && !session_->ended()) {
    if (OneIn(25)) return EndSession(kEnds[Below(std::size(kEnds))]);
    Round();
    if (!session_) return;
    Listen(Between(0ms, 60ms));
  }
  EndSession(session_->ended() ? "eof" : "quit");
}

// Once: asks for a lock, and uses it if it is granted.
void Client::Round() {
  const bool contended = !OneIn(4);
  const std::size_t which = Below(std::size(kContended));
  const std::string lock = contended ? std::string(kContended[which])
                                     : "own-" + setup_.who + '-' + std::to_string(Below(5));
  const bool waits = OneIn(2);
  const std::string id =
      Ask(waits ? "lock" : "trylock", lock, waits ? LockOptions() : "events=renew");
  if (OneIn(10)) Ask("ping", "");
  if (waits && tags_ && OneIn(6)) {
    Listen(Between(0ms, 200ms));
    if (IsOpen(id)) Ask("cancel", id);
  }
  if (!Await(id)) return;
  if (hold_ && contended) hold_->slot = which;
  if (hold_) HoldIt();
}

std::string Client::LockOptions() {
  std::string options;
  const auto add = [&options](std::string_view key, Duration value) {
    options +=
        (options.empty() ? "" : " ") + std::string(key) + '=' + std::to_string(value / 1ms) + "ms";
  };
  if (!OneIn(4)) add("ttl", Between(450ms, 2s));
  if (!OneIn(3)) add("wait", OneIn(5) ? 0ms : Between(20ms, 3s));
  if (OneIn(8)) add("max-hold", Between(50ms, 1s));
  if (!OneIn(4)) options += " events=renew";
  return options;
}

// Most sections are short; some need the lock to be renewed.
void Client::HoldIt() {
  const Duration length = OneIn(40)  ? Between(1500ms, 4s)
                          : OneIn(8) ? Between(100ms, 600ms)
                                     : Between(0ms, 30ms);
  const Countdown countdown(length);
  do {
    Work();
    Listen(std::min(Between(0ms, 20ms), countdown.left()));
    if (hold_->slot && OneIn(30)) Ask("check", hold_->lock);
    const bool over = hold_->lost || BootTime() >= hold_->deadline;
    if (Stopping() || (over && !careless_)) break;
  } while (!countdown.over());
  if (OneIn(12) && !session_->ended()) {  // with the lock still held
    return EndSession(kEnds[Below(std::size(kEnds))]);
  }
  LetGo();
}

// A write to both stores. A careful client looks at the clock last thing before its first step;
// what happens to it behind that is what the fence is for.
void Client::Work() {
  if (!hold_->slot) return;
  const std::size_t slot = *hold_->slot;
  const Duration deadline = hold_->deadline;
  const Duration begin = BootTime();
  const std::uint64_t read = store_.Read(slot);
  poll(nullptr, 0, static_cast<int>(Below(4)));  // computes
  if (!careless_ && BootTime() >= deadline) return;
  std::uint64_t greatest = 0;
  const bool taken = store_.Put(slot, hold_->fence, &greatest);
  store_.Write(slot, ++last_value_);
  journal_.Note("write", {{"lock", hold_->lock},
                          {"fence", std::to_string(hold_->fence)},
                          {"begin", ToText(begin - setup_.origin)},
                          {"taken", taken ? "1" : "0"},
                          {"greatest", std::to_string(greatest)},
                          {"read", std::to_string(read)},
                          {"wrote", std::to_string(last_value_)}});
  if (!taken) hold_->lost = true;
}

void Client::LetGo() {
  if (session_->ended()) return;
  // Before it is sent; a hold is over for its client from here on.
  journal_.Note("release", {{"lock", hold_->lock}, {"fence", std::to_string(hold_->fence)}});
  const std::string lock = hold_->lock;
  hold_.reset();
  Await(Ask("unlock", lock, OneIn(6) ? "sync" : ""));
}

void Client::EndSession(std::string_view how) {
  journal_.Note("disconnect", {{"how", std::string(how)}});
  hold_.reset();
  if (how == "quit" || how == "half-close") {
    if (how == "quit") Ask("quit", "");
    if (how == "half-close") session_->HalfClose();
    // Everything that was asked is answered before the daemon closes.
    const Countdown countdown(kPatience);
    while (!session_->ended() && !countdown.over()) Listen(countdown.left());
    if (!session_->ended()) journal_.Note("unanswered", {{"how", std::string(how)}});
    if (!open_.empty()) journal_.Note("dropped", {{"id", open_.front().id}});
  }
  session_.reset();
  open_.clear();
  hold_.reset();
}

// --- asking, and what comes ----------------------------------------------------------------------

std::string Client::Ask(std::string_view verb, const std::string& lock, std::string_view options) {
  const std::string id = std::to_string(++last_id_);
  std::string request(verb);
  for (const std::string_view word : {std::string_view(lock), options}) {
    if (!word.empty()) request += ' ' + std::string(word);
  }
  journal_.Note("ask", {{"id", id}, {"verb", std::string(verb)}, {"lock", lock}},
                std::string(options));
  open_.push_back({id, std::string(verb), lock});
  session_->Send(tags_ ? '#' + id + ' ' + request : request);
  return id;
}

bool Client::IsOpen(const std::string& id) const {
  return std::any_of(open_.begin(), open_.end(),
                     [&](const Request& open) { return open.id == id; });
}

// True once it is answered, false if the session has ended without that. While faults come and go
// an answer may take as long as it likes; at the end of the run it may not.
bool Client::Await(const std::string& id) {
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

void Client::Listen(Duration for_so_long) {
  const Countdown countdown(for_so_long);
  do {
    if (const auto line = session_->Next(countdown.left())) Take(*line);
  } while (!countdown.over() && !Stopping() && !session_->ended());
}

void Client::Take(const Reply& reply) {
  if (reply.kind == Reply::Kind::kEvent) return TakeEvent(reply);
  if (reply.kind != Reply::Kind::kRow) TakeAnswer(reply);
}

std::string Client::RunTime(const Reply& reply, std::string_view key) const {
  return ToText(Duration(GetNumber(reply, key)) - setup_.origin);
}

void Client::TakeAnswer(const Reply& reply) {
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
  const bool granted = ok && (request.verb == "lock" || request.verb == "trylock");
  if (ok && (granted || request.verb == "check")) {
    fields.emplace_back("fence", Get(reply, "fence"));
    fields.emplace_back("deadline", RunTime(reply, "deadline"));
  }
  if (granted) fields.emplace_back("ttl", Get(reply, "ttl"));
  journal_.Note("answer", std::move(fields), reply.text);
  if (granted) {
    store_.CountGrant();
    hold_ = Hold{.lock = request.lock, .fence = GetNumber(reply, "fence")};
  }
  if (hold_ && reply.Find("deadline") != nullptr) {
    hold_->deadline = Duration(GetNumber(reply, "deadline"));
  }
}

void Client::TakeEvent(const Reply& event) {
  Fields fields = {{"word", event.word}};
  for (const std::string_view key : {"lock", "fence", "reason"}) {
    if (const std::string* value = event.Find(key)) fields.emplace_back(key, *value);
  }
  if (event.Find("deadline") != nullptr)
    fields.emplace_back("deadline", RunTime(event, "deadline"));
  if (event.word != "HELLO") journal_.Note("told", std::move(fields));
  if (!hold_ || event.Find("lock") == nullptr || Get(event, "lock") != hold_->lock) return;
  if (event.word == "LOST") {
    hold_->lost = true;
  } else {
    hold_->deadline = Duration(GetNumber(event, "deadline"));
  }
}

std::size_t Client::Below(std::size_t bound) {
  return std::uniform_int_distribution<std::size_t>(0, bound - 1)(random_);
}

Duration Client::Between(Duration least, Duration most) {
  return Duration(
      std::uniform_int_distribution<Duration::rep>(least.count(), most.count())(random_));
}

}  // namespace redlockd::test::faults
