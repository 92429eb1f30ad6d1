// The C interface: checks what C cannot promise, lets no exception out, and leaves the work to
// Client.
#include "libclient/include/redlock/redlock.h"

#include <algorithm>
#include <string>
#include <utility>

#include "libclient/client.h"
#include "libclient/request.h"
#include "libclient/sized.h"
#include "libclient/wire.h"
#include "protocol/duration.h"
#include "protocol/name.h"
#include "protocol/printable.h"

using redlock::client::Client;
using redlock::client::IsSized;
using redlock::client::MakeRequest;
using redlock::client::Problem;
using redlock::client::ReplyPtr;
using redlock::client::SocketPath;
using redlock::client::TakeNames;
using redlock::client::TakeSized;
using redlock::protocol::Request;

struct redlock_client {
  Client client;
};

namespace {

// Runs `body`, which gives an error number, and lets nothing be thrown past it.
template <typename Body>
int Guard(redlock_client* client, Body body) {
  if (client == nullptr) return REDLOCK_EINVAL;
  try {
    return body(client->client);
  } catch (...) {
    return REDLOCK_ENOMEM;  // nothing else is thrown in here
  }
}

std::string FormatNs(int64_t ns) {
  return redlock::protocol::FormatDuration(redlock::protocol::Duration(ns));
}

int CheckName(Client& client, const char* name) {
  if (name == nullptr) return client.Fail(REDLOCK_EINVAL, "the lock name is NULL");
  if (const auto problem = redlock::protocol::CheckName(name)) {
    return client.Fail(REDLOCK_EBADNAME, *problem);
  }
  return REDLOCK_OK;
}

// The struct as version 0.1 has it.
struct FirstLockOptions {
  size_t size;
  int64_t wait_ns, ttl_ns, max_hold_ns;
  const char* note;
  int renew_events;
};

// One of an array, whose members have the size that its caller knows.
redlock_grant* GrantAt(redlock_grant* grants, size_t index) {
  return reinterpret_cast<redlock_grant*>(reinterpret_cast<unsigned char*>(grants) +
                                          index * grants->size);
}

int CheckGrant(Client& client, const redlock_grant* grant) {
  if (grant == nullptr || redlock::client::IsGrantSized(*grant)) return REDLOCK_OK;
  return client.Fail(REDLOCK_EINVAL, "the grant's size is not set: use REDLOCK_GRANT_INIT");
}

int CheckGrants(Client& client, redlock_grant* grants, size_t count) {
  for (size_t i = 0; grants != nullptr && i < count; ++i) {
    if (const int error = CheckGrant(client, GrantAt(grants, i))) return error;
    if (GrantAt(grants, i)->size != grants->size) {
      return client.Fail(REDLOCK_EINVAL, "the grants have different sizes: use REDLOCK_GRANT_INIT");
    }
  }
  return REDLOCK_OK;
}

// As this version knows them; NULL is the default.
int TakeOptions(Client& client, const redlock_lock_options* given, redlock_lock_options* options) {
  *options = REDLOCK_LOCK_OPTIONS_INIT;
  if (given == nullptr) return REDLOCK_OK;
  if (!IsSized<FirstLockOptions>(given->size)) {
    return client.Fail(REDLOCK_EINVAL,
                       "the options' size is not set: use REDLOCK_LOCK_OPTIONS_INIT");
  }
  if (TakeSized(*given, options)) return REDLOCK_OK;
  return client.Fail(REDLOCK_EINVAL, "an option is set that this version of the library, " +
                                         std::string(REDLOCK_VERSION) + ", does not know");
}

int CheckOptions(Client& client, const redlock_lock_options& options) {
  if (options.wait_ns < 0 && options.wait_ns != REDLOCK_FOREVER) {
    return client.Fail(REDLOCK_EINVAL, "wait_ns is negative");
  }
  if (options.ttl_ns < 0) return client.Fail(REDLOCK_EINVAL, "ttl_ns is negative");
  if (options.max_hold_ns < 0) return client.Fail(REDLOCK_EINVAL, "max_hold_ns is negative");
  if (options.min_hold_ns < 0) return client.Fail(REDLOCK_EINVAL, "min_hold_ns is negative");
  if ((options.events & ~std::uint64_t{REDLOCK_WANTED_EVENTS}) != 0) {
    return client.Fail(REDLOCK_EINVAL, "events has a bit that is not in redlock_hold_events");
  }
  return REDLOCK_OK;
}

// The request of one lock or of several, or why not.
int LockRequest(Client& client, const char* const* names, size_t count,
                const redlock_lock_options& options, Request* request) {
  if (const Problem problem = TakeNames(names, count, &request->args)) {
    return client.Fail(problem.error, problem.text);
  }
  if (const int error = CheckOptions(client, options)) return error;
  request->verb = "lock";
  auto& words = request->options;
  if (options.wait_ns != REDLOCK_FOREVER) words.push_back({"wait", FormatNs(options.wait_ns)});
  if (options.ttl_ns != 0) words.push_back({"ttl", FormatNs(options.ttl_ns)});
  if (options.max_hold_ns != 0) words.push_back({"max-hold", FormatNs(options.max_hold_ns)});
  if (options.min_hold_ns != 0) words.push_back({"min-hold", FormatNs(options.min_hold_ns)});
  if (options.note != nullptr) words.push_back({"note", options.note});
  std::string events = options.renew_events != 0 ? "renew" : "";
  if ((options.events & REDLOCK_WANTED_EVENTS) != 0)
    events += events.empty() ? "wanted" : ",wanted";
  if (!events.empty()) words.push_back({"events", events});
  return REDLOCK_OK;
}

int TakeUnlockFlags(Client& client, unsigned flags, Request* request) {
  if ((flags & ~unsigned{REDLOCK_SYNC}) != 0) {
    return client.Fail(REDLOCK_EINVAL, "flags has a bit that is not in redlock_unlock_flags");
  }
  if (flags != 0) request->args.emplace_back("sync");
  return REDLOCK_OK;
}

// The request to let go, or why not.
int UnlockRequest(Client& client, const char* name, uint64_t fence, unsigned flags,
                  Request* request) {
  if (const int error = CheckName(client, name)) return error;
  *request = {{}, "unlock", {name}, {}};
  if (const int error = TakeUnlockFlags(client, flags, request)) return error;
  if (fence != 0) request->options.push_back({"fence", std::to_string(fence)});
  return REDLOCK_OK;
}

// Sends it, and waits for the answer. Of several names the error says which one it is about.
int CallOfNames(Client& client, Request request, size_t count, int64_t wait_ns, ReplyPtr* reply) {
  const int error = client.Call(std::move(request), wait_ns, reply);
  if (error == REDLOCK_OK || count == 1 || *reply == nullptr) return error;
  const char* name = (*reply)->Find(REDLOCK_ANSWER, "lock");
  if (name == nullptr) return error;
  return client.Fail(error, "'" + redlock::protocol::Printable(name) + "': " + (*reply)->text);
}

// Reads the grants out of the answer: a row for each name, and of one, which has no row, the answer
// itself.
int CallForGrants(Client& client, Request request, int64_t wait_ns, redlock_grant* grants) {
  const size_t count = request.args.size();
  if (const int error = CheckGrants(client, grants, count)) return error;
  ReplyPtr reply;
  if (const int error = CallOfNames(client, std::move(request), count, wait_ns, &reply))
    return error;
  for (size_t i = 0; grants != nullptr && i < count; ++i) {
    const size_t row = count == 1 ? REDLOCK_ANSWER : i;
    if (redlock_reply_grant_at(reply.get(), row, GrantAt(grants, i)) != REDLOCK_OK) {
      return client.Fail(REDLOCK_EPROTOCOL, "the answer has no fence or no deadline");
    }
  }
  return REDLOCK_OK;
}

int Lock(Client& client, const char* const* names, size_t count,
         const redlock_lock_options& options, redlock_grant* grants) {
  Request request;
  if (const int error = LockRequest(client, names, count, options, &request)) return error;
  // Until it returns the caller releases nothing of this session: all its blocking calls are one task.
  if (client.knows_tasks()) request.options.push_back({"task", "1"});
  return CallForGrants(client, std::move(request), options.wait_ns, grants);
}

Client::Done Wrap(redlock_client* client, redlock_reply_fn done, void* arg) {
  if (done == nullptr) return nullptr;
  return [client, done, arg](int error, ReplyPtr reply) { done(client, error, reply.get(), arg); };
}

}  // namespace

