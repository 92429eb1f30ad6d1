// redlock::Client: one session, used by one thread at a time; and what all of the C++ layer shares:
// Error and its std::error_code, Clock. It needs C++17.
#pragma once

#include <redlock/redlock.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace redlock {

// The category of std::error_codes of enum redlock_error.
inline const std::error_category& category() noexcept {
  class Category final : public std::error_category {
   public:
    const char* name() const noexcept override { return "redlock"; }
    std::string message(int error) const override { return redlock_strerror(error); }
    std::error_condition default_error_condition(int error) const noexcept override {
      switch (error) {
        case REDLOCK_ETIMEOUT:
        case REDLOCK_ENOTURN:
        case REDLOCK_ENOANSWER:
          return std::errc::timed_out;
        case REDLOCK_EBUSY:
          return std::errc::device_or_resource_busy;
        case REDLOCK_ECANCELLED:
          return std::errc::operation_canceled;
        case REDLOCK_EDEADLOCK:
          return std::errc::resource_deadlock_would_occur;
        case REDLOCK_EDENIED:
          return std::errc::permission_denied;
        case REDLOCK_EINVAL:
          return std::errc::invalid_argument;
        case REDLOCK_ENOMEM:
          return std::errc::not_enough_memory;
        default:
          return {error, *this};
      }
    }
  };
  // Never destroyed: an error may be looked at while the program ends.
  static const Category& category = *new Category;
  return category;
}

// A call has failed. code() is one of enum redlock_error; what() describes the error, including the
// daemon's text.
class Error : public std::runtime_error {
 public:
  Error(int code, const std::string& text) : std::runtime_error(text), code_(code) {}
  int code() const noexcept { return code_; }
  std::error_code error_code() const noexcept { return {code_, category()}; }

 private:
  int code_;
};

// CLOCK_BOOTTIME, the clock of all deadlines. It keeps running while the machine is suspended. This
// class meets the requirements of TrivialClock.
struct Clock {
  using duration = std::chrono::nanoseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<Clock>;
  static constexpr bool is_steady = true;
  static time_point now() noexcept { return time_point(duration(redlock_now())); }
};

// Keys and values. Of a request: an empty key is that of a positional argument.
using Fields = std::vector<std::pair<std::string, std::string>>;

// The names of several locks: 1 to 16, all different.
using Names = std::vector<std::string>;

// The answer to a query: the fields of its last line, and those of each row. A text for people is a
// field "text".
struct Reply {
  Fields answer{};
  std::vector<Fields> rows{};
};

struct Grant {
  std::uint64_t fence = 0;
  Clock::time_point deadline;
  std::chrono::nanoseconds ttl{0};  // 0 in the answer of check()
  int votes = 0;                    // 0 in the answer of check()
  int nodes = 0;                    // 0 in the answer of check()
};

struct LockOptions {
  std::optional<std::chrono::nanoseconds> wait{};  // none: no limit; 0: do not wait; not negative
  std::chrono::nanoseconds ttl{0};                 // 0: the daemon's lease.ttl
  std::chrono::nanoseconds max_hold{0};            // 0: no limit
  std::string note{};                              // "": none
  bool renew_events = false;
  std::chrono::nanoseconds min_hold{0};  // 0: none; else nobody gets it before; at most 24 h
  bool wanted_events = false;
};

// Between C and C++, for the classes of this library.
namespace detail {

// C would take it for the end of the text.
inline bool has_nul(const std::string& text) noexcept {
  return text.find('\0') != std::string::npos;
}

inline const char* to_c(const std::string& text, int error = REDLOCK_EINVAL) {
  if (!has_nul(text)) return text.c_str();
  throw Error(error, std::string(redlock_strerror(error)) + ": expected no NUL byte");
}
inline const char* to_c_or_null(const std::string& text) {
  return text.empty() ? nullptr : to_c(text);
}

inline std::vector<const char*> to_c(const Names& names) {
  std::vector<const char*> raw{};
  raw.reserve(names.size());
  for (const std::string& name : names) raw.push_back(to_c(name, REDLOCK_EBADNAME));
  return raw;
}

inline std::vector<redlock_arg> to_c(const Fields& args) {
  std::vector<redlock_arg> raw{};
  raw.reserve(args.size());
  for (const auto& [key, value] : args) raw.push_back({to_c_or_null(key), to_c(value)});
  return raw;
}

inline Fields fields(const redlock_reply* reply, std::size_t row) {
  Fields result{};
  for (std::size_t i = 0; i < redlock_reply_fields(reply, row); ++i) {
    result.emplace_back(redlock_reply_key(reply, row, i), redlock_reply_value(reply, row, i));
  }
  return result;
}

inline Reply from_c(const redlock_reply* reply) {
  Reply result{fields(reply, REDLOCK_ANSWER), {}};
  for (std::size_t row = 0; row < redlock_reply_rows(reply); ++row) {
    result.rows.push_back(fields(reply, row));
  }
  return result;
}

struct FreeReply {
  void operator()(redlock_reply* reply) const { redlock_reply_free(reply); }
};
using ReplyPtr = std::unique_ptr<redlock_reply, FreeReply>;

}  // namespace detail

