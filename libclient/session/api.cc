// The C interface of sessions: checks what C cannot promise, lets no exception out, and leaves the
// work to Engine.
#include "libclient/session/api.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "libclient/request.h"
#include "libclient/session/query.h"
#include "libclient/sized.h"
#include "protocol/limits.h"
#include "protocol/printable.h"

using redlock::client::Engine;
using redlock::client::Hold;
using redlock::client::HoldNotice;
using redlock::client::HoldOptions;
using redlock::client::HoldPtr;
using redlock::client::Outcome;
using redlock::client::Problem;
using redlock::client::Query;
using redlock::client::Session;
using redlock::client::SocketPath;
using redlock::client::TakeNames;

struct redlock_hold {
  std::shared_ptr<Session> session;
  HoldPtr hold;
  std::shared_ptr<Engine> engine{};  // once it was asked for
  std::mutex guard{};                // of `engine`, which a cancel may look for
  bool was_cancelled = false;
  bool is_for_thread = false;
  std::optional<std::uint64_t> holder{};  // with REDLOCK_FOR_THREAD, while it is locked
  std::string text{};
};

namespace {

struct Function {
  redlock_hold_fn call;
  void* arg;
  void (*drop)(void*);

  Function(redlock_hold_fn f, void* a, void (*d)(void*)) : call(f), arg(a), drop(d) {}
  Function(const Function&) = delete;
  Function& operator=(const Function&) = delete;
  ~Function() {
    if (drop != nullptr) drop(arg);
  }
};

void Deliver(const Function& function, const HoldNotice& notice) {
  redlock_event event{};
  event.size = sizeof(event);
  event.type = notice.type;
  event.lock = notice.lock->name.c_str();
  event.fence = notice.lock->fence;
  event.deadline_ns = notice.deadline_ns;
  event.within_ns = notice.within_ns;
  event.reason = notice.reason.empty() ? nullptr : notice.reason.c_str();
  event.uid = -1;
  function.call(&event, function.arg);
}

bool TakeOptions(const redlock_hold_options* given, redlock_hold_options* options) {
  *options = REDLOCK_HOLD_OPTIONS_INIT;
  if (given == nullptr) return true;
  if (!redlock::client::IsSized<redlock_hold_options>(given->size)) return false;
  return redlock::client::TakeSized(*given, options);
}

bool AreInRange(const redlock_hold_options& options) {
  const std::size_t note = options.note == nullptr ? 0 : std::string_view(options.note).size();
  return options.ttl_ns >= 0 && options.max_hold_ns >= 0 && options.min_hold_ns >= 0 &&
         options.answer_timeout_ns > 0 &&
         (options.flags & ~std::uint64_t{REDLOCK_FOR_THREAD}) == 0 &&
         note <= redlock::protocol::kValueBytes;
}

// "lock 'a'", "locks 'a', 'b'".
std::string NamesOf(const Hold& hold) {
  std::string text = hold.is_of_several() ? "locks" : "lock";
  const char* before = " '";
  for (const redlock::client::HeldLock& lock : hold.locks) {
    text += std::exchange(before, ", '") + redlock::protocol::Printable(lock.name) + "'";
  }
  return text;
}

// Remembers what went wrong, for redlock_hold_error_text(), and gives it back.
int Report(redlock_hold& hold, int error, const std::string& detail = {}) {
  hold.text.clear();
  if (error == REDLOCK_OK) return error;
  hold.text = NamesOf(*hold.hold) + ": " + redlock_strerror(error);
  if (!detail.empty()) hold.text += ": " + detail;
  return error;
}

bool IsForeign(const redlock_hold& hold) {
  return hold.hold->generation != redlock::client::ForkGeneration();
}

// False if the wait was given up before.
bool Begin(redlock_hold& hold, std::shared_ptr<Engine> engine) {
  const std::lock_guard guard(hold.guard);
  if (hold.was_cancelled) return false;
  hold.engine = std::move(engine);
  return true;
}

void Leave(redlock_hold& hold) {
  if (hold.holder) hold.session->Leave(hold.hold->locks, *hold.holder);
  hold.holder.reset();
}

int Lock(redlock_hold& hold, int64_t wait_ns) {
  if (IsForeign(hold)) return Report(hold, REDLOCK_EFORK);
  if (hold.engine != nullptr) return Report(hold, REDLOCK_EINVAL, "it was locked before");
  std::string problem;
  std::shared_ptr<Engine> engine = hold.session->RunningEngine(&problem);
  if (!problem.empty()) return Report(hold, REDLOCK_ENOMEM, problem);
  if (engine->IsOwnThread()) return Report(hold, REDLOCK_EINVAL, "called in the session's thread");
  if (!Begin(hold, engine)) return Report(hold, REDLOCK_ECANCELLED, "the wait was given up");
  if (hold.is_for_thread) {
    if (!hold.session->Enter(hold.hold->locks)) {
      const char* what = hold.hold->is_of_several() ? "one of them" : "it";
      return Report(
          hold, REDLOCK_EDEADLOCK,
          std::string("this thread holds ") + what + " already, and would wait for itself");
    }
    hold.holder = redlock::client::ThisThread();
    hold.hold->task = *hold.holder;
  }
  Report(hold, REDLOCK_OK);  // once it is granted, a function of the holder may release it at once
  const Outcome outcome = engine->Lock(hold.hold, wait_ns);
  if (outcome.error == REDLOCK_OK) return REDLOCK_OK;
  Leave(hold);
  return Report(hold, outcome.error, outcome.text);
}

int Unlock(redlock_hold& hold) {
  if (IsForeign(hold)) return Report(hold, REDLOCK_EFORK);
  if (hold.engine == nullptr) return Report(hold, REDLOCK_ENOTHELD);
  Leave(hold);
  const Outcome outcome = hold.engine->IsOwnThread() ? hold.engine->ReleaseLater(hold.hold)
                                                     : hold.engine->Release(hold.hold);
  return Report(hold, outcome.error, outcome.text);
}

int Check(redlock_hold& hold) {
  if (IsForeign(hold)) return Report(hold, REDLOCK_EFORK);
  if (hold.engine == nullptr) return Report(hold, REDLOCK_ENOTHELD);
  if (hold.engine->IsOwnThread()) {
    return Report(hold, REDLOCK_EINVAL, "called in the session's thread");
  }
  const auto query = std::make_shared<Query>();
  hold.engine->Check(query, hold.hold);
  return Report(hold, query->reply.error, query->reply.text);
}

HoldPtr MakeHold(const std::vector<std::string>& names, const redlock_hold_options& options) {
  HoldOptions own;
  own.ttl_ns = options.ttl_ns;
  own.max_hold_ns = options.max_hold_ns;
  own.min_hold_ns = options.min_hold_ns;
  own.margin_ns = options.margin_ns;
  own.connect_timeout_ns = options.connect_timeout_ns;
  own.answer_timeout_ns = options.answer_timeout_ns;
  if (options.note != nullptr) own.note = options.note;
  return std::make_shared<Hold>(names, std::move(own));
}

void SetFunction(Hold& hold, const redlock_hold_options& options) {
  if (options.on_event == nullptr && options.drop_arg == nullptr) return;
  auto function = std::make_shared<Function>(options.on_event, options.arg, nullptr);
  hold.on_notice = [function](const HoldNotice& notice) {
    if (function->call != nullptr) Deliver(*function, notice);
  };
  function->drop = options.drop_arg;  // from here on nothing fails
}

template <typename Make>
redlock_session* NewSession(Make make) {
  try {
    return new redlock_session{make()};
  } catch (...) {
    return nullptr;  // there is no memory
  }
}

}  // namespace

