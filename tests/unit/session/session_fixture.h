#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "daemon/event/loop.h"
#include "daemon/session/sessions.h"
#include "tests/support/files.h"

// The real session room over a real socket and loop, in this thread, with a scripted engine: a test
// looks at the events that were posted, and plays the engine's answers.
namespace redlockd::session {

using namespace std::chrono_literals;

constexpr auto kPatience = 15s;
// The answer to a ping, at the time at which a test begins.
constexpr const char* kPong = "OK now=1000000000000";

class FakeEngine : public EnginePort {
 public:
  void Post(engine::Event event) override { events.push_back(std::move(event)); }
  void Settle() override { settled = events.size(); }
  engine::Time Now() const override { return now; }
  std::vector<engine::RowView> Rows(const engine::RowPlace& from, std::size_t most) const override;
  engine::SessionUse UseOf(engine::SessionId session) const override {
    const auto found = uses.find(session);
    return found == uses.end() ? engine::SessionUse{} : found->second;
  }
  std::vector<engine::NodeView> Nodes() const override { return nodes; }
  engine::Counters Counters() const override { return counters; }
  session::Status Status() const override { return status; }
  void Reload(engine::SessionId session) override {
    reloads.push_back(session);
    if (on_reload) on_reload();
  }
  void OnDenied(engine::SessionId, std::string_view verb, const std::string& lock) override {
    denied.push_back(std::string(verb) + (lock.empty() ? "" : " " + lock));
  }

  // The events of this kind, in their order.
  template <typename Kind>
  std::vector<Kind> All() const {
    std::vector<Kind> found;
    for (const auto& event : events) {
      if (const auto* kind = std::get_if<Kind>(&event)) found.push_back(*kind);
    }
    return found;
  }

  engine::Time now{1000s};
  std::vector<engine::Event> events;
  std::size_t settled = 0;              // how many of them the engine has taken
  std::vector<engine::HoldView> holds;  // in their order, these three
  std::vector<engine::KeptView> kept;
  std::vector<engine::WaitView> waits;
  std::map<engine::SessionId, engine::SessionUse> uses;
  std::vector<engine::NodeView> nodes;
  engine::Counters counters;
  session::Status status;
  std::vector<engine::SessionId> reloads;  // by whom
  std::function<void()> on_reload;
  std::vector<std::string> denied;  // "verb lock"
};

// A client on the socket. Reads by turning the loop.
class Client {
 public:
  Client(event::Loop& loop, const std::string& path);
  ~Client() { Close(); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  void Send(std::string_view bytes);
  // Sends, as far as the socket takes it: how many bytes.
  std::size_t SendSome(std::string_view bytes);
  // The next line without its LF; "(closed)" at the end, "(nothing)" if none comes in time.
  std::string Line();
  // All that is there after some turns.
  std::string Rest();
  void HalfClose();
  void Close();
  int fd() const { return fd_; }

 private:
  bool ReadSome();  // false: nothing there now

  event::Loop& loop_;
  int fd_;
  std::string buffer_;
  bool closed_ = false;
};

class SessionTest : public ::testing::Test {
 protected:
  SessionTest();
  ~SessionTest() override;

  // Serves with `options`; later changes have no effect.
  void Start();
  // Another room goes on where this one was (rules H), with the same sockets, but for those of `lost`.
  void Restart(engine::SessionId lost = 0);
  // A client whose HELLO has been read.
  std::unique_ptr<Client> Connect();
  std::unique_ptr<Client> ConnectRaw();

  // Turns the loop until it holds; fails the test if it never does.
  void Until(const std::function<bool()>& condition);
  void Turn(int turns = 20);

  // Waits for the n-th event of a kind, counted from 0.
  template <typename Kind>
  Kind Nth(std::size_t n) {
    Until([this, n] { return engine.All<Kind>().size() > n; });
    const auto all = engine.All<Kind>();
    return n < all.size() ? all[n] : Kind{};
  }

  void Answer(engine::SessionId session, engine::RequestId request, engine::Answer answer) {
    sessions->Answer({session, request, std::move(answer)});
  }
  // Grants what was asked.
  void Grant(const engine::LockRequested& lock, engine::Fence fence = 7);
  void Fail(const engine::LockRequested& lock, engine::Failure failure) {
    Answer(lock.session, lock.request, engine::Failed{.failure = failure, .name = lock.name});
  }
  void Notify(engine::SessionId session, engine::Notice::Kind kind, const std::string& name,
              engine::Fence fence = 7, engine::Time deadline = engine::Time(1010s));

  test::TempDir directory;
  event::Loop loop;
  FakeEngine engine;
  Options options;
  std::unique_ptr<Sessions> sessions;

 private:
  void StartAnother();

  int fd_ = -1;
};

}  // namespace redlockd::session
