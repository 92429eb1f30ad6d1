#include "tests/fuzz/engine_trace.h"

#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <string>
#include <variant>

namespace redlockd::fuzz {

using namespace engine;

namespace {

bool Wanted() {
  static const bool wanted = std::getenv("REDLOCKD_FUZZ_TRACE") != nullptr;
  return wanted;
}

std::string Text(auto number) { return std::to_string(number); }
std::string Ms(Duration duration) {
  return std::to_string(static_cast<double>(duration.count()) / 1e6) + "ms";
}
std::string Ms(Time time) { return Ms(time - Time(std::chrono::seconds(1000))); }

constexpr const char* kOps[] = {"acquire", "claim",   "share", "confirm", "raise",
                                "renew",   "release", "break", "inspect", "name holder",
                                "probe",   "suspect", "trust", "adopt"};
static_assert(std::size(kOps) == std::variant_size_v<NodeOp>);
constexpr const char* kVerdicts[] = {"ok",         "busy",     "not-turn", "turn",
                                     "not-owner",  "passed",   "skew",     "amnesia",
                                     "quarantine", "settings", "error"};
constexpr const char* kTickets[] = {"acquire", "claim",   "stand",   "confirm", "heal",
                                    "block",   "renew",   "release", "query",   "holder",
                                    "probe",   "suspect", "trust"};
constexpr const char* kEvents[] = {
    "opened", "input ended", "closed", "dropped", "lock",    "unlock", "break",
    "check",  "cancel",      "show",   "watch",   "unwatch", "trust",  "adopt",
    "up",     "down",        "answer", "answers", "silence", "hint",   "asked",
    "named",  "subscribed",  "time",   "resumed", "drain"};
static_assert(std::size(kEvents) == std::variant_size_v<Event>);
constexpr const char* kAnswers[] = {"granted", "released", "checked", "done",  "cancelled",
                                    "broken",  "shown",    "set",     "failed"};
constexpr const char* kWatched[] = {"granted", "unlocked", "closed",  "lost",
                                    "wanted",  "kept",     "released"};
constexpr const char* kNotices[] = {"renewed", "jeopardy", "safe",    "lost",
                                    "broken",  "wanted",   "draining"};

std::string Of(const Ticket& ticket) {
  return std::string(kTickets[static_cast<std::size_t>(ticket.kind)]) + " " + Text(ticket.subject) +
         "/" + Text(ticket.round);
}

std::string Words(const NodeAnswer& e) {
  return "node " + Text(e.node) + " to " + Of(e.ticket) + " " +
         kVerdicts[static_cast<std::size_t>(e.verdict)] + " fence " + Text(e.fence) + " time " +
         Text(e.node_time) + " left " + Ms(e.left);
}
std::string Words(const NodeSilence& e) {
  return "node " + Text(e.node) + " to " + Of(e.ticket) + (e.gone ? " gone" : "");
}
std::string Words(const LockRequested& e) {
  return "session " + Text(e.session) + " #" + Text(e.request) + " " + e.name +
         (e.wait ? " wait " + Ms(*e.wait) : "") + (e.ttl ? " ttl " + Ms(*e.ttl) : "") +
         (e.max_hold ? " max-hold " + Ms(*e.max_hold) : "") +
         (e.min_hold > Duration(0) ? " min-hold " + Ms(e.min_hold) : "");
}
std::string Words(const auto& e) {
  std::string text;
  if constexpr (requires { e.session; }) text += "session " + Text(e.session);
  if constexpr (requires { e.request; }) text += " #" + Text(e.request);
  if constexpr (requires { e.name; }) text += " " + e.name;
  if constexpr (requires { e.node; }) text += "node " + Text(e.node);
  return text;
}

std::string Effected(const AskNodes& e) {
  const auto* acquire = std::get_if<AcquireOp>(&e.op);
  return "ask " + e.nodes.to_string() + " " + kOps[e.op.index()] + " (" + Of(e.ticket) + ")" +
         (acquire ? " ttl " + Ms(acquire->ttl) : "");
}
std::string Effected(const AnswerClient& e) {
  std::string text =
      "tell session " + Text(e.session) + " #" + Text(e.request) + " " + kAnswers[e.answer.index()];
  if (const auto* granted = std::get_if<Granted>(&e.answer)) {
    text += " fence " + Text(granted->fence) + " until " + Ms(granted->deadline);
  } else if (const auto* failed = std::get_if<Failed>(&e.answer)) {
    text += " " + Text(static_cast<int>(failed->failure)) + ": " + failed->text;
  }
  return text;
}
std::string Effected(const NotifyClient& e) {
  return "tell session " + Text(e.session) + " " +
         kNotices[static_cast<std::size_t>(e.notice.kind)] + " " + e.notice.name + " until " +
         Ms(e.notice.deadline);
}
std::string Effected(const NotifyWatchers& e) {
  return "tell " + Text(e.sessions.size()) + " watchers " +
         kWatched[static_cast<std::size_t>(e.notice.what)] + " " + e.notice.name;
}
std::string Effected(const Audited& e) {
  return std::string("audits ") + kWatched[static_cast<std::size_t>(e.notice.what)] + " " +
         e.notice.name;
}
std::string Effected(const NodeChanged& e) { return "node " + Text(e.node) + " " + e.text; }
std::string Effected(const Warned& e) { return "warns: " + e.text; }

}  // namespace

void Trace(Time now, const Event& event) {
  if (!Wanted()) return;
  const std::string words = std::visit([](const auto& e) { return Words(e); }, event);
  std::fprintf(stderr, "%s %s %s\n", Ms(now).c_str(), kEvents[event.index()], words.c_str());
}

void Trace(const Effects& effects) {
  if (!Wanted()) return;
  for (const Effect& effect : effects) {
    const std::string text = std::visit([](const auto& e) { return Effected(e); }, effect);
    std::fprintf(stderr, "    %s\n", text.c_str());
  }
}

}  // namespace redlockd::fuzz