const char* redlock_strerror(int error) { return redlock::client::ErrorText(error); }

const char* redlock_version(void) { return REDLOCK_VERSION; }

int64_t redlock_now(void) { return redlock::client::Now(); }

redlock_client* redlock_new(void) {
  try {
    auto* client = new redlock_client;
    client->client.set_self(client);
    return client;
  } catch (...) {
    return nullptr;
  }
}

void redlock_free(redlock_client* client) { delete client; }

int redlock_connect(redlock_client* client, const char* socket_path, int64_t timeout_ns) {
  return Guard(client, [&](Client& c) { return c.Connect(SocketPath(socket_path), timeout_ns); });
}

int redlock_start_connect(redlock_client* client, const char* socket_path, int64_t timeout_ns,
                          redlock_connect_fn done, void* arg) {
  return Guard(client, [&](Client& c) {
    Client::Connected call = [client, done, arg](int error) {
      if (done != nullptr) done(client, error, arg);
    };
    return c.StartConnect(SocketPath(socket_path), timeout_ns, std::move(call));
  });
}

int64_t redlock_clock_offset(const redlock_client* client) {
  return client == nullptr ? 0 : client->client.clock_offset_ns();
}

int redlock_close(redlock_client* client) {
  return Guard(client, [](Client& c) { return c.Close(); });
}

const char* redlock_error_text(const redlock_client* client) {
  return client == nullptr ? "" : client->client.error_text().c_str();
}

int redlock_set_answer_timeout(redlock_client* client, int64_t timeout_ns) {
  return Guard(client, [&](Client& c) { return c.SetAnswerTimeout(timeout_ns); });
}

