#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "base/descriptor.h"
#include "daemon/event/watch.h"
#include "daemon/session/state.h"
#include "protocol/line_reader.h"

namespace redlockd::event {
class Loop;
}

namespace redlockd::session {

// A client's socket: bytes in as lines, lines out as bytes, and how it ends. Knows no verb, decides
// nothing: its owner takes a line when it wants one and says when to write. Nothing is kept for a
// client that is idle.
class Connection {
 public:
  class Owner {
   public:
    virtual ~Owner() = default;
    // Take may have something new. An owner that wants no line now asks Gone() instead, as a
    // reset may look like input.
    virtual void OnInput() = 0;
    virtual void OnWritable() = 0;  // after a Flush that was kBlocked
    virtual void OnGone() = 0;      // the client has closed, or is dead; may be called again
  };

  Connection(event::Loop& loop, redlock::base::Descriptor socket, Owner& owner);

  enum class Input {
    kLine,     // *line is one
    kTooLong,  // a line was longer than the protocol allows and has been dropped
    kPartial,  // the input ended within a line; once, before kEnd
    kEnd,      // there will be no more
    kAgain,    // something was read, but no whole line yet: call again
    kNothing,  // none now; OnInput will be called
    kGone,     // as OnGone
  };
  // *line is valid until the next Take. Reads the socket only if no line is at hand, once.
  Input Take(std::string_view* line);

  // The client has ended its input (shutdown of its sending side). Take may still have lines.
  bool half_closed() const { return half_closed_; }

  bool Gone() const;
  int fd() const { return socket_.get(); }

  // For the next process, and from the former one; before anything is taken or sent.
  void Save(record::Client& client) const;
  // `attached`: goes with the output, where that says so.
  void Restore(const record::Client& former, redlock::base::Descriptor attached);

  // Whole lines, to be sent by Flush.
  std::string& out();
  // The next byte that is added goes with that descriptor, of which the client gets a copy. Once.
  void Attach(redlock::base::Descriptor descriptor);
  std::size_t unsent() const { return out_.size() - sent_; }

  enum class Flushed {
    kAll,
    kBlocked,  // the client does not read: OnWritable when it goes on
    kGone,
  };
  // Sends what there is in one call. Due after each OnInput, whether there is something or not.
  Flushed Flush();

 private:
  void OnEvent(unsigned what);
  Input Fill();
  ssize_t Send();

  Owner& owner_;
  redlock::base::Descriptor socket_;
  event::Watch watch_;                                 // destroyed before the socket is closed
  std::unique_ptr<redlock::protocol::LineReader> in_;  // while it has something
  std::string out_;
  std::size_t sent_ = 0;  // bytes of out_ that are gone
  struct Attachment {
    redlock::base::Descriptor descriptor;
    std::size_t at;  // goes with that byte of out_
  };
  std::unique_ptr<Attachment> attachment_;  // null: none
  bool readable_ = false;
  bool looks_at_peer_ = false;  // in the next Flush
  bool half_closed_ = false;
  bool ended_ = false;  // read() has said so
};

}  // namespace redlockd::session
