#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "daemon/event/loop.h"
#include "daemon/redis/subscription.h"
#include "tests/fuzz/bytes.h"
#include "tests/fuzz/check.h"
#include "tests/fuzz/local_socket.h"
#include "tests/fuzz/turns.h"

// A node that says anything on the connection on which a daemon listens for hints. What is heard is
// hints and at most one note, alike however the bytes were cut.
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
    const auto* hint = std::get_if<engine::NodeHint>(&event);
    FUZZ_CHECK(hint != nullptr, "not a hint");
    FUZZ_CHECK(hint->node == 0 && !hint->lock.empty() && hint->lock.size() <= 1024, "no lock");
    log_ += "hint " + std::to_string(static_cast<int>(hint->kind)) + " " + hint->lock + "\n";
  }
  void On(const std::string& note) {
    FUZZ_CHECK(++notes_ == 1, "a second note");
    FUZZ_CHECK(!note.empty() && note.size() <= 640, "not a note");
    log_ += "note " + note + "\n";
  }

  Turns turns_;
  int node_ = -1;
  std::size_t heard_ = 0, notes_ = 0;
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
