#include "daemon/app/status_page.h"

#include <chrono>
#include <utility>

#include "config/address.h"
#include "daemon/host/clock.h"
#include "daemon/host/facts.h"
#include "daemon/session/words.h"
#include "daemon/status/page.h"

namespace redlockd::app {
namespace {

using namespace std::chrono_literals;
using event::HttpServer;

// What is younger is shown again.
constexpr auto kFresh = 500ms;
// After a walk there is none for as many times as long: they take a tenth of the time at most.
constexpr int kRest = 9;

std::string_view WithoutPort(std::string_view host) {
  if (host.starts_with('[')) {
    const std::size_t end = host.find(']');
    return end == std::string_view::npos ? host : host.substr(1, end - 1);
  }
  return host.substr(0, host.find(':'));
}

HttpServer::Page PageOf(const status::Part& part) {
  return {.type = std::string(part.type),
          .body = std::string(part.text),
          .policy = std::string(status::kPolicy)};
}

HttpServer::Page Misdirected(const std::string& own) {
  return {.status = "421 Misdirected Request",
          .type = "text/plain; charset=utf-8",
          .body = "Expected this host by an IP address, as localhost, or as " + own +
                  ": another name may be one that somebody has had lead here.\n"};
}

}  // namespace

bool IsOwnName(std::string_view host, const std::string& own) {
  if (host.empty()) return true;
  const auto name = config::ParseHost(WithoutPort(host));
  return name && (config::IsIpAddress(*name) || *name == "localhost" ||
                  *name == config::ParseHost(own).value_or(own));
}

StatusPage::StatusPage(event::Loop& loop, const session::EnginePort& port, Sources sources)
    : port_(port),
      sources_(std::move(sources)),
      host_(host::HostName()),
      survey_({.rows = [this](const engine::RowPlace& from,
                              std::size_t most) { return port_.Rows(from, most); },
               .may_show = sources_.may_show,
               .client_of = [this](engine::SessionId session) { return ClientOf(session); }}),
      go_on_(loop, [this] { GoOn(); }) {}

std::optional<HttpServer::Page> StatusPage::Answer(const HttpServer::Request& request) {
  std::string_view name = request.path;
  if (!name.starts_with('/')) return std::nullopt;
  name.remove_prefix(1);
  if (name.empty() || name == "status") name = status::Parts().front().name;
  for (const status::Part& part : status::Parts()) {
    if (name == part.name) return PageOf(part);
  }
  if (name != "status.json") return std::nullopt;
  if (!IsOwnName(request.host, host_)) return Misdirected(host_);
  return HttpServer::Page{.type = "application/json", .body = Json()};
}

const std::string& StatusPage::Json() {
  const engine::Time now = port_.Now();
  if (made_at_ && now - *made_at_ < kFresh) return json_;
  if (!survey_.is_under_way() && now >= next_walk_) BeginWalk(now);
  made_at_ = now;
  json_ = status::ToJson(sources_.look(), Details());
  return json_;
}

// Where there are few locks, the first portion is all of the walk.
void StatusPage::BeginWalk(engine::Time now) {
  walk_began_ = now;
  survey_.Begin(now);
  GoOn();
}

void StatusPage::GoOn() {
  survey_.GoOn();
  if (survey_.is_under_way()) return go_on_.Schedule();
  const engine::Time now = port_.Now();
  next_walk_ = now + kRest * (now - walk_began_);
}

status::Details StatusPage::Details() const {
  status::Details details;
  details.host = host_;
  details.at = host::UtcNow();
  details.started = port_.Status().started;
  details.now = port_.Now();
  details.timeline = &timeline_;
  details.findings = survey_.last();
  if (details.findings) {  // the rules may have changed since
    const auto is_hidden = [this](const auto& row) { return !sources_.may_show(row.name); };
    std::erase_if(details.findings->hot, is_hidden);
    std::erase_if(details.findings->waits, is_hidden);
  }
  for (const status::Loss& loss : losses_) {
    if (sources_.may_show(loss.name)) {
      details.losses.push_back(loss);
    } else {
      ++details.hidden_losses;
    }
  }
  return details;
}

void StatusPage::OnNotice(const engine::NotifyClient& effect) {
  const engine::Notice& notice = effect.notice;
  if (notice.reason == engine::LossReason::kNone) return;
  losses_.push_front({.at = host::UtcNow(),
                      .name = notice.name,
                      .fence = notice.fence,
                      .reason = std::string(session::WordOf(notice.reason)),
                      .client = ClientOf(effect.session)});
  if (losses_.size() > kLosses) losses_.pop_back();
}

void StatusPage::Tick(std::size_t sessions, std::size_t nodes_up) {
  timeline_.Look(port_.Now(),
                 {.counters = port_.Counters(), .sessions = sessions, .nodes_up = nodes_up});
}

std::optional<status::Client> StatusPage::ClientOf(engine::SessionId session) const {
  const session::Peer* peer = sources_.peer_of(session);
  if (!peer) return std::nullopt;
  return status::Client{peer->pid, peer->uid, peer->command};
}

}  // namespace redlockd::app