// One session. It may be used by only one thread at a time, but for wakeup(). In a process other than
// the one that created it, every call throws Error(REDLOCK_EFORK) and writes nothing. A Client that
// was moved from may only be destroyed or assigned to; its calls throw Error(REDLOCK_EINVAL).
//
// Calls block as those of redlock.h do: lock() for options.wait and half a second more at most, or
// without limit; the constructor for its timeout; the other calls that ask the daemon for the answer
// timeout, 10 s unless redlock_set_answer_timeout() says otherwise; the rest do not.
class Client {
 public:
  using Fields = redlock::Fields;
  using Reply = redlock::Reply;

  // Connects. An empty path means $REDLOCK_SOCKET, or /run/redlockd/redlockd.sock if that is not
  // set. A negative timeout means no limit.
  explicit Client(const std::string& path = {},
                  std::chrono::nanoseconds timeout = std::chrono::seconds(5))
      : handle_(redlock_new()) {
    if (handle_ == nullptr) throw std::bad_alloc();
    require(redlock_connect(get(), detail::to_c_or_null(path), timeout.count()));
    redlock_on_event(get(), &Client::forward, handler_.get());
  }

  // Takes the lock; waits for at most options.wait. Throws if it fails, also when the wait is over
  // (REDLOCK_ETIMEOUT, or REDLOCK_EBUSY if it was 0), or the nodes were not asked (REDLOCK_ENOTURN).
  Grant lock(const std::string& name, const LockOptions& options = {}) {
    redlock_grant grant = REDLOCK_GRANT_INIT;
    const redlock_lock_options raw = to_c(options);
    require(redlock_lock(get(), to_c(name), &raw, &grant));
    return from_c(grant);
  }

  // Takes the lock without waiting. Returns nullopt if another holds it.
  [[nodiscard]] std::optional<Grant> try_lock(const std::string& name,
                                              const LockOptions& options = {}) {
    redlock_grant grant = REDLOCK_GRANT_INIT;
    const redlock_lock_options raw = to_c(options);
    const int error = redlock_trylock(get(), to_c(name), &raw, &grant);
    if (error == REDLOCK_EBUSY) return std::nullopt;
    require(error);
    return from_c(grant);
  }

  // Takes all of the locks or none, as lock() does, and holds none of them while it waits. The grants
  // are in the order of the names. From then on each of them is a hold of its own.
  std::vector<Grant> lock_all(const Names& names, const LockOptions& options = {}) {
    std::vector<Grant> grants{};
    require(lock_all(names, to_c(options), &grants));
    return grants;
  }
  // The same without waiting. Returns nullopt if another holds one of them.
  [[nodiscard]] std::optional<std::vector<Grant>> try_lock_all(const Names& names,
                                                               const LockOptions& options = {}) {
    redlock_lock_options raw = to_c(options);
    raw.wait_ns = 0;
    std::vector<Grant> grants{};
    const int error = lock_all(names, raw, &grants);
    if (error == REDLOCK_EBUSY) return std::nullopt;
    require(error);
    return grants;
  }

  // Releases all of the locks, or none, if it throws REDLOCK_ENOTHELD or REDLOCK_ELOST: the text says of
  // which; then unlock() each of the others.
  void unlock_all(const Names& names, bool sync = false) {
    const std::vector<const char*> raw = detail::to_c(names);
    require(redlock_unlock_set(get(), raw.data(), raw.size(), sync ? REDLOCK_SYNC : 0));
  }

  // Releases the lock. If fence is 0, it does so whatever the fence of the hold is, else only if
  // the hold has that fence. With sync it returns when a majority of the nodes has released the
  // lock.
  void unlock(const std::string& name, std::uint64_t fence = 0, bool sync = false) {
    require(redlock_unlock(get(), to_c(name), fence, sync ? REDLOCK_SYNC : 0));
  }

