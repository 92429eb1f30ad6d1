#include "tests/unit/libclient/fake_daemon.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <stdexcept>

#include "protocol/duration.h"
#include "protocol/reply.h"

namespace redlock::client {
namespace {

using protocol::ErrorCode;
using protocol::ReplyLine;
using protocol::Request;

long BootTime() {
  timespec now{};
  clock_gettime(CLOCK_BOOTTIME, &now);
  return now.tv_sec * 1'000'000'000 + now.tv_nsec;
}

std::string Option(const Request& request, std::string_view key, std::string absent) {
  for (const auto& option : request.options) {
    if (option.key == key) return option.value;
  }
  return absent;
}

}  // namespace

FakeDaemon::FakeDaemon(std::string hello, std::optional<std::chrono::nanoseconds> ahead)
    : hello_(std::move(hello)), ahead_(ahead) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path_.copy(address.sun_path, sizeof(address.sun_path) - 1);
  listener_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0 ||
      listen(listener_, 64) != 0) {
    throw std::runtime_error("cannot listen at " + path_);
  }
  wake_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  thread_ = std::thread([this] { Run(); });
}

FakeDaemon::~FakeDaemon() {
  stopping_ = true;
  Wake();
  thread_.join();
  for (const auto& session : sessions_) close(session->fd);
  close(listener_);
  close(wake_);
}

std::int64_t FakeDaemon::Now() const {
  return BootTime() + ahead_.value_or(std::chrono::nanoseconds(0)).count();
}

void FakeDaemon::Wake() const {
  const std::uint64_t one = 1;
  if (write(wake_, &one, sizeof(one)) < 0) std::abort();
}

