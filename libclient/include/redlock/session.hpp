// redlock::Session and redlock::Hold: one connection and one thread for all locks of a process.
//
//   redlock::Session session = redlock::Session::shared();
//   redlock::Hold hold = session.lock("jobs", {.note = "nightly"});
//   while (!hold.stop_token().stop_requested()) store.Write(NextPart(), hold.fence());
//   hold.release();  // throws Error(REDLOCK_ELOST) if the last part may not have been protected
//
//   for (const redlock::Fields& row : session.query("list").rows) ...
//
//   redlock::Hold both = session.lock_all({"account-7", "account-9"});
//   store.Write("account-7", balance, both.fence("account-7"));
//
// SEVERAL LOCKS. lock_all() and its kin take all of their names or none, and hold none of them while
// they wait, so those who take several cannot wait for each other in a circle, in whatever order the
// names stand. The Hold is as good as the least of its locks: its deadline is the earliest, it is valid
// while all of them are, and it is lost with the first that is. The others then stay held until the
// release, so that the holder can stop in time under them. Each name has a fence of its own.
//
// THREADS. A Session may be used by all threads at once. A Hold may be used by one thread at a time;
// its fence(), deadline(), left(), valid() and stop_token() may be called by any thread while no
// other moves or destroys it. It may be released by another thread than the one that locked.
//
// A thread that locks a name which it holds waits for itself; only a Mutex notices that. By default
// the daemon lets a session hold and wait for 1,024 locks (limits.locks_per_session).
//
// TIMES are durations of std::chrono. A bounded wait is over some milliseconds after its end at the
// latest, whatever state the daemon is in. A wait of 0 is a try: it takes until the daemon has answered,
// at most HoldOptions::answer_timeout. Nothing else waits for longer than it says.
//
// ERRORS. Calls throw Error, whose what() has the name of the lock, or std::bad_alloc. An overload
// with a std::error_code& sets it instead of throwing Error.
//
// CALLBACKS run in the session's thread, which has all signals blocked. They must return soon, for
// the session does nothing meanwhile, and must not throw. They must not lock; they may release. A
// std::stop_callback of a hold's stop_token runs there, too. One may be called before the lock() of
// its hold has returned. None is called after release() or the end of the hold, but one that has
// begun is not waited for, and may go on after them. So what a callback captures must be owned by it
// (by value, or by a std::shared_ptr), or outlive the session's next turn; whatever outlives all
// handles and holds of the session does that.
//
// THE MARGIN. A hold stops being valid a margin before its deadline, and its stop_token is stopped
// then, so that a holder that obeys is done in time. A renewal normally comes long before. A process
// that is paused learns of it only when it goes on, perhaps after a write: only the fence stops that.
//
// FORK. In a child no hold of the parent is valid, release() fails with REDLOCK_EFORK, and the
// destructor writes nothing. A Session connects for itself there.
#pragma once

#if __cplusplus < 202002L
#error "redlock/session.hpp needs C++20"
#endif

#include <redlock/session.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <redlock/client.hpp>
#include <stop_token>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace redlock {
namespace detail {

class Lockable;

// For error texts: "lock 'a'", "locks 'a', 'b'". What what() returns would end at a NUL.
inline std::string describe(const Names& names) {
  std::string text = names.size() == 1 ? "lock" : "locks";
  const char* before = " '";
  for (const std::string& name : names) {
    text += std::exchange(before, ", '");
    for (const char c : name) text += c == '\0' ? "\\0" : std::string(1, c);
    text += "'";
  }
  return text;
}

}  // namespace detail

// What has become of a hold; the argument of callbacks.
struct Notice {
  // Of several locks, the one that this is about: the first that came into jeopardy, the last that is
  // safe again, the one that is lost, or (of on_draining) the first of the names.
  std::string name;
  std::uint64_t fence = 0;
  Clock::time_point deadline{};  // nobody else has the lock before it
  std::string reason{};          // of on_jeopardy (a text) and on_lost ("expired", ...), or ""
  std::chrono::nanoseconds within{0};  // of on_draining: the daemon stops after that time
};
using Callback = std::function<void(const Notice&)>;

