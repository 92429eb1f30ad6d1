#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "libclient/include/redlock/redlock.h"
#include "protocol/limits.h"
#include "protocol/request.h"
#include "tests/fuzz/bytes.h"
#include "tests/fuzz/check.h"
#include "tests/fuzz/lines.h"

// libredlock as a whole, and a daemon that says anything. The first line of the input is what the
// client asks, a letter each; the rest is what the daemon says, cut anywhere: its greeting,
// answers, events. Each request is answered once, whatever comes, and alike however it was cut;
// what the client sends can be read.
namespace redlockd::fuzz {
namespace {

constexpr const char* kHello = "* HELLO redlockd 1 caps=exclusive line=4096 boot=b\n";

// The daemon's end of the socket, and what it is to say as soon as the client connects.
int daemon_fd = -1;
const std::string* greeting = nullptr;

void Say(const std::string& bytes) {
  for (std::string_view rest = bytes; !rest.empty();) {
    const ssize_t sent = send(daemon_fd, rest.data(), rest.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent <= 0) return;  // the client has closed, or has not read for long
    rest.remove_prefix(static_cast<std::size_t>(sent));
  }
}

int Connect(int fd) {
  std::array<int, 2> ends{};
  FUZZ_CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) == 0, "no sockets");
  FUZZ_CHECK(dup2(ends[0], fd) == fd, "no descriptor");
  close(ends[0]);
  daemon_fd = ends[1];
  Say(*greeting);
  return 0;
}

struct FreeClient {
  void operator()(redlock_client* client) const { redlock_free(client); }
};

// A client, and a log of what it is told.
class Talk {
 public:
  Talk() : client_(redlock_new()) {
    redlock_on_event(client_.get(), OnEvent, this);
    redlock_set_answer_timeout(client_.get(), 0);
  }
  ~Talk() {
    if (daemon_fd >= 0) close(daemon_fd);
    daemon_fd = -1;
  }
  Talk(const Talk&) = delete;
  Talk& operator=(const Talk&) = delete;

  // Whether the greeting was one.
  bool Greet(const std::string& bytes) {
    greeting = &bytes;
    const int error = redlock_connect(client_.get(), "s", 0);
    FUZZ_CHECK((error == REDLOCK_OK) == (redlock_fd(client_.get()) >= 0), "connected or not");
    Note("greeted", error);
    return error == REDLOCK_OK;
  }

  void Ask(char what);

  void Hear(const std::string& bytes) {
    if (redlock_fd(client_.get()) < 0) return;
    Say(bytes);
    Dispatch();
  }
  void HearTheEnd() {
    if (redlock_fd(client_.get()) < 0) return;
    shutdown(daemon_fd, SHUT_RDWR);
    Dispatch();
    FUZZ_CHECK(redlock_fd(client_.get()) < 0, "it is closed, and is not");
  }

  // "" if all is well at the end.
  void CheckEnd(const std::string& sent) const;
  const std::string& log() const { return log_; }
  std::string Sent() const;

 private:
  struct Asked {
    Talk* talk;
    std::size_t number;
    int answers = 0;
  };

  static void OnReply(redlock_client*, int error, const redlock_reply* reply, void* arg);
  static void OnEvent(redlock_client*, const redlock_event* event, void* arg);
  void Note(const std::string& what, std::int64_t number) {
    log_ += what + " " + std::to_string(number) + "\n";
  }
  void NoteReply(const redlock_reply* reply);
  void Dispatch() {
    const int error = redlock_dispatch(client_.get());
    const bool open = redlock_fd(client_.get()) >= 0;
    FUZZ_CHECK(open == (error == REDLOCK_OK), "an error, and it goes on");
  }
  Asked* New() {
    asked_.push_back(std::make_unique<Asked>(Asked{this, asked_.size()}));
    return asked_.back().get();
  }

  std::unique_ptr<redlock_client, FreeClient> client_;
  std::vector<std::unique_ptr<Asked>> asked_;
  std::uint64_t last_request_ = 0;
  std::string log_;
};

void Talk::Ask(char what) {
  redlock_client* client = client_.get();
  const redlock_arg name{nullptr, "a b"};
  redlock_grant grant = REDLOCK_GRANT_INIT;
  int error = REDLOCK_OK;
  switch (what) {
    case 'l':
      error = redlock_start_lock(client, "x", nullptr, OnReply, New(), &last_request_);
      break;
    case 'u':
      error = redlock_start(client, "unlock", &name, 1, OnReply, New(), &last_request_);
      break;
    case 'w':
      error = redlock_start(client, "watch", &name, 1, OnReply, New(), &last_request_);
      break;
    case 'n':
      error = redlock_start(client, "nodes", nullptr, 0, OnReply, New(), nullptr);
      break;
    case 'c':
      error = redlock_cancel(client, last_request_);
      FUZZ_CHECK(error == REDLOCK_OK || error == REDLOCK_EINVAL, "not cancelled");
      return;
    case 't':  // in vain: the answer is not waited for, and what it grants is let go of
      error = redlock_trylock(client, "y", nullptr, &grant);
      FUZZ_CHECK(error == REDLOCK_ENOANSWER, "an answer before it was given");
      return;
    default:
      return;
  }
  FUZZ_CHECK(error == REDLOCK_OK, redlock_error_text(client));
}

