#include "daemon/session/connection.h"

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "protocol/limits.h"

namespace redlockd::session {
namespace {

using redlock::base::Descriptor;

using event::PeerState;
using event::Watch;
using redlock::protocol::LineReader;

constexpr std::size_t kReadBytes = 16384;
// Buffers for output that no client has just now: few are written to in one turn of the loop, and
// then none needs its buffer any more. One that has grown beyond kKeptOutput is given back.
constexpr std::size_t kKeptOutput = 512;
constexpr std::size_t kSpares = 64;
thread_local std::vector<std::string> spares;
// For the next client that sends something: mostly all of it is taken in the same turn.
thread_local std::unique_ptr<LineReader> spare_reader;

// More than a string has within itself.
bool HasRoom(const std::string& buffer) { return buffer.capacity() > std::string().capacity(); }

}  // namespace

// Edge-triggered: otherwise a full close after a half-close would not be noticed, and a client whose
// lines nobody takes just now would wake the loop again and again.
Connection::Connection(event::Loop& loop, Descriptor socket, Owner& owner)
    : owner_(owner),
      socket_(std::move(socket)),
      watch_(loop, socket_.get(), Watch::Trigger::kEdge, [this](unsigned what) { OnEvent(what); }) {
  watch_.Want(Watch::kRead | Watch::kClosed);
}

void Connection::OnEvent(unsigned what) {
  // After a half-close, a reset is reported as something to read.
  if (((what & Watch::kClosed) || half_closed_) && Gone()) return owner_.OnGone();
  if (what & Watch::kClosed) half_closed_ = true;
  if (what & (Watch::kRead | Watch::kClosed)) readable_ = true;
  if (what & Watch::kWrite) owner_.OnWritable();
  if (readable_) owner_.OnInput();
}

bool Connection::Gone() const { return event::LookAt(socket_.get()) == PeerState::kGone; }

Connection::Input Connection::Take(std::string_view* line) {
  if (in_) {
    switch (in_->Next(line)) {
      case LineReader::Status::kLine:
        return Input::kLine;
      case LineReader::Status::kTooLong:
        return Input::kTooLong;
      case LineReader::Status::kNeedMore:
        break;
    }
    if (!in_->has_partial_line()) spare_reader = std::move(in_);
  }
  if (readable_) return Fill();
  if (!ended_) return Input::kNothing;
  const bool partial = in_ != nullptr;
  in_.reset();
  return partial ? Input::kPartial : Input::kEnd;
}

Connection::Input Connection::Fill() {
  std::array<char, kReadBytes> bytes;
  iovec to{bytes.data(), bytes.size()};
  msghdr message{};
  message.msg_iov = &to;
  message.msg_iovlen = 1;
  const ssize_t size = recvmsg(socket_.get(), &message, 0);
  if (size > 0) {
    // A read that is not full has emptied the socket, and what comes will be reported. But after
    // bytes that came with a descriptor it ends early (the descriptor is dropped: MSG_CTRUNC), and
    // an end that was reported already is still to be read.
    const bool is_full = static_cast<std::size_t>(size) == bytes.size();
    readable_ = is_full || (message.msg_flags & MSG_CTRUNC) || half_closed_;
    looks_at_peer_ = true;
    if (!in_) in_ = std::move(spare_reader);
    if (!in_) in_ = std::make_unique<LineReader>(redlock::protocol::kLineBytes);
    in_->Append({bytes.data(), static_cast<std::size_t>(size)});
    return Input::kAgain;
  }
  if (size < 0 && errno == EINTR) return Input::kAgain;
  readable_ = false;
  if (size == 0) {
    half_closed_ = ended_ = true;
    return Input::kAgain;
  }
  return errno == EAGAIN ? Input::kNothing : Input::kGone;
}

std::string& Connection::out() {
  if (out_.empty() && !HasRoom(out_) && !spares.empty()) {
    out_ = std::move(spares.back());
    spares.pop_back();
  }
  return out_;
}

void Connection::Attach(Descriptor descriptor) {
  attachment_ = std::make_unique<Attachment>(Attachment{std::move(descriptor), out().size()});
}

// Of what is unsent, all that goes in one call: what stands before an attachment goes without it.
ssize_t Connection::Send() {
  const bool is_before = attachment_ && sent_ < attachment_->at;
  iovec from{out_.data() + sent_, (is_before ? attachment_->at : out_.size()) - sent_};
  msghdr message{};
  message.msg_iov = &from;
  message.msg_iovlen = 1;
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  if (attachment_ && !is_before) {
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    cmsghdr* const header = CMSG_FIRSTHDR(&message);
    *header = {
        .cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
    const int fd = attachment_->descriptor.get();
    std::memcpy(CMSG_DATA(header), &fd, sizeof(fd));
  }
  const ssize_t size = sendmsg(socket_.get(), &message, MSG_NOSIGNAL);
  if (size > 0 && !is_before) attachment_.reset();
  return size;
}

Connection::Flushed Connection::Flush() {
  while (unsent() > 0) {
    const ssize_t size =
        attachment_ ? Send() : send(socket_.get(), out_.data() + sent_, unsent(), MSG_NOSIGNAL);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0 && errno != EAGAIN) return Flushed::kGone;
    if (size < 0) {
      out_.erase(0, sent_);
      if (attachment_) attachment_->at -= sent_;
      sent_ = 0;
      watch_.Want(Watch::kRead | Watch::kClosed | Watch::kWrite);
      return Flushed::kBlocked;
    }
    sent_ += static_cast<std::size_t>(size);
    looks_at_peer_ = false;
  }
  // A reset that was reported together with the bytes that were read is not reported again. Sending
  // would have found it; where nothing is sent at once, it must be looked for.
  if (std::exchange(looks_at_peer_, false) && Gone()) return Flushed::kGone;
  sent_ = 0;
  out_.clear();
  if (HasRoom(out_) && out_.capacity() <= kKeptOutput && spares.size() < kSpares) {
    spares.push_back(std::move(out_));
  }
  out_ = std::string();
  watch_.Want(Watch::kRead | Watch::kClosed);
  return Flushed::kAll;
}

}  // namespace redlockd::session