struct HoldOptions {
  std::chrono::nanoseconds ttl{0};       // 0: the daemon's lease.ttl
  std::chrono::nanoseconds max_hold{0};  // 0: no limit
  std::chrono::nanoseconds min_hold{0};  // 0: none; else nobody gets it before; at most 24 h
  std::string note{};                    // "": none; at most 255 bytes
  // None: that of `redlock run`, a third of the ttl (or of max_hold, if that is shorter), but at most
  // 5 s. A larger margin than half of that time is reduced to the half.
  std::optional<std::chrono::nanoseconds> margin{};
  // How long a wait without limit goes on without a daemon; negative: without limit; 0: it connects
  // once.
  std::chrono::nanoseconds connect_timeout = std::chrono::seconds(5);
  // How long a try waits for the daemon to answer; more than 0.
  std::chrono::nanoseconds answer_timeout = std::chrono::seconds(1);

  Callback on_jeopardy{};  // renewal is failing, or the daemon has gone: bring the work to an end
  Callback on_safe{};      // renewal works again, and the hold is still valid
  Callback on_draining{};  // the daemon stops: release within that time
  Callback on_lost{};  // it is lost; the stop_token was stopped before. A loss that release() finds
                       // is reported by release() alone
};

class Hold {
 public:
  // Holds nothing.
  Hold() = default;
  Hold(Hold&&) noexcept = default;
  // Releases what was held before, without waiting.
  Hold& operator=(Hold&&) noexcept = default;
  // Releases the lock without waiting for the answer.
  ~Hold() = default;

  // The name of the lock, as it was given, or the first of several; "" if this never held one.
  [[nodiscard]] std::string name() const { return names_.empty() ? "" : names_.front(); }
  // The names of all its locks, in the order in which they were given.
  [[nodiscard]] const Names& names() const noexcept { return names_; }
  // Greater than that of each earlier holder, on all hosts. Send it with every write. 0: none. Of several
  // locks, it is that of the first name.
  [[nodiscard]] std::uint64_t fence() const noexcept {
    return handle_ ? redlock_hold_fence(handle_.get()) : 0;
  }
  // That of one of several; 0 if this is not for that name.
  [[nodiscard]] std::uint64_t fence(const std::string& name) const noexcept {
    if (!handle_ || detail::has_nul(name)) return 0;  // no lock has such a name
    return redlock_hold_fence_of(handle_.get(), name.c_str());
  }
  // The latest deadline that is known, of several locks the earliest of theirs. It moves on with each
  // renewal.
  [[nodiscard]] Clock::time_point deadline() const noexcept {
    return Clock::time_point(
        std::chrono::nanoseconds(handle_ ? redlock_hold_deadline(handle_.get()) : 0));
  }
  // How long it is until the deadline; 0 after it. It does not reflect a loss or the margin.
  [[nodiscard]] std::chrono::nanoseconds left() const noexcept {
    return std::max(deadline() - Clock::now(), std::chrono::nanoseconds(0));
  }
  // Whether the holder may rely on the lock, or on all of them. It asks nobody.
  [[nodiscard]] bool valid() const noexcept {
    return handle_ && redlock_hold_valid(handle_.get()) != 0;
  }
  // A stop is requested when the hold stops being valid, except by a release.
  [[nodiscard]] std::stop_token stop_token() const noexcept { return stop_.get_token(); }

  // Asks the daemon whether the lock is still held, or all of them, within options.answer_timeout, and
  // learns the deadline. REDLOCK_ELOST: it is not, and the hold is not valid any more. REDLOCK_ENOTHELD: nothing
  // is held. REDLOCK_ECLOSED: the connection by which it was granted has ended, and no other knows of
  // it; it is good until its deadline.
  void check() {
    const int error = do_check();
    if (error != REDLOCK_OK) throw Error(error, error_text());
  }
  void check(std::error_code& error) noexcept { error = {do_check(), category()}; }

