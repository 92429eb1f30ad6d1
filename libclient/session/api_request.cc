// The C interface of queries through a session.
#include <strings.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "libclient/request.h"
#include "libclient/session/api.h"
#include "libclient/session/query.h"

using redlock::client::Engine;
using redlock::client::MakeRequest;
using redlock::client::Problem;
using redlock::client::Query;
using redlock::client::QueryPtr;
using redlock::client::Session;
using redlock::protocol::Request;

struct redlock_request {
  std::shared_ptr<Session> session;
  const std::uint64_t generation = redlock::client::ForkGeneration();
  std::mutex guard{};  // of the next three, which a cancel looks at
  bool was_cancelled = false;
  std::shared_ptr<Engine> engine{};
  QueryPtr query{};  // while it is being asked
  std::string text{};
};

namespace {

int Report(redlock_request& request, int error, const std::string& detail = {}) {
  request.text.clear();
  if (error == REDLOCK_OK) return error;
  request.text = redlock_strerror(error);
  if (!detail.empty()) request.text += ": " + detail;
  return error;
}

// What would change the session itself, of which its holds and their events are a part.
Problem CheckVerb(const std::string& verb) {
  constexpr std::array kRefused{"lock", "trylock", "cancel", "watch", "unwatch", "quit"};
  const bool is_refused = std::any_of(kRefused.begin(), kRefused.end(), [&](const char* refused) {
    return strcasecmp(refused, verb.c_str()) == 0;
  });
  if (!is_refused) return {};
  return {REDLOCK_EINVAL, "'" + verb + "' is no query: expected a verb like list, show or nodes"};
}

// Lets a cancel find the query. False if one has come before.
bool Begin(redlock_request& request, std::shared_ptr<Engine> engine, const QueryPtr& query) {
  const std::lock_guard guard(request.guard);
  if (request.was_cancelled) return false;
  request.engine = std::move(engine);
  request.query = query;
  return true;
}

void End(redlock_request& request) {
  const std::lock_guard guard(request.guard);
  request.engine = nullptr;
  request.query = nullptr;
}

int Ask(redlock_request& request, Request words, std::int64_t timeout_ns, redlock_reply** reply) {
  if (request.generation != redlock::client::ForkGeneration()) {
    return Report(request, REDLOCK_EFORK);
  }
  if (timeout_ns <= 0) return Report(request, REDLOCK_EINVAL, "timeout_ns must be more than 0");
  std::string problem;
  std::shared_ptr<Engine> engine = request.session->RunningEngine(&problem);
  if (!problem.empty()) return Report(request, REDLOCK_ENOMEM, problem);
  if (engine->IsOwnThread()) {
    return Report(request, REDLOCK_EINVAL, "called in the session's thread");
  }
  const auto query = std::make_shared<Query>(std::move(words));
  if (!Begin(request, engine, query)) return Report(request, REDLOCK_ECANCELLED, "it was given up");
  engine->Ask(query, timeout_ns);
  End(request);
  Report(request, query->reply.error, query->reply.text);
  const int error = query->reply.error;
  if (reply != nullptr && query->is_from_daemon) {
    *reply = new redlock_reply(std::move(query->reply));
  }
  return error;
}

int AskFor(redlock_request& request, const char* verb, const redlock_arg* args, size_t arg_count,
           std::int64_t timeout_ns, redlock_reply** reply) {
  Request words;
  Problem problem = MakeRequest(verb, args, arg_count, &words);
  if (!problem) problem = redlock::client::CheckRequest(words);
  if (!problem) problem = CheckVerb(words.verb);
  if (problem) return Report(request, problem.error, problem.text);
  return Ask(request, std::move(words), timeout_ns, reply);
}

}  // namespace

redlock_request* redlock_request_new(redlock_session* session) {
  if (session == nullptr) return nullptr;
  try {
    return new redlock_request{session->session};
  } catch (...) {
    return nullptr;  // there is no memory
  }
}

int redlock_request_connect(redlock_request* request, int64_t timeout_ns) {
  if (request == nullptr) return REDLOCK_EINVAL;
  try {
    return Ask(*request, {}, timeout_ns, nullptr);
  } catch (...) {
    return REDLOCK_ENOMEM;  // nothing else is thrown in here
  }
}

int redlock_request_query(redlock_request* request, const char* verb, const redlock_arg* args,
                          size_t arg_count, int64_t timeout_ns, redlock_reply** reply) {
  if (reply != nullptr) *reply = nullptr;
  if (request == nullptr) return REDLOCK_EINVAL;
  try {
    return AskFor(*request, verb, args, arg_count, timeout_ns, reply);
  } catch (...) {
    return REDLOCK_ENOMEM;
  }
}

void redlock_request_cancel(redlock_request* request) {
  if (request == nullptr || request->generation != redlock::client::ForkGeneration()) return;
  std::shared_ptr<Engine> engine;
  QueryPtr query;
  {
    const std::lock_guard guard(request->guard);
    request->was_cancelled = true;
    engine = request->engine;
    query = request->query;
  }
  try {
    if (query != nullptr) engine->Cancel(query);
  } catch (...) {
    // There is no memory for the text: the query goes on until its time is over.
  }
}

const char* redlock_request_error_text(const redlock_request* request) {
  return request == nullptr ? "" : request->text.c_str();
}

void redlock_request_free(redlock_request* request) { delete request; }