  // Returns until when the lock is held: by this session if fence is 0, else by any session of this
  // host with that fence. Returns nullopt if it is not held or was lost.
  [[nodiscard]] std::optional<Grant> check(const std::string& name, std::uint64_t fence = 0) {
    redlock_grant grant = REDLOCK_GRANT_INIT;
    const int error = redlock_check(get(), to_c(name), fence, &grant);
    if (error == REDLOCK_ENOTHELD || error == REDLOCK_ELOST) return std::nullopt;
    require(error);
    return from_c(grant);
  }

  // Sends any request and returns the answer. An argument with an empty key is positional.
  Reply query(const std::string& verb, const Fields& args = {}) {
    const std::vector<redlock_arg> raw = detail::to_c(args);
    redlock_reply* reply = nullptr;
    const int error = redlock_query(get(), detail::to_c(verb), raw.data(), raw.size(), &reply);
    const detail::ReplyPtr owner(reply);
    require(error);
    return detail::from_c(reply);
  }

  // Ends the call that another thread is in, or else the next one, with REDLOCK_ECANCELLED. Any
  // thread may call it, and a signal handler, until the destructor begins.
  void wakeup() const noexcept { redlock_wakeup(get()); }

  // Returns the daemon's clock minus this process's; deadlines have been converted already.
  std::chrono::nanoseconds clock_offset() const noexcept {
    return std::chrono::nanoseconds(redlock_clock_offset(get()));
  }

  // For event loops: poll fd() for poll_events(), then call dispatch(), which runs the handler. The
  // handler must not throw, and must not block on this client.
  int fd() const noexcept { return redlock_fd(get()); }
  short poll_events() const noexcept { return redlock_events(get()); }
  void dispatch() { require(redlock_dispatch(get())); }
  void on_event(std::function<void(const redlock_event&)> handler) {
    *handler_ = std::move(handler);
  }

  // Returns the C client, for calls that this class does not wrap. It belongs to this object.
  redlock_client* get() const noexcept { return handle_.get(); }

 private:
  struct Free {
    void operator()(redlock_client* client) const { redlock_free(client); }
  };
  using Handler = std::function<void(const redlock_event&)>;

  static void forward(redlock_client*, const redlock_event* event, void* handler) {
    const auto& call = *static_cast<const Handler*>(handler);
    if (call) call(*event);
  }

  int lock_all(const Names& names, const redlock_lock_options& options,
               std::vector<Grant>* grants) {
    const std::vector<const char*> raw = detail::to_c(names);
    std::vector<redlock_grant> each(raw.size(), redlock_grant(REDLOCK_GRANT_INIT));
    const int error = redlock_lock_set(get(), raw.data(), raw.size(), &options, each.data());
    if (error != REDLOCK_OK) return error;
    for (const redlock_grant& grant : each) grants->push_back(from_c(grant));
    return error;
  }

  static const char* to_c(const std::string& name) { return detail::to_c(name, REDLOCK_EBADNAME); }

  static redlock_lock_options to_c(const LockOptions& options) {
    redlock_lock_options raw = REDLOCK_LOCK_OPTIONS_INIT;
    raw.wait_ns = options.wait ? options.wait->count() : REDLOCK_FOREVER;
    raw.ttl_ns = options.ttl.count();
    raw.max_hold_ns = options.max_hold.count();
    raw.note = detail::to_c_or_null(options.note);
    raw.renew_events = options.renew_events ? 1 : 0;
    raw.min_hold_ns = options.min_hold.count();
    raw.events = options.wanted_events ? REDLOCK_WANTED_EVENTS : 0;
    return raw;
  }

  static Grant from_c(const redlock_grant& raw) {
    return {raw.fence, Clock::time_point(std::chrono::nanoseconds(raw.deadline_ns)),
            std::chrono::nanoseconds(raw.ttl_ns), raw.votes, raw.nodes};
  }

  void require(int error) const {
    if (error == REDLOCK_OK) return;
    if (get() == nullptr) throw Error(error, "invalid use: the Client was moved from");
    throw Error(error, redlock_error_text(get()));
  }

  // On the heap, so that its address stays the same when the Client is moved.
  std::unique_ptr<Handler> handler_ = std::make_unique<Handler>();
  std::unique_ptr<redlock_client, Free> handle_;
};

}  // namespace redlock

template <>
struct std::is_error_code_enum<redlock_error> : std::true_type {};

inline std::error_code make_error_code(redlock_error error) noexcept {
  return {static_cast<int>(error), redlock::category()};
}