  // Releases the lock, or all of them, within a quarter of a second. REDLOCK_ELOST: the hold ended before, so the
  // last part of the work may not have been protected. REDLOCK_ENOTHELD: nothing is held any more.
  void release() {
    const int error = do_release();
    if (error != REDLOCK_OK) throw Error(error, error_text());
  }
  void release(std::error_code& error) noexcept { error = {do_release(), category()}; }

 private:
  friend class Session;
  struct Free {
    void operator()(redlock_hold* hold) const { redlock_hold_free(hold); }
  };

  int do_check() noexcept {
    return handle_ ? redlock_hold_check(handle_.get()) : int{REDLOCK_ENOTHELD};
  }
  int do_release() noexcept {
    return handle_ ? redlock_hold_unlock(handle_.get()) : int{REDLOCK_ENOTHELD};
  }
  std::string error_text() const {
    return handle_ ? redlock_hold_error_text(handle_.get()) : "no lock is held";
  }

  Names names_;
  std::stop_source stop_{std::nostopstate};
  std::unique_ptr<redlock_hold, Free> handle_;
};

// Copies are handles of the same session. It ends with its last handle and hold: then the
// destructor waits for a callback that is running, but never for the daemon.
class Session {
 public:
  // An empty path means $REDLOCK_SOCKET, or /run/redlockd/redlockd.sock if that is not set. Nothing
  // is connected before the first call.
  explicit Session(const std::string& path = {})
      : Session(redlock_session_new(detail::to_c_or_null(path))) {}
  // The session that all parts of the process share: one for each path. It never ends.
  [[nodiscard]] static Session shared(const std::string& path = {}) {
    return Session(redlock_session_shared(detail::to_c_or_null(path)));
  }

  // Connects, unless it is connected, for at most `timeout`, which must be more than 0, or until a
  // stop is requested. No lock needs it.
  void connect(std::chrono::nanoseconds timeout = kPatience, const std::stop_token& stop = {}) {
    Answer answer = ask(nullptr, {}, timeout, stop);
    answer.require();
  }
  void connect(std::error_code& error, std::chrono::nanoseconds timeout = kPatience,
               const std::stop_token& stop = {}) {
    error = {ask(nullptr, {}, timeout, stop).code, category()};
  }

  // Asks the daemon (list, show NAME, nodes, stats, ping, ...), for at most `timeout`, which must be
  // more than 0, or until a stop is requested (REDLOCK_ECANCELLED). An argument with an empty key is
  // positional. It connects once, and is sent once. REDLOCK_EINVAL: `verb` is one by which a client
  // takes locks, waits or receives events.
  [[nodiscard]] Reply query(const std::string& verb, const Fields& args = {},
                            std::chrono::nanoseconds timeout = kPatience,
                            const std::stop_token& stop = {}) {
    Answer answer = ask(&verb, args, timeout, stop);
    answer.require();
    return std::move(answer.reply);
  }
  // *error: how it went. After an error of the daemon the Reply has its fields and its text.
  [[nodiscard]] Reply query(const std::string& verb, std::error_code& error,
                            const Fields& args = {}, std::chrono::nanoseconds timeout = kPatience,
                            const std::stop_token& stop = {}) {
    Answer answer = ask(&verb, args, timeout, stop);
    error = {answer.code, category()};
    return std::move(answer.reply);
  }