redlock_session* redlock_session_new(const char* socket_path) {
  return NewSession([&] { return std::make_shared<Session>(SocketPath(socket_path)); });
}

redlock_session* redlock_session_shared(const char* socket_path) {
  return NewSession([&] { return Session::Shared(SocketPath(socket_path)); });
}

void redlock_session_free(redlock_session* session) { delete session; }

int redlock_hold_new(redlock_session* session, const char* name,
                     const redlock_hold_options* options, redlock_hold** hold) {
  return redlock_hold_new_set(session, &name, 1, options, hold);
}

int redlock_hold_new_set(redlock_session* session, const char* const* names, size_t count,
                         const redlock_hold_options* options, redlock_hold** hold) {
  if (hold == nullptr) return REDLOCK_EINVAL;
  *hold = nullptr;
  redlock_hold_options known;
  if (session == nullptr || !TakeOptions(options, &known) || !AreInRange(known)) {
    return REDLOCK_EINVAL;
  }
  try {
    std::vector<std::string> own;
    if (const Problem problem = TakeNames(names, count, &own)) return problem.error;
    auto made = std::make_unique<redlock_hold>();
    made->session = session->session;
    made->hold = MakeHold(own, known);
    made->is_for_thread = (known.flags & REDLOCK_FOR_THREAD) != 0;
    SetFunction(*made->hold, known);
    *hold = made.release();
    return REDLOCK_OK;
  } catch (...) {
    return REDLOCK_ENOMEM;  // nothing else is thrown in here
  }
}