int redlock_lock(redlock_client* client, const char* name, const redlock_lock_options* options,
                 redlock_grant* grant) {
  return redlock_lock_set(client, &name, 1, options, grant);
}

int redlock_lock_set(redlock_client* client, const char* const* names, size_t count,
                     const redlock_lock_options* options, redlock_grant* grants) {
  return Guard(client, [&](Client& c) {
    redlock_lock_options known;
    if (const int error = TakeOptions(c, options, &known)) return error;
    return Lock(c, names, count, known, grants);
  });
}

int redlock_trylock(redlock_client* client, const char* name, const redlock_lock_options* options,
                    redlock_grant* grant) {
  return Guard(client, [&](Client& c) {
    redlock_lock_options known;
    if (const int error = TakeOptions(c, options, &known)) return error;
    known.wait_ns = 0;
    return Lock(c, &name, 1, known, grant);
  });
}

int redlock_unlock(redlock_client* client, const char* name, uint64_t fence, unsigned flags) {
  return Guard(client, [&](Client& c) {
    Request request;
    if (const int error = UnlockRequest(c, name, fence, flags, &request)) return error;
    return c.Call(std::move(request), 0, nullptr);
  });
}

int redlock_unlock_set(redlock_client* client, const char* const* names, size_t count,
                       unsigned flags) {
  return Guard(client, [&](Client& c) {
    Request request{{}, "unlock", {}, {}};
    if (const Problem problem = TakeNames(names, count, &request.args)) {
      return c.Fail(problem.error, problem.text);
    }
    // The word `sync` is the last of several, so a lock of that name may not be.
    if (request.args.back() == "sync") std::swap(request.args.front(), request.args.back());
    if (const int error = TakeUnlockFlags(c, flags, &request)) return error;
    ReplyPtr reply;
    return CallOfNames(c, std::move(request), count, 0, &reply);
  });
}

int redlock_check(redlock_client* client, const char* name, uint64_t fence, redlock_grant* grant) {
  return Guard(client, [&](Client& c) {
    if (const int error = CheckName(c, name)) return error;
    Request request{{}, "check", {name}, {}};
    if (fence != 0) request.options.push_back({"fence", std::to_string(fence)});
    return CallForGrants(c, std::move(request), 0, grant);
  });
}

int redlock_query(redlock_client* client, const char* verb, const redlock_arg* args,
                  size_t arg_count, redlock_reply** reply) {
  if (reply != nullptr) *reply = nullptr;
  return Guard(client, [&](Client& c) {
    Request request;
    if (const Problem problem = MakeRequest(verb, args, arg_count, &request)) {
      return c.Fail(problem.error, problem.text);
    }
    ReplyPtr answer;
    const int error = c.Call(std::move(request), 0, &answer);
    if (reply != nullptr) *reply = answer.release();
    return error;
  });
}

int redlock_start(redlock_client* client, const char* verb, const redlock_arg* args,
                  size_t arg_count, redlock_reply_fn done, void* arg, uint64_t* request) {
  return Guard(client, [&](Client& c) {
    Request words;
    if (const Problem problem = MakeRequest(verb, args, arg_count, &words)) {
      return c.Fail(problem.error, problem.text);
    }
    return c.Start(std::move(words), Wrap(client, done, arg), request);
  });
}

int redlock_start_lock(redlock_client* client, const char* name,
                       const redlock_lock_options* options, redlock_reply_fn done, void* arg,
                       uint64_t* request) {
  return redlock_start_lock_set(client, &name, 1, options, done, arg, request);
}

int redlock_start_lock_set(redlock_client* client, const char* const* names, size_t count,
                           const redlock_lock_options* options, redlock_reply_fn done, void* arg,
                           uint64_t* request) {
  return Guard(client, [&](Client& c) {
    redlock_lock_options known;
    Request words;
    if (const int error = TakeOptions(c, options, &known)) return error;
    if (const int error = LockRequest(c, names, count, known, &words)) return error;
    return c.Start(std::move(words), Wrap(client, done, arg), request);
  });
}

int redlock_cancel(redlock_client* client, uint64_t request) {
  return Guard(client, [&](Client& c) { return c.Cancel(request); });
}

int redlock_fd(const redlock_client* client) {
  return client == nullptr ? -1 : client->client.fd();
}

short redlock_events(const redlock_client* client) {
  return client == nullptr ? short{0} : client->client.PollEvents();
}

int64_t redlock_poll_timeout(const redlock_client* client) {
  if (client == nullptr) return -1;
  const int64_t due = client->client.NextDue();
  if (due == redlock::client::kNever) return -1;
  return std::max<int64_t>(due - redlock::client::Now(), 0);
}

void redlock_wakeup(redlock_client* client) {
  if (client != nullptr) client->client.WakeUp();
}

int redlock_dispatch(redlock_client* client) {
  return Guard(client, [](Client& c) { return c.Dispatch(); });
}

int redlock_on_event(redlock_client* client, redlock_event_fn fn, void* arg) {
  return Guard(client, [&](Client& c) {
    c.set_event_handler(fn, arg);
    return c.Succeed();
  });
}