  // Takes the lock; waits for its holders without limit, or until a stop is requested
  // (REDLOCK_ECANCELLED).
  [[nodiscard]] Hold lock(const std::string& name, const HoldOptions& options = {},
                          const std::stop_token& stop = {}) {
    Result result = acquire({name}, options, kForever, stop);
    return std::move(result.require());
  }
  [[nodiscard]] Hold lock(const std::string& name, const std::stop_token& stop) {
    return lock(name, {}, stop);
  }
  // *error: how it went. The Hold is empty after an error.
  [[nodiscard]] Hold lock(const std::string& name, std::error_code& error,
                          const HoldOptions& options = {}, const std::stop_token& stop = {}) {
    return acquire({name}, options, kForever, stop).get(error);
  }
  // The same for several locks: all of them or none.
  [[nodiscard]] Hold lock_all(const Names& names, const HoldOptions& options = {},
                              const std::stop_token& stop = {}) {
    Result result = acquire(names, options, kForever, stop);
    return std::move(result.require());
  }
  [[nodiscard]] Hold lock_all(const Names& names, const std::stop_token& stop) {
    return lock_all(names, {}, stop);
  }
  [[nodiscard]] Hold lock_all(const Names& names, std::error_code& error,
                              const HoldOptions& options = {}, const std::stop_token& stop = {}) {
    return acquire(names, options, kForever, stop).get(error);
  }

  // These return nullopt if the lock was not got until the time was over, or a stop was requested.
  // With an error_code they do so for every error, and *error says which it was.

  // Takes the lock if nobody holds it. Waits for the daemon's answer for options.answer_timeout.
  [[nodiscard]] std::optional<Hold> try_lock(const std::string& name,
                                             const HoldOptions& options = {}) {
    return acquire({name}, options, kNotAtAll, {}).unless_taken();
  }
  [[nodiscard]] std::optional<Hold> try_lock(const std::string& name, std::error_code& error,
                                             const HoldOptions& options = {}) {
    return acquire({name}, options, kNotAtAll, {}).get_optional(error);
  }
  // If `wait` is 0 or negative, it is try_lock().
  template <typename Rep, typename Period>
  [[nodiscard]] std::optional<Hold> try_lock_for(const std::string& name,
                                                 const std::chrono::duration<Rep, Period>& wait,
                                                 const HoldOptions& options = {},
                                                 const std::stop_token& stop = {}) {
    return acquire({name}, options, to_ns(wait), stop).unless_taken();
  }
  template <typename Rep, typename Period>
  [[nodiscard]] std::optional<Hold> try_lock_for(const std::string& name,
                                                 const std::chrono::duration<Rep, Period>& wait,
                                                 std::error_code& error,
                                                 const HoldOptions& options = {},
                                                 const std::stop_token& stop = {}) {
    return acquire({name}, options, to_ns(wait), stop).get_optional(error);
  }
  template <typename OtherClock, typename Duration>
  [[nodiscard]] std::optional<Hold> try_lock_until(
      const std::string& name, const std::chrono::time_point<OtherClock, Duration>& until,
      const HoldOptions& options = {}, const std::stop_token& stop = {}) {
    return try_lock_for(name, until - OtherClock::now(), options, stop);
  }
  // The same for several locks: all of them or none.
  [[nodiscard]] std::optional<Hold> try_lock_all(const Names& names,
                                                 const HoldOptions& options = {}) {
    return acquire(names, options, kNotAtAll, {}).unless_taken();
  }
  [[nodiscard]] std::optional<Hold> try_lock_all(const Names& names, std::error_code& error,
                                                 const HoldOptions& options = {}) {
    return acquire(names, options, kNotAtAll, {}).get_optional(error);
  }
  template <typename Rep, typename Period>
  [[nodiscard]] std::optional<Hold> try_lock_all_for(const Names& names,
                                                     const std::chrono::duration<Rep, Period>& wait,
                                                     const HoldOptions& options = {},
                                                     const std::stop_token& stop = {}) {
    return acquire(names, options, to_ns(wait), stop).unless_taken();
  }
  template <typename Rep, typename Period>
  [[nodiscard]] std::optional<Hold> try_lock_all_for(const Names& names,
                                                     const std::chrono::duration<Rep, Period>& wait,
                                                     std::error_code& error,
                                                     const HoldOptions& options = {},
                                                     const std::stop_token& stop = {}) {
    return acquire(names, options, to_ns(wait), stop).get_optional(error);
  }
  template <typename OtherClock, typename Duration>
  [[nodiscard]] std::optional<Hold> try_lock_all_until(
      const Names& names, const std::chrono::time_point<OtherClock, Duration>& until,
      const HoldOptions& options = {}, const std::stop_token& stop = {}) {
    return try_lock_all_for(names, until - OtherClock::now(), options, stop);
  }

