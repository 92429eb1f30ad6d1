#include "libclient/session/process.h"

#include <pthread.h>

#include <atomic>
#include <map>
#include <mutex>
#include <new>
#include <set>

namespace redlock::client {
namespace {

std::atomic<std::uint64_t> generation{0};

}  // namespace

std::uint64_t ForkGeneration() { return generation.load(std::memory_order_relaxed); }

// All sessions. At a fork their mutexes are taken, so that the child finds the sockets as they are.
class Forks {
 public:
  // Never destroyed: a static object may have a session.
  static Forks& Get() {
    static Forks& forks = *new Forks;
    return forks;
  }

  std::mutex mutex;
  std::set<Session*> sessions;
  std::map<std::string, std::shared_ptr<Session>> shared;  // by path

 private:
  Forks() { pthread_atfork(&Forks::Before, &Forks::InParent, &Forks::InChild); }

  template <typename Action>
  static void ForEach(Action action) {
    for (Session* session : Get().sessions) {
      if (session->engine_ != nullptr) action(*session);
    }
  }

  static void Before() {
    Get().mutex.lock();
    ForEach([](Session& session) { session.engine_->BeforeFork(); });
  }
  static void InParent() {
    ForEach([](Session& session) { session.engine_->AfterForkInParent(); });
    Get().mutex.unlock();
  }
  static void InChild() {
    ++generation;
    ForEach([](Session& session) {
      session.engine_->AfterForkInChild();
      // Given up for good: its mutex and its thread are the parent's.
      new std::shared_ptr<Engine>(std::move(session.engine_));
      session.holders_.clear();
    });
    Get().mutex.unlock();
  }
};

std::shared_ptr<Engine> Session::RunningEngine(std::string* problem) {
  Forks& forks = Forks::Get();
  const std::lock_guard guard(forks.mutex);
  if (engine_ == nullptr) {
    engine_ = std::make_shared<Engine>(path_);
    forks.sessions.insert(this);
  }
  *problem = engine_->Start(engine_);
  return engine_;
}

std::uint64_t ThisThread() {
  static std::atomic<std::uint64_t> last{0};
  thread_local const std::uint64_t number = ++last;
  return number;
}

bool Session::Enter(const std::string& name) {
  const std::lock_guard guard(Forks::Get().mutex);
  return holders_.insert({name, ThisThread()}).second;
}

void Session::Leave(const std::string& name, std::uint64_t thread) {
  const std::lock_guard guard(Forks::Get().mutex);
  holders_.erase({name, thread});
}

std::shared_ptr<Session> Session::Shared(const std::string& path) {
  Forks& forks = Forks::Get();
  const std::lock_guard guard(forks.mutex);
  std::shared_ptr<Session>& shared = forks.shared[path];
  if (shared == nullptr) shared = std::make_shared<Session>(path);
  return shared;
}

Session::~Session() {
  std::shared_ptr<Engine> engine;
  {
    Forks& forks = Forks::Get();
    const std::lock_guard guard(forks.mutex);
    forks.sessions.erase(this);
    engine = std::move(engine_);
  }
  if (engine != nullptr) engine->Stop();
}

}  // namespace redlock::client
