#include "libclient/session/process.h"

#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <iterator>
#include <map>
#include <mutex>
#include <set>
#include <vector>

namespace redlock::client {
namespace {

std::atomic<std::uint64_t> generation{0};

}  // namespace

std::uint64_t ForkGeneration() { return generation.load(std::memory_order_relaxed); }

// All sessions, and all engines: one lasts longer than its session, until its thread has closed the
// socket. At a fork their mutexes are taken, so that the child finds the sockets as they are.
class Forks {
 public:
  // Never destroyed: a static object may have a session.
  static Forks& Get() {
    static Forks& forks = *new Forks;
    return forks;
  }

  // The mutex is taken.
  void Add(const std::shared_ptr<Engine>& engine) {
    std::erase_if(engines_, [](const auto& old) { return old.expired(); });
    engines_.push_back(engine);
  }

  std::mutex mutex;
  std::set<Session*> sessions;
  std::map<std::string, std::shared_ptr<Session>> shared;  // by path

 private:
  using Engines = std::vector<std::shared_ptr<Engine>>;

  Forks() {
    Socket::WatchForks();
    pthread_atfork(&Forks::Before, &Forks::InParent, &Forks::InChild);
  }

  static void Before() {
    Get().mutex.lock();
    for (const std::weak_ptr<Engine>& entry : Get().engines_) {
      if (auto engine = entry.lock()) Get().at_fork_.push_back(std::move(engine));
    }
    for (const auto& engine : Get().at_fork_) engine->BeforeFork();
  }
  static void InParent() {
    const Engines engines = std::exchange(Get().at_fork_, {});
    for (const auto& engine : engines) engine->AfterForkInParent();
    Get().mutex.unlock();
  }
  static void InChild() {
    ++generation;
    for (const auto& engine : Get().at_fork_) engine->AfterForkInChild();
    Get().engines_.clear();
    std::move(Get().at_fork_.begin(), Get().at_fork_.end(), std::back_inserter(Get().given_up_));
    Get().at_fork_.clear();
    for (Session* session : Get().sessions) {
      session->engine_.reset();
      session->holders_.clear();
    }
    Get().mutex.unlock();
  }

  std::vector<std::weak_ptr<Engine>> engines_;
  Engines at_fork_;
  Engines given_up_;  // in a child, and never destroyed: their mutexes and threads are the parent's
};

std::shared_ptr<Engine> Session::RunningEngine(std::string* problem) {
  Forks& forks = Forks::Get();
  const std::lock_guard guard(forks.mutex);
  if (engine_ == nullptr) {
    auto engine = std::make_shared<Engine>(path_);
    forks.Add(engine);
    forks.sessions.insert(this);
    engine_ = std::move(engine);
  }
  *problem = engine_->Start(engine_);
  return engine_;
}

std::uint64_t ThisThread() {
  static std::atomic<std::uint64_t> last{0};
  thread_local const std::uint64_t number = ++last;
  return number;
}

bool Session::Enter(const std::vector<HeldLock>& locks) {
  const std::lock_guard guard(Forks::Get().mutex);
  const std::uint64_t thread = ThisThread();
  const bool is_holder = std::any_of(locks.begin(), locks.end(), [&](const HeldLock& lock) {
    return holders_.contains({lock.name, thread});
  });
  if (is_holder) return false;
  for (const HeldLock& lock : locks) holders_.insert({lock.name, thread});
  return true;
}

void Session::Leave(const std::vector<HeldLock>& locks, std::uint64_t thread) {
  const std::lock_guard guard(Forks::Get().mutex);
  for (const HeldLock& lock : locks) holders_.erase({lock.name, thread});
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
