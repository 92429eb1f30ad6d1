#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <variant>
#include <vector>

#include "daemon/event/loop.h"
#include "daemon/redis/nodes.h"
#include "daemon/redis/scripts.h"
#include "tests/fuzz/bytes.h"
#include "tests/fuzz/check.h"
#include "tests/fuzz/local_socket.h"
#include "tests/fuzz/turns.h"

// A connection to a node that says anything. The first line of the input is what the node is asked,
// a letter each, D and R for three releases or renewals at once; without one it is spoken to from the
// handshake on.
// The rest is what the node says, cut anywhere. Each question has one answer, or gone-silence, in
// the end, alike however it was cut.
namespace redlockd::fuzz {
namespace {

using engine::NodeAnswer;
using engine::NodeDown;
using engine::NodeLinkUp;
using engine::NodeSilence;

std::string Bulk(const std::string& text) {
  return "$" + std::to_string(text.size()) + "\r\n" + text + "\r\n";
}

std::string GoodHandshake() {
  std::string replies = ":5\r\n*2\r\n" + Bulk("1") + Bulk("2") +
                        Bulk(
                            "run_id:r\r\nredis_version:7\r\nrole:master\r\n"
                            "maxmemory_policy:noeviction\r\nevicted_keys:0\r\n");
  for (std::size_t i = 0; i < redis::AllScripts().size(); ++i) replies += Bulk("sha");
  return replies;
}

engine::NodeOp OpOf(char letter) {
  switch (letter) {
    case 'a':
      return engine::AcquireOp{"x", "i:1:h", std::chrono::seconds(1), 7};
    case 'm':
      return engine::ClaimOp{.names = {{"x", "i:1:h", 7}, {"y", "i:2:h", 7}},
                             .ttl = std::chrono::seconds(1)};
    case 'c':
      return engine::ConfirmOp{"x", "i:1:h", 7};
    case 'r':
    case 'R':
      return engine::RenewOp{"x", "i:1:h", std::chrono::seconds(1)};
    case 'd':
    case 'D':
      return engine::ReleaseOp{"x", "i:1:h"};
    case 'b':
      return engine::BreakOp{"x", "i:1:h", false, std::chrono::seconds(1)};
    case 'h':
      return engine::NameHolderOp{.asker = "i", .inquiry = 1};
    case 'p':
      return engine::ProbeOp{"id", "1:id"};
    default:
      return engine::InspectOp{"x"};
  }
}

redis::Options NodeOptions(const std::string& path) {
  redis::Options options;
  redis::NodeOptions node;
  node.address.path = path;
  node.connect_timeout = node.command_timeout = std::chrono::hours(1);
  options.nodes = {node};
  return options;
}

// The daemon's side: one node of one link; and the log of what is heard from it.
class Talk {
 public:
  Talk(event::Loop& loop, const LocalListener& listener)
      : turns_(loop),
        nodes_(loop, NodeOptions(listener.path()),
               {.on_event = [this](engine::Event event) { On(std::move(event)); },
                .on_note = [](engine::NodeIndex, const std::string&) {}}) {
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

  void Ask(char letter) {
    for (int i = letter == 'D' || letter == 'R' ? 3 : 1; i > 0; --i) {
      const engine::Ticket ticket{engine::Ticket::Kind::kQuery, 0, ++asked_, engine::Time()};
      nodes_.Ask({engine::NodeSet().set(0), ticket, OpOf(letter)});
      open_.push_back(asked_);
    }
    Turn();
  }
  void Say(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = send(node_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent > 0) bytes.remove_prefix(static_cast<std::size_t>(sent));
      const std::size_t before = heard_;
      Turn();
      if (sent <= 0 && heard_ == before) return;  // it has hung up
    }
  }
  void HangUp() {
    shutdown(node_, SHUT_RDWR);
    Turn();
    FUZZ_CHECK(open_.empty(), "a question without an end");
    FUZZ_CHECK(downs_ == 1, "down, told " + std::to_string(downs_) + " times");
  }
  const std::string& log() const { return log_; }

 private:
  void Turn() {
    turns_.UntilQuiet([this] {
      std::array<char, 65536> bytes;
      for (ssize_t size; (size = read(node_, bytes.data(), bytes.size())) > 0;) {
        heard_ += static_cast<std::size_t>(size);
      }
      return heard_ + log_.size();
    });
  }

  void On(const engine::Event& event) {
    if (const auto* batch = std::get_if<engine::NodeAnswers>(&event)) {
      for (const NodeAnswer& answer : batch->answers) On(answer);
    } else if (const auto* answer = std::get_if<NodeAnswer>(&event)) {
      Ended(answer->ticket);
      log_ += "answer " + std::to_string(static_cast<int>(answer->verdict)) + " " +
              std::to_string(answer->fence) + " " + answer->text + "\n";
      for (const NodeAnswer& name : answer->names) {
        log_ += "name " + std::to_string(static_cast<int>(name.verdict)) + " " + name.text + "\n";
      }
    } else if (const auto* silence = std::get_if<NodeSilence>(&event)) {
      FUZZ_CHECK(silence->gone, "out of time");
      Ended(silence->ticket);
      log_ += "gone\n";
    } else if (const auto* up = std::get_if<NodeLinkUp>(&event)) {
      FUZZ_CHECK(downs_ == 0, "up again");
      log_ += "up " + up->facts.run_id + "\n";
    } else {
      ++downs_;
      log_ += "down " + std::get<NodeDown>(event).reason + "\n";
    }
  }
  // One link: answers come in the order of the questions.
  void Ended(const engine::Ticket& ticket) {
    FUZZ_CHECK(!open_.empty() && open_.front() == ticket.subject, "answered twice, or out of turn");
    open_.pop_front();
  }

  Turns turns_;
  int node_ = -1;
  std::size_t heard_ = 0;
  std::uint64_t asked_ = 0;
  std::deque<std::uint64_t> open_;
  std::size_t downs_ = 0;
  std::string log_;
  redis::Nodes nodes_;
};

std::string Run(const std::string& asks, const std::vector<std::string>& pieces) {
  static event::Loop loop;
  const LocalListener listener;  // a new one each time: nobody is left in its queue
  Talk talk(loop, listener);
  if (!asks.empty()) talk.Say(GoodHandshake());
  for (const char letter : asks) talk.Ask(letter);
  for (const std::string& piece : pieces) talk.Say(piece);
  talk.HangUp();
  return talk.log();
}

}  // namespace
}  // namespace redlockd::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace redlockd::fuzz;
  Bytes input(data, size);
  const std::string asks(input.Until('\n').substr(0, 16));
  const auto pieces = Pieces(input);
  FUZZ_CHECK(Run(asks, pieces) == Run(asks, {Join(pieces)}), "heard another when cut");
  return 0;
}