 private:
  friend class detail::Lockable;
  static constexpr std::int64_t kForever = REDLOCK_FOREVER;
  static constexpr std::int64_t kNotAtAll = 0;
  static constexpr std::chrono::nanoseconds kPatience = std::chrono::seconds(5);

  // What the C interface keeps of a hold's options, until it calls forget().
  struct Watch {
    HoldOptions options;
    std::stop_source stop;

    static void receive(const redlock_event* event, void* watch) noexcept {
      static_cast<Watch*>(watch)->take(*event);
    }
    static void forget(void* watch) noexcept { delete static_cast<Watch*>(watch); }

    void take(const redlock_event& event) {
      if (event.type == REDLOCK_EVENT_STOP) stop.request_stop();
      const Callback* callback = callback_for(event.type);
      if (callback == nullptr || !*callback) return;
      (*callback)(
          {event.lock, event.fence, Clock::time_point(std::chrono::nanoseconds(event.deadline_ns)),
           event.reason == nullptr ? "" : event.reason, std::chrono::nanoseconds(event.within_ns)});
    }
    const Callback* callback_for(int type) const {
      switch (type) {
        case REDLOCK_EVENT_JEOPARDY:
          return &options.on_jeopardy;
        case REDLOCK_EVENT_SAFE:
          return &options.on_safe;
        case REDLOCK_EVENT_DRAINING:
          return &options.on_draining;
        case REDLOCK_EVENT_LOST:
          return &options.on_lost;
        default:
          return nullptr;
      }
    }
  };

  struct Result {
    Hold hold{};
    int code = REDLOCK_OK;
    std::string text{};

    Hold& require() {
      if (code != REDLOCK_OK) throw Error(code, text);
      return hold;
    }
    Hold get(std::error_code& error) {
      error = {code, category()};
      return std::move(hold);
    }
    std::optional<Hold> get_optional(std::error_code& error) {
      error = {code, category()};
      return code == REDLOCK_OK ? std::optional<Hold>(std::move(hold)) : std::nullopt;
    }
    bool is_taken() const {
      return code == REDLOCK_EBUSY || code == REDLOCK_ETIMEOUT || code == REDLOCK_ENOTURN ||
             code == REDLOCK_ECANCELLED;
    }
    std::optional<Hold> unless_taken() {
      if (is_taken()) return std::nullopt;
      return std::move(require());
    }
  };

  explicit Session(redlock_session* session) : session_(session, &redlock_session_free) {
    if (session == nullptr) throw std::bad_alloc();
  }

  // Ten years are long enough, and no addition of them overflows.
  template <typename Rep, typename Period>
  static std::int64_t to_ns(const std::chrono::duration<Rep, Period>& wait) {
    using std::chrono::nanoseconds;
    constexpr std::chrono::hours longest{24 * 3650};
    if (wait <= wait.zero()) return 0;
    if (wait >= longest) return nanoseconds(longest).count();
    return std::chrono::ceil<nanoseconds>(wait).count();
  }

  static redlock_hold_options to_c(const HoldOptions& options) {
    redlock_hold_options raw = REDLOCK_HOLD_OPTIONS_INIT;
    raw.ttl_ns = options.ttl.count();
    raw.max_hold_ns = options.max_hold.count();
    raw.min_hold_ns = options.min_hold.count();
    if (options.margin) raw.margin_ns = std::max<std::int64_t>(options.margin->count(), 0);
    raw.connect_timeout_ns = options.connect_timeout.count();
    raw.answer_timeout_ns = options.answer_timeout.count();
    raw.note = detail::to_c_or_null(options.note);
    return raw;
  }

  static Result refused(const Names& names, int code, const std::string& why) {
    return {{}, code, detail::describe(names) + ": " + redlock_strerror(code) + ": " + why};
  }