void FakeDaemon::Run() {
  while (!stopping_) {
    std::vector<pollfd> fds{{wake_, POLLIN, 0}, {listener_, POLLIN, 0}};
    is_hung_ = hangs_.load();
    if (is_hung_) {
      std::uint64_t taken = 0;
      if (poll(fds.data(), 1, -1) > 0 && read(wake_, &taken, sizeof(taken)) < 0) std::abort();
      continue;
    }
    std::vector<Session*> order;
    {
      const std::lock_guard guard(mutex_);
      for (const auto& session : sessions_) {
        const bool unsent = !session->out.empty();
        fds.push_back({session->fd, static_cast<short>(unsent ? POLLIN | POLLOUT : POLLIN), 0});
        order.push_back(session.get());
      }
    }
    poll(fds.data(), fds.size(), -1);
    const std::lock_guard guard(mutex_);
    std::uint64_t count = 0;
    if (fds[0].revents != 0 && read(wake_, &count, sizeof(count)) < 0) std::abort();
    if (fds[1].revents != 0) Accept();
    for (std::size_t i = 0; i < order.size(); ++i) {
      if (fds[i + 2].revents & (POLLIN | POLLHUP)) {
        if (!Read(*order[i])) order[i]->closing = true;
      }
    }
    // Sorted out only now: an answer to one session may stand in the output of another.
    std::vector<Session*> ended;
    for (const auto& session : sessions_) {
      const ssize_t sent =
          send(session->fd, session->out.data(), session->out.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (sent > 0) session->out.erase(0, static_cast<std::size_t>(sent));
      if (dropping_ || session->closing) ended.push_back(session.get());
    }
    dropping_ = false;
    for (Session* session : ended) Remove(session);
    if (!ended.empty()) Wake();  // what their locks were passed on to is still to be sent
  }
}

void FakeDaemon::Accept() {
  auto session = std::make_unique<Session>();
  session->fd = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
  session->out = hello_ + (ahead_ ? " now=" + std::to_string(Now()) : "") + "\n";
  sessions_.push_back(std::move(session));
}

bool FakeDaemon::Read(Session& session) {
  std::array<char, 4096> chunk;
  const ssize_t got = recv(session.fd, chunk.data(), chunk.size(), MSG_DONTWAIT);
  if (got <= 0) return false;
  session.reader.Append(std::string_view(chunk.data(), static_cast<std::size_t>(got)));
  std::string_view line;
  while (session.reader.Next(&line) == protocol::LineReader::Status::kLine) {
    const auto parsed = protocol::ParseRequest(line);
    const auto* request = std::get_if<Request>(&parsed);
    if (request == nullptr) return false;
    Request untagged = *request;
    untagged.tag.clear();
    received_.push_back(protocol::FormatRequest(untagged));
    received_.back().pop_back();
    Answer(session, *request);
  }
  return true;
}

void FakeDaemon::Remove(Session* session) {
  sets_.remove_if([session](const Waiter& waiter) { return waiter.session == session; });
  for (auto& [name, lock] : locks_) {
    lock.waiters.remove_if([session](const Waiter& waiter) { return waiter.session == session; });
    if (lock.holder == session) {
      lock.holder = nullptr;
      PassOn(name);
    }
  }
  close(session->fd);
  sessions_.remove_if([session](const auto& other) { return other.get() == session; });
}

void FakeDaemon::Answer(Session& session, const Request& request) {
  std::string& out = session.out;
  if (request.verb == "lock" || request.verb == "trylock") return TakeLock(session, request);
  if (request.verb == "unlock") return Unlock(session, request);
  if (request.verb == "check") return Check(session, request);
  if (request.verb == "cancel") return Cancel(session, request);
  if (request.verb == "mute") return;
  if (request.verb == "say" || request.verb == "drop") {
    out += request.args.at(0) + "\n";
    session.closing = request.verb == "drop";
    if (session.closing) return;
  } else if (request.verb == "deaf") {
    session.deaf = true;
    session.late_fence = request.args.empty() ? "" : request.args[0];
  } else if (request.verb == "echo") {
    auto row = ReplyLine::Row(out, request.tag);
    for (const std::string& arg : request.args) row.Add("arg", arg);
    for (const auto& option : request.options) row.Add(option.key, option.value);
    row.Text("what was sent");
  } else if (request.verb == "ping") {
    ReplyLine::Ok(out, request.tag).Add("now", Now());
    return;
  } else {
    ReplyLine::Err(out, request.tag, ErrorCode::kUnknownVerb)
        .Add("verb", request.verb)
        .Text("try help");
    return;
  }
  ReplyLine::Ok(out, request.tag);
}

void FakeDaemon::TakeLock(Session& session, const Request& request) {
  if (request.args.size() > 1) return TakeSet(session, request);
  const std::string& name = request.args.at(0);
  Lock& lock = locks_[name];
  if (session.deaf) {
    lock.waiters.push_back({&session, request});
  } else if (lock.holder == nullptr) {
    Grant(name, session, request);
  } else if (Option(request, "wait", "forever") == "0s") {
    ReplyLine::Err(session.out, request.tag, ErrorCode::kBusy)
        .Add("lock", name)
        .Text("held by pid 12");
  } else if (Option(request, "wait", "forever") != "forever") {
    // Time passes at once here: what the client does with the answer is what matters.
    ReplyLine::Err(session.out, request.tag, ErrorCode::kTimeout)
        .Add("lock", name)
        .Text("held by pid 12");
  } else {
    lock.waiters.push_back({&session, request});
  }
}

void FakeDaemon::TakeSet(Session& session, const Request& request) {
  const auto& names = request.args;
  const auto held = std::find_if(names.begin(), names.end(),
                                 [this](const auto& name) { return locks_[name].holder; });
  const std::string wait = Option(request, "wait", "forever");
  if (session.deaf || (held != names.end() && wait == "forever")) {
    sets_.push_back({&session, request});
  } else if (held == names.end()) {
    GrantSet(session, request);
  } else {
    const ErrorCode code = wait == "0s" ? ErrorCode::kBusy : ErrorCode::kTimeout;
    ReplyLine::Err(session.out, request.tag, code).Add("lock", *held).Text("held by pid 12");
  }
}

void FakeDaemon::Grant(const std::string& name, Session& session, const Request& request,
                       const std::string& fence) {
  {
    auto line = ReplyLine::Ok(session.out, request.tag);
    Give(name, session, request, fence, line);
  }
  if (!after_grants_.empty()) session.out += after_grants_ + "\n";
}

void FakeDaemon::GrantSet(Session& session, const Request& request) {
  for (const std::string& name : request.args) {
    auto line = ReplyLine::Row(session.out, request.tag);
    Give(name, session, request, {}, line);
  }
  ReplyLine::Ok(session.out, request.tag).Add("names", request.args.size());
  if (!after_grants_.empty()) session.out += after_grants_ + "\n";
}

void FakeDaemon::Give(const std::string& name, Session& session, const Request& request,
                      const std::string& fence, ReplyLine& line) {
  Lock& lock = locks_[name];
  const std::string ttl = Option(request, "ttl", "10s");
  lock.holder = &session;
  lock.fence = ++last_fence_;
  lock.deadline = Now() + protocol::ParseDuration(ttl).value().count();
  line.Add("lock", name)
      .Add("fence", fence.empty() ? std::to_string(lock.fence) : fence)
      .Add("deadline", lock.deadline)
      .Add("left", ttl)
      .Add("ttl", ttl)
      .Add("votes", "3/5");
}

void FakeDaemon::PassOn(const std::string& name) {
  Lock& lock = locks_[name];
  if (!lock.waiters.empty()) {
    const Waiter next = lock.waiters.front();
    lock.waiters.pop_front();
    return Grant(name, *next.session, next.request);
  }
  const auto next = std::find_if(sets_.begin(), sets_.end(), [this](const Waiter& waiter) {
    const auto& names = waiter.request.args;
    return std::all_of(names.begin(), names.end(),
                       [this](const auto& each) { return locks_[each].holder == nullptr; });
  });
  if (next == sets_.end()) return;
  const Waiter waiter = *next;
  sets_.erase(next);
  GrantSet(*waiter.session, waiter.request);
}

void FakeDaemon::Unlock(Session& session, const Request& request) {
  std::vector<std::string> names = request.args;
  if (names.size() > 1 && names.back() == "sync") names.pop_back();
  for (const std::string& name : names) {
    const Lock& lock = locks_[name];
    const std::string fence = std::to_string(lock.fence);
    if (lock.holder == &session && Option(request, "fence", fence) == fence) continue;
    ReplyLine::Err(session.out, request.tag, ErrorCode::kNotHeld)
        .Add("lock", name)
        .Text("not yours");
    return;
  }
  for (const std::string& name : names) {
    if (names.size() > 1) ReplyLine::Row(session.out, request.tag).Add("lock", name);
    locks_[name].holder = nullptr;
  }
  {
    auto line = ReplyLine::Ok(session.out, request.tag);
    if (names.size() == 1) line.Add("lock", names[0]).Add("fence", locks_[names[0]].fence);
    if (names.size() > 1) line.Add("names", names.size());
  }
  for (const std::string& name : names) {
    if (locks_[name].holder == nullptr) PassOn(name);
  }
}

void FakeDaemon::Check(Session& session, const Request& request) {
  const std::string& name = request.args.at(0);
  const Lock& lock = locks_[name];
  if (lock.holder != &session) {
    ReplyLine::Err(session.out, request.tag, ErrorCode::kNotHeld)
        .Add("lock", name)
        .Text("not yours");
    return;
  }
  ReplyLine::Ok(session.out, request.tag)
      .Add("lock", name)
      .Add("fence", lock.fence)
      .Add("deadline", lock.deadline)
      .Add("left", "9s");
}

std::optional<FakeDaemon::Waiter> FakeDaemon::TakeWaiter(std::list<Waiter>& line,
                                                         const Session& session,
                                                         const std::string& tag) {
  const auto found = std::find_if(line.begin(), line.end(), [&](const Waiter& w) {
    return w.session == &session && w.request.tag == tag;
  });
  if (found == line.end()) return std::nullopt;
  const Waiter waiter = *found;
  line.erase(found);
  return waiter;
}

void FakeDaemon::Cancel(Session& session, const Request& request) {
  // A deaf session's lock is granted instead: the cancellation came too late.
  const std::string& tag = request.args.at(0);
  std::optional<Waiter> waiter = TakeWaiter(sets_, session, tag);
  for (auto& [name, lock] : locks_) {
    if (!waiter) waiter = TakeWaiter(lock.waiters, session, tag);
  }
  if (waiter && !session.deaf) {
    ReplyLine::Err(session.out, tag, ErrorCode::kCancelled)
        .Add("lock", waiter->request.args[0])
        .Text("by cancel");
    ReplyLine::Ok(session.out, request.tag).Add("tag", tag);
    return;
  }
  if (waiter && waiter->request.args.size() > 1) GrantSet(session, waiter->request);
  if (waiter && waiter->request.args.size() == 1) {
    Grant(waiter->request.args[0], session, waiter->request, session.late_fence);
  }
  session.deaf = false;
  ReplyLine::Err(session.out, request.tag, ErrorCode::kNoSuchTag).Add("tag", tag);
}

void FakeDaemon::Say(const std::string& line) {
  {
    const std::lock_guard guard(mutex_);
    for (const auto& session : sessions_) session->out += line + "\n";
  }
  Wake();
}

void FakeDaemon::SayAfterGrants(const std::string& line) {
  const std::lock_guard guard(mutex_);
  after_grants_ = line;
}

void FakeDaemon::Drop() {
  {
    const std::lock_guard guard(mutex_);
    dropping_ = true;
  }
  Wake();
  WaitForSessions(0);
}

void FakeDaemon::Hang(bool hangs) {
  hangs_ = hangs;
  Wake();
  WaitFor([&] { return is_hung_ == hangs; });
}

std::vector<std::string> FakeDaemon::received() {
  const std::lock_guard guard(mutex_);
  return received_;
}

bool FakeDaemon::WaitForSessions(std::size_t count) {
  return WaitFor([&] { return sessions_.size() == count; });
}

bool FakeDaemon::WaitForWaiters(const std::string& lock, std::size_t count) {
  return WaitFor([&] {
    const auto in_sets = std::count_if(sets_.begin(), sets_.end(), [&](const Waiter& waiter) {
      const auto& names = waiter.request.args;
      return std::find(names.begin(), names.end(), lock) != names.end();
    });
    return locks_[lock].waiters.size() + static_cast<std::size_t>(in_sets) == count;
  });
}

bool FakeDaemon::WaitFor(const std::function<bool()>& condition) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (std::chrono::steady_clock::now() < deadline) {
    {
      const std::lock_guard guard(mutex_);
      if (condition()) return true;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return false;
}

}  // namespace redlock::client
