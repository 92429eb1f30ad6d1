#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "daemon/event/loop.h"
#include "daemon/redis/hint.h"
#include "daemon/redis/subscription.h"
#include "tests/fuzz/bytes.h"
#include "tests/fuzz/check.h"
#include "tests/fuzz/local_socket.h"
#include "tests/fuzz/turns.h"

// A node that says anything on the connection on which a daemon listens for hints. What is heard is
// hints, whether it is subscribed, and at most one note, alike however the bytes were cut.
namespace redlockd::fuzz {
namespace {

redis::Options NodeOptions(const std::string& path) {
  redis::Options options;
  redis::NodeOptions node;
  node.address.path = path;
  node.password = "secret";
  node.connect_timeout = std::chrono::hours(1);
  options.nodes = {node};
  options.set.key_prefix = "p:";
  options.instance = "i";
  return options;
}

class Talk {
 public:
  Talk(event::Loop& loop, const LocalListener& listener)
      : turns_(loop),
        options_(NodeOptions(listener.path())),
        resolver_(loop),
        callbacks_{.on_event = [this](const engine::Event& event) { On(event); },
                   .on_note = [this](engine::NodeIndex, const std::string& note) { On(note); }},
        subscription_({loop, resolver_, options_, 0, callbacks_}, 1) {
    turns_.UntilQuiet([&] {
      if (node_ < 0) node_ = accept4(listener.fd(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      return node_;
    });
    Turn();
  }
  ~Talk() {
    if (node_ >= 0) close(node_);
  }
  Talk(const Talk&) = delete;
  Talk& operator=(const Talk&) = delete;

  void Say(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = send(node_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent > 0) bytes.remove_prefix(static_cast<std::size_t>(sent));
      Turn();
      if (sent <= 0) return;  // it has hung up: it never leaves much unread
    }
  }
  const std::string& log() const { return log_; }

 private:
  void Turn() {
    turns_.UntilQuiet([this] {
      std::array<char, 4096> bytes;
      for (ssize_t size; (size = read(node_, bytes.data(), bytes.size())) > 0;) {
        heard_ += static_cast<std::size_t>(size);
      }
      return heard_ + log_.size();
    });
  }

  void On(const engine::Event& event) {
    if (const auto* subscribed = std::get_if<engine::NodeSubscribed>(&event)) {
      FUZZ_CHECK(subscribed->node == 0, "another node");
      FUZZ_CHECK(subscribed->subscribed != subscribed_, "said again");
      subscribed_ = subscribed->subscribed;
      log_ += subscribed_ ? "subscribed\n" : "not subscribed\n";
      return;
    }
    if (const auto* asked = std::get_if<engine::HolderAsked>(&event)) return On(*asked);
    if (const auto* named = std::get_if<engine::HolderNamed>(&event)) return On(*named);
    const auto* hint = std::get_if<engine::NodeHint>(&event);
    FUZZ_CHECK(hint != nullptr, "not a hint");
    FUZZ_CHECK(hint->node == 0 && !hint->lock.empty() && hint->lock.size() <= 1024, "no lock");
    const bool is_next = hint->kind == engine::NodeHint::Kind::kNext;
    FUZZ_CHECK(hint->rest.count() >= 0 && (is_next || hint->rest.count() == 0), "no time");
    log_ += "hint " + std::to_string(static_cast<int>(hint->kind)) + " " +
            std::to_string(hint->rest.count()) + " " + hint->lock + "\n";
  }
  void On(const engine::HolderAsked& asked) {
    FUZZ_CHECK(asked.node == 0 && !asked.lock.empty() && asked.lock.size() <= 1024, "no lock");
    FUZZ_CHECK(!asked.asker.empty() && asked.asker.size() <= 64, "no asker");
    FUZZ_CHECK(asked.asker.find(' ') == std::string::npos, "not one word");
    log_ += "who " + std::to_string(asked.inquiry) + " " + std::to_string(asked.attempt) + " " +
            asked.asker + " " + asked.lock + "\n";
  }
  // What was read is written again in a way that reads the same.
  void On(const engine::HolderNamed& named) {
    FUZZ_CHECK(named.node == 0, "another node");
    const std::string text = redis::TextOf({"", named.inquiry, named.holder});
    log_ += text + "\n";
    const auto again = redis::HintOf(text, "p:");
    FUZZ_CHECK(again && std::get<engine::HolderNamed>(*again).holder == named.holder, "not so");
    if (!named.holder) return;
    const engine::HolderFacts& holder = *named.holder;
    FUZZ_CHECK(holder.fence > 0 && holder.held.count() >= 0 && holder.pid >= 0, "not a hold");
    FUZZ_CHECK(holder.note.size() <= 255, "a note that no client gives");
    FUZZ_CHECK(holder.note.find('\0') == std::string::npos, "a note with a NUL");
  }
  void On(const std::string& note) {
    FUZZ_CHECK(++notes_ == 1, "a second note");
    FUZZ_CHECK(!note.empty() && note.size() <= 640, "not a note");
    log_ += "note " + note + "\n";
  }

  Turns turns_;
  int node_ = -1;
  std::size_t heard_ = 0, notes_ = 0;
  bool subscribed_ = false;
  std::string log_;
  const redis::Options options_;
  redis::Resolver resolver_;
  const redis::Callbacks callbacks_;
  redis::Subscription subscription_;
};

std::string Run(const std::vector<std::string>& pieces) {
  static event::Loop loop;
  const LocalListener listener;  // a new one each time: nobody is left in its queue
  Talk talk(loop, listener);
  for (const std::string& piece : pieces) talk.Say(piece);
  return talk.log();
}

}  // namespace
}  // namespace redlockd::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace redlockd::fuzz;
  const auto pieces = Pieces({data, size});
  FUZZ_CHECK(Run(pieces) == Run({Join(pieces)}), "heard another when cut");
  return 0;
}