int redlock_hold_lock(redlock_hold* hold, int64_t wait_ns) {
  if (hold == nullptr) return REDLOCK_EINVAL;
  try {
    return Lock(*hold, wait_ns);
  } catch (...) {
    return REDLOCK_ENOMEM;
  }
}

void redlock_hold_cancel(redlock_hold* hold) {
  if (hold == nullptr || IsForeign(*hold)) return;
  std::shared_ptr<Engine> engine;
  {
    const std::lock_guard guard(hold->guard);
    hold->was_cancelled = true;
    engine = hold->engine;
  }
  try {
    if (engine != nullptr) engine->Cancel(hold->hold);
  } catch (...) {
    // There is no memory to say so to the daemon: the wait goes on.
  }
}

int redlock_hold_unlock(redlock_hold* hold) {
  if (hold == nullptr) return REDLOCK_EINVAL;
  try {
    return Unlock(*hold);
  } catch (...) {
    return REDLOCK_ENOMEM;
  }
}

int redlock_hold_check(redlock_hold* hold) {
  if (hold == nullptr) return REDLOCK_EINVAL;
  try {
    return Check(*hold);
  } catch (...) {
    return REDLOCK_ENOMEM;
  }
}

void redlock_hold_free(redlock_hold* hold) {
  if (hold == nullptr) return;
  try {
    if (hold->engine != nullptr && !IsForeign(*hold)) {
      Leave(*hold);
      hold->engine->ReleaseLater(hold->hold);
    }
  } catch (...) {
    // There is no memory to say so to the daemon: the lock ends with the session.
  }
  delete hold;
}

uint64_t redlock_hold_fence(const redlock_hold* hold) { return hold->hold->locks.front().fence; }

uint64_t redlock_hold_fence_of(const redlock_hold* hold, const char* name) {
  const auto& locks = hold->hold->locks;
  const auto found = std::find_if(locks.begin(), locks.end(), [&](const auto& lock) {
    return name != nullptr && lock.name == name;
  });
  return found == locks.end() ? 0 : found->fence.load();
}

int64_t redlock_hold_deadline(const redlock_hold* hold) { return hold->hold->Deadline(); }

int redlock_hold_valid(const redlock_hold* hold) { return hold->hold->IsValid() ? 1 : 0; }

const char* redlock_hold_error_text(const redlock_hold* hold) { return hold->text.c_str(); }
