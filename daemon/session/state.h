#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/descriptor.h"
#include "daemon/engine/types.h"

// What the session room leaves to that of the daemon's next process (rules H): plain values, which say
// nothing of how they are kept; and the descriptors that belong to them.
namespace redlockd::session {

namespace record {

struct Request {  // that is under way
  engine::RequestId id = 0;
  std::string tag{};
  std::string subject{};
  bool is_wait = false;
  engine::SessionId asker = 0;
  std::vector<std::string> also{};  // the further names
  bool on_page = false;
  bool tells_renewals = false;
  bool operator==(const Request&) const = default;
};

struct Owner {
  engine::SessionId id = 0;
  std::string name{};
  bool idle = false;
  bool operator==(const Owner&) const = default;
};

// An untagged line that waits for the one before it.
struct Line {
  std::string text{};  // a request; or why it is none
  bool is_error = false;
  std::string code{};  // protocol::ErrorWord
  std::string tag{};
  bool operator==(const Line&) const = default;
};

struct Listing {
  engine::RequestId request = 0;
  std::string tag{};
  std::string next_name{};
  std::uint64_t next_place = 0, holds = 0, waits = 0;
  std::uint64_t next_hold = 0;
  bool operator==(const Listing&) const = default;
};

// A hold that is on the page of its session.
struct PageHold {
  engine::SessionId holder = 0;
  std::string lock{};
  engine::Fence fence = 0;
  std::optional<std::uint64_t> slot{};  // none: it has found none
  bool tells_renewals = false;
  bool operator==(const PageHold&) const = default;
};

struct Page {
  std::vector<PageHold> holds{};
  std::uint64_t last_use = 0;
  std::optional<std::uint64_t> sent_with{};  // a byte of the output; none: the client has it
  bool operator==(const Page&) const = default;
};

struct Client {
  engine::SessionId id = 0;
  // Its peer, as it was when it connected.
  std::int32_t pid = 0;
  std::uint32_t uid = 0;
  std::vector<std::uint32_t> groups{};
  bool admin = false;
  std::string command{};

  std::string input{};      // read, and not taken
  bool drops_line = false;  // the rest of a line that was too long is to come
  std::string output{};     // not sent
  bool leaving = false;     // the engine has forgotten it; only its output is left
  bool first_line = true;
  bool input_ended = false;
  bool reported_input_end = false;
  engine::RequestId last_request = 0;
  std::vector<Request> requests{};
  std::vector<Owner> owners{};  // those that are idle in their order
  std::vector<Line> queue{};
  std::vector<Listing> listings{};
  std::uint64_t unread_watches = 0, missed_watches = 0;
  std::optional<Page> page{};  // that it has asked for
  bool operator==(const Client&) const = default;
};

}  // namespace record

struct State {
  engine::SessionId last_id = 0;
  std::vector<record::Client> clients{};
  bool operator==(const State&) const = default;
};

// The ends of a client: its socket, its process if the kernel has given that, and the file of its page if it
// has one.
struct Ends {
  redlock::base::Descriptor socket;
  redlock::base::Descriptor process;
  redlock::base::Descriptor page;
};
// The same, borrowed.
struct EndsOf {
  engine::SessionId session;
  int socket;
  int process;  // -1: none
  int page;     // likewise
};

// Why no room can go on from this state, in one sentence; empty: one can. For states that come from
// outside.
std::string WhyUnusable(const State& state);

}  // namespace redlockd::session