  static bool is_name(const std::string& name) {
    return !detail::has_nul(name) && !name.empty() && name.size() <= 255;
  }
  static bool has_twice(Names names) {
    std::sort(names.begin(), names.end());
    return std::adjacent_find(names.begin(), names.end()) != names.end();
  }

  Result acquire(const Names& names, const HoldOptions& options, std::int64_t wait_ns,
                 const std::stop_token& stop, std::uint64_t flags = 0) {
    if (!std::all_of(names.begin(), names.end(), &is_name)) {
      return refused(names, REDLOCK_EBADNAME, "expected 1 to 255 bytes without a NUL");
    }
    if (names.empty() || names.size() > 16) {
      return refused(names, REDLOCK_EINVAL, "expected 1 to 16 names");
    }
    if (has_twice(names)) return refused(names, REDLOCK_EINVAL, "expected each name once");
    if (detail::has_nul(options.note)) {
      return refused(names, REDLOCK_EINVAL, "the note has a NUL");
    }
    auto watch = std::make_unique<Watch>(Watch{options, {}});
    redlock_hold_options raw = to_c(options);
    raw.on_event = &Watch::receive;
    raw.arg = watch.get();
    raw.drop_arg = &Watch::forget;
    raw.flags = flags;
    Result result;
    result.hold.stop_ = watch->stop;
    redlock_hold* made = nullptr;
    const std::vector<const char*> raw_names = detail::to_c(names);
    result.code =
        redlock_hold_new_set(session_.get(), raw_names.data(), raw_names.size(), &raw, &made);
    if (result.code != REDLOCK_OK) return refused(names, result.code, "an option is out of range");
    static_cast<void>(watch.release());  // the hold has it now
    result.hold.handle_.reset(made);
    result.hold.names_ = names;
    wait(result, wait_ns, stop);
    return result;
  }

  static void wait(Result& result, std::int64_t wait_ns, const std::stop_token& stop) {
    redlock_hold* const hold = result.hold.handle_.get();
    {
      const std::stop_callback cancel(stop, [hold] { redlock_hold_cancel(hold); });
      result.code = redlock_hold_lock(hold, wait_ns);
    }
    if (result.code == REDLOCK_OK) return;
    result.text = redlock_hold_error_text(hold);
    result.hold = Hold();
  }

  struct Answer {
    int code = REDLOCK_OK;
    std::string text{};
    Reply reply{};

    void require() const {
      if (code != REDLOCK_OK) throw Error(code, text);
    }
  };

  struct FreeRequest {
    void operator()(redlock_request* request) const { redlock_request_free(request); }
  };

  // verb nullptr: it only connects.
  Answer ask(const std::string* verb, const Fields& args, std::chrono::nanoseconds timeout,
             const std::stop_token& stop) {
    try {
      return send(verb == nullptr ? nullptr : detail::to_c(*verb), detail::to_c(args), timeout,
                  stop);
    } catch (const Error& error) {  // of a text that C cannot have
      return {error.code(), error.what(), {}};
    }
  }
  Answer send(const char* verb, const std::vector<redlock_arg>& args,
              std::chrono::nanoseconds timeout, const std::stop_token& stop) {
    const std::unique_ptr<redlock_request, FreeRequest> request(
        redlock_request_new(session_.get()));
    if (request == nullptr) throw std::bad_alloc();
    redlock_reply* reply = nullptr;
    Answer answer{};
    {
      const std::stop_callback cancel(stop, [&] { redlock_request_cancel(request.get()); });
      answer.code = verb == nullptr ? redlock_request_connect(request.get(), timeout.count())
                                    : redlock_request_query(request.get(), verb, args.data(),
                                                            args.size(), timeout.count(), &reply);
    }
    const detail::ReplyPtr owner(reply);
    answer.text = redlock_request_error_text(request.get());
    if (reply != nullptr) answer.reply = detail::from_c(reply);
    return answer;
  }

  std::shared_ptr<redlock_session> session_;
};

}  // namespace redlock
