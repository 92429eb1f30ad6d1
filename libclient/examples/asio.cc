// Holds a lock until its standard input ends, in a coroutine of Boost.Asio: `asio NAME`.
//
//   g++ -std=c++20 asio.cc $(pkg-config --cflags --libs redlock) -pthread
//
// Locks is the adapter; it is for one thread. What is co_awaited has no temporaries among its
// arguments: g++ 12 destroys those twice.
#include <poll.h>
#include <unistd.h>

#include <cstdint>
#include <exception>
#include <functional>
#include <iostream>
#include <memory>
#include <redlock/client.hpp>
#include <string>
#include <utility>

// Boost 1.74 does not include <utility> by itself.
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace {

namespace asio = boost::asio;
using boost::system::error_code;

// Something that happens once, and that one coroutine awaits.
class Happening {
 public:
  explicit Happening(asio::io_context& context)
      : timer_(context, asio::steady_timer::time_point::max()) {}

  void Happen() {
    has_happened_ = true;
    timer_.cancel();
  }
  asio::awaitable<void> Wait() {
    error_code ignored;
    auto token = asio::redirect_error(asio::use_awaitable, ignored);
    if (!has_happened_) co_await timer_.async_wait(token);
  }

 private:
  asio::steady_timer timer_;
  bool has_happened_ = false;
};

class Locks {
 public:
  using OnEvent = std::function<void(const redlock_event&)>;

  Locks(asio::io_context& context, OnEvent on_event)
      : context_(context), ready_(context), timer_(context), on_event_(std::move(on_event)) {
    if (client_ == nullptr) throw std::bad_alloc();
    redlock_on_event(client_.get(), &Locks::TakeEvent, this);
  }
  Locks(const Locks&) = delete;
  Locks& operator=(const Locks&) = delete;
  ~Locks() { Disarm(); }

  // All of these throw redlock::Error.
  asio::awaitable<void> Connect(std::chrono::nanoseconds timeout) {
    Call call(context_);
    Require(redlock_start_connect(client_.get(), nullptr, timeout.count(), &Call::TakeConnected,
                                  &call));
    Arm();
    co_await call.over.Wait();
    call.Require();
  }
  asio::awaitable<redlock_grant> Lock(const std::string& name,
                                      const redlock_lock_options& options) {
    Call call(context_);
    Require(redlock_start_lock(client_.get(), name.c_str(), &options, &Call::Take, &call, nullptr));
    Arm();
    co_await call.over.Wait();
    call.Require();
    co_return call.grant;
  }
  asio::awaitable<void> Unlock(const std::string& name) {
    Call call(context_);
    const redlock_arg arg{nullptr, name.c_str()};
    Require(redlock_start(client_.get(), "unlock", &arg, 1, &Call::Take, &call, nullptr));
    Arm();
    co_await call.over.Wait();
    call.Require();
  }

 private:
  // A request that a coroutine awaits, on whose stack it is.
  struct Call {
    explicit Call(asio::io_context& context) : over(context) {}

    static void TakeConnected(redlock_client* client, int error, void* call) {
      static_cast<Call*>(call)->End(error, redlock_error_text(client));
    }
    static void Take(redlock_client*, int error, const redlock_reply* reply, void* arg) {
      auto* call = static_cast<Call*>(arg);
      if (error == REDLOCK_OK) redlock_reply_grant(reply, &call->grant);
      call->End(error, redlock_strerror(error));
    }
    void End(int code, const char* why) {
      error = code;
      text = why;
      over.Happen();
    }
    void Require() const {
      if (error != REDLOCK_OK) throw redlock::Error(error, text);
    }

    Happening over;
    int error = REDLOCK_OK;
    std::string text;
    redlock_grant grant = REDLOCK_GRANT_INIT;
  };

  static void TakeEvent(redlock_client*, const redlock_event* event, void* locks) {
    static_cast<Locks*>(locks)->on_event_(*event);
  }

  void Require(int error) const {
    if (error != REDLOCK_OK) throw redlock::Error(error, redlock_error_text(client_.get()));
  }

  // The descriptor is the library's, which may close it in a call.
  void Disarm() {
    ++turn_;
    timer_.cancel();
    if (ready_.is_open()) ready_.release();
  }

  // Follows each call on the client.
  void Arm() {
    Disarm();
    const short wanted = redlock_events(client_.get());
    const std::int64_t left = redlock_poll_timeout(client_.get());
    const auto dispatch = [this, turn = turn_](const error_code&) {
      if (turn != turn_) return;  // it was disarmed
      Disarm();
      redlock_dispatch(client_.get());
      Arm();
    };
    if (wanted != 0) ready_.assign(redlock_fd(client_.get()));
    if ((wanted & POLLIN) != 0) ready_.async_wait(ready_.wait_read, dispatch);
    if ((wanted & POLLOUT) != 0) ready_.async_wait(ready_.wait_write, dispatch);
    if (left < 0) return;
    timer_.expires_after(std::chrono::nanoseconds(left));
    timer_.async_wait(dispatch);
  }

  struct Free {
    void operator()(redlock_client* client) const { redlock_free(client); }
  };

  asio::io_context& context_;
  const std::unique_ptr<redlock_client, Free> client_{redlock_new()};
  asio::posix::stream_descriptor ready_;
  asio::steady_timer timer_;
  const OnEvent on_event_;
  std::uint64_t turn_ = 0;  // handlers of earlier ones are void
};

// Calls `at_end` at the end of the standard input.
asio::awaitable<void> ReadInput(asio::io_context& context, const std::function<void()>& at_end) {
  asio::posix::stream_descriptor input(context, dup(STDIN_FILENO));
  error_code error;
  auto token = asio::redirect_error(asio::use_awaitable, error);
  char bytes[256];
  const auto buffer = asio::buffer(bytes);
  while (!error) co_await input.async_read_some(buffer, token);
  at_end();
}

class App {
 public:
  App(asio::io_context& context, std::string name)
      : over_(context),
        locks_(context, [this](const redlock_event& event) { Take(event); }),
        name_(std::move(name)) {}

  asio::awaitable<void> Run() {
    const std::chrono::seconds timeout(5);
    const redlock_lock_options options = REDLOCK_LOCK_OPTIONS_INIT;
    co_await locks_.Connect(timeout);
    const redlock_grant grant = co_await locks_.Lock(name_, options);
    std::cout << "held " << name_ << " fence " << grant.fence << std::endl;
    co_await over_.Wait();
    if (is_lost_) co_return;
    co_await locks_.Unlock(name_);
    std::cout << "released: no error" << std::endl;
  }
  void Stop() { over_.Happen(); }
  bool is_lost() const { return is_lost_; }

 private:
  void Take(const redlock_event& event) {
    switch (event.type) {
      case REDLOCK_EVENT_JEOPARDY: {
        const std::int64_t left = (event.deadline_ns - redlock_now()) / 1'000'000;
        std::cout << "in jeopardy: " << left << " ms left" << std::endl;
        break;
      }
      case REDLOCK_EVENT_SAFE:
        std::cout << "safe" << std::endl;
        break;
      case REDLOCK_EVENT_LOST:
      case REDLOCK_EVENT_CLOSED:
        Lose(event.reason);
        break;
      case REDLOCK_EVENT_BROKEN:
        Lose("an administrator broke it");
        break;
      default:  // also an event that a newer library may add
        break;
    }
  }
  void Lose(const char* why) {
    if (is_lost_) return;
    is_lost_ = true;
    std::cout << "lost: " << why << std::endl;
    Stop();
  }

  Happening over_;
  Locks locks_;
  const std::string name_;
  bool is_lost_ = false;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: asio NAME\n";
    return 64;
  }
  int status = 0;
  asio::io_context context(1);
  App app(context, argv[1]);
  const std::function<void()> at_end = [&] { app.Stop(); };
  const auto end = [&](const std::exception_ptr& failure) {
    try {
      if (failure) std::rethrow_exception(failure);
    } catch (const std::exception& error) {
      std::cout << "not held: " << error.what() << std::endl;
      status = 1;
    }
    if (app.is_lost()) status = 1;
    context.stop();
  };
  asio::co_spawn(context, app.Run(), end);
  asio::co_spawn(context, ReadInput(context, at_end), [](const std::exception_ptr&) {});
  context.run();
  return status;
}