void Talk::NoteReply(const redlock_reply* reply) {
  Note("  error", redlock_reply_error(reply));
  log_ += std::string("  text ") + redlock_reply_text(reply) + "\n";
  const std::size_t rows = redlock_reply_rows(reply);
  for (std::size_t row = 0; row <= rows; ++row) {
    const std::size_t at = row == rows ? REDLOCK_ANSWER : row;
    for (std::size_t i = 0; i < redlock_reply_fields(reply, at); ++i) {
      const char* key = redlock_reply_key(reply, at, i);
      const char* value = redlock_reply_value(reply, at, i);
      FUZZ_CHECK(key != nullptr && value != nullptr, "a field without a value");
      (void)redlock_reply_get(reply, at, key);  // not found if there is a NUL in it
      log_ += std::string("  ") + key + "=" + value + "\n";
    }
  }
  redlock_grant grant = REDLOCK_GRANT_INIT;
  if (redlock_reply_grant(reply, &grant) == REDLOCK_OK) {
    FUZZ_CHECK(grant.deadline_ns >= 0 && grant.ttl_ns >= 0, "a grant of no time");
    FUZZ_CHECK(grant.votes >= 0 && grant.nodes >= 0, "fewer votes than none");
    Note("  fence", static_cast<std::int64_t>(grant.fence));
  }
}

void Talk::OnReply(redlock_client*, int error, const redlock_reply* reply, void* arg) {
  auto* asked = static_cast<Asked*>(arg);
  FUZZ_CHECK(++asked->answers == 1, "answered twice");
  FUZZ_CHECK((reply == nullptr) == (error == REDLOCK_ECLOSED), "an answer, or none");
  asked->talk->Note("answer to " + std::to_string(asked->number), error);
  if (reply != nullptr) asked->talk->NoteReply(reply);
}

void Talk::OnEvent(redlock_client*, const redlock_event* event, void* arg) {
  auto* talk = static_cast<Talk*>(arg);
  FUZZ_CHECK(event->size == sizeof *event, "of another size");
  FUZZ_CHECK(event->type >= REDLOCK_EVENT_RENEWED && event->type <= REDLOCK_EVENT_WATCH, "what?");
  FUZZ_CHECK(event->deadline_ns >= 0 && event->within_ns >= 0, "before all time");
  talk->Note("event", event->type);
  if (event->lock != nullptr) talk->log_ += std::string("  lock ") + event->lock + "\n";
  for (const char* word : {event->by, event->what}) {
    if (word != nullptr) talk->log_ += std::string("  word ") + word + "\n";
  }
  if (event->reason != nullptr) talk->log_ += std::string("  reason ") + event->reason + "\n";
}

std::string Talk::Sent() const {
  std::string sent;
  std::array<char, 65536> bytes;
  for (ssize_t size; (size = recv(daemon_fd, bytes.data(), bytes.size(), MSG_DONTWAIT)) > 0;) {
    sent.append(bytes.data(), static_cast<std::size_t>(size));
  }
  return sent;
}

void Talk::CheckEnd(const std::string& sent) const {
  for (const auto& asked : asked_) FUZZ_CHECK(asked->answers == 1, "never answered");
  FUZZ_CHECK(sent.empty() || sent.ends_with('\n'), "half a line is sent");
  for (const Line& line : LinesOf(sent, redlock::protocol::kLineBytes)) {
    FUZZ_CHECK(line, "a line that is too long is sent");
    const auto parsed = redlock::protocol::ParseRequest(*line);
    FUZZ_CHECK(std::holds_alternative<redlock::protocol::Request>(parsed), "sends: " + *line);
  }
}

// What the client was told, and what it sent.
std::string Run(const std::string& asks, const std::vector<std::string>& pieces) {
  Talk talk;
  std::string sent;
  if (talk.Greet(kHello)) {
    for (const char what : asks) talk.Ask(what);
    for (const std::string& piece : pieces) talk.Hear(piece);
    sent = talk.Sent();
    talk.HearTheEnd();
  }
  talk.CheckEnd(sent);
  return talk.log();
}

}  // namespace
}  // namespace redlockd::fuzz

extern "C" int __wrap_connect(int fd, const sockaddr*, socklen_t) {
  return redlockd::fuzz::Connect(fd);
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace redlockd::fuzz;
  Bytes input(data, size);
  const std::string asks(input.Until('\n').substr(0, 16));
  const auto pieces = Pieces(input);
  const std::string whole = Join(pieces);
  FUZZ_CHECK(Run(asks, pieces) == Run(asks, {whole}), "told another when cut");
  Talk().Greet(whole);  // a greeting, for once
  return 0;
}
