// Works through the lines of its input, each under a lock of that name, with several threads and one
// session: `session [THREADS] < NAMES`.
//
// A thread stops in time if its lock is about to end; ctrl-C gives up the waits.
#include <signal.h>

#include <chrono>
#include <exception>
#include <iostream>
#include <mutex>
#include <redlock/redlock.hpp>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

namespace {

class Input {
 public:
  bool Next(std::string& line) {
    const std::lock_guard guard(mutex_);
    return static_cast<bool>(std::getline(std::cin, line));
  }

 private:
  std::mutex mutex_;
};

// Stands for the work. Send the fence with every write.
void WorkOn(const redlock::Hold& hold) {
  for (int part = 0; part < 3; ++part) {
    if (hold.stop_token().stop_requested()) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  std::cout << hold.name() + " fence " + std::to_string(hold.fence()) + "\n";
}

void Work(redlock::Session session, Input& input, const std::stop_token& stop) {
  redlock::HoldOptions options;
  options.on_jeopardy = [](const redlock::Notice& notice) {
    std::cerr << notice.name + " is in jeopardy: " + notice.reason + "\n";
  };
  for (std::string name; input.Next(name);) {
    try {
      redlock::Hold hold = session.lock(name, options, stop);
      WorkOn(hold);
      hold.release();  // throws if the last part may not have been protected
    } catch (const redlock::Error& error) {
      std::cerr << std::string("session: ") + error.what() + "\n";
      if (error.code() == REDLOCK_ECANCELLED) return;
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  // Blocked before the threads begin; the session's own thread blocks all signals by itself.
  sigset_t interrupt;
  sigemptyset(&interrupt);
  sigaddset(&interrupt, SIGINT);
  pthread_sigmask(SIG_BLOCK, &interrupt, nullptr);
  std::stop_source stop;
  std::thread([&interrupt, stop]() mutable {
    int signal = 0;
    sigwait(&interrupt, &signal);
    stop.request_stop();
  }).detach();

  try {
    Input input;
    const redlock::Session session = redlock::Session::shared();
    std::vector<std::jthread> threads;
    for (int i = argc > 1 ? std::stoi(argv[1]) : 4; i > 0; --i) {
      threads.emplace_back([&, session] { Work(session, input, stop.get_token()); });
    }
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "session: " << error.what() << '\n';
    return 1;
  }
}
