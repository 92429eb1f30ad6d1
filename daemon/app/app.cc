#include "daemon/app/app.h"

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <map>
#include <memory>
#include <tuple>
#include <utility>

#include "daemon/app/translate.h"
#include "daemon/engine/node_set.h"
#include "daemon/host/clock.h"
#include "daemon/host/facts.h"
#include "daemon/host/log.h"
#include "daemon/host/signals.h"

namespace redlockd::app {
namespace {

using std::chrono::nanoseconds;

constexpr std::size_t kKeptEffects = 64;  // room for this many is not given back

constexpr nanoseconds kReportInterval = std::chrono::seconds(1);
// What the next process needs before it looks for its nodes, on a host that has other work.
constexpr nanoseconds kToStart = std::chrono::milliseconds(500);
// How long the last lines to clients may take to be written when the daemon ends.
constexpr nanoseconds kFarewell = std::chrono::milliseconds(200);

engine::EngineOptions Options(const config::Config& config, const std::string& instance, bool dev) {
  engine::EngineOptions options = EngineOptionsOf(config, instance);
  options.trust_new_nodes = dev;
  return options;
}

// As the log calls them.
std::vector<std::string> NamesOf(const config::Config& config) {
  std::vector<std::string> names;
  for (const std::string& address : AddressesOf(config)) {
    names.push_back("node " + std::to_string(names.size() + 1) + " (" + address + ")");
  }
  return names;
}

std::unique_ptr<engine::State> StateOf(std::optional<Former>& former) {
  return former ? std::make_unique<engine::State>(std::move(former->image.engine)) : nullptr;
}

nanoseconds LongestConnect(const config::Config& config) {
  nanoseconds longest{0};
  for (const config::Node& node : config.nodes) longest = std::max(longest, node.timeouts.connect);
  return longest;
}

}  // namespace

App::App(Configuration configuration, host::ListenSocket socket,
         std::optional<MetricsSocket> metrics, bool dev, Program program,
         std::optional<Former> former)
    : configuration_(std::move(configuration)),
      node_names_(NamesOf(in_force())),
      program_(std::move(program)),
      former_(std::move(former)),
      instance_(former_ ? former_->image.engine.instance : host::RandomHex(16)),
      socket_(std::move(socket)),
      engine_(Options(in_force(), instance_, dev), random_, StateOf(former_)),
      journal_(node_names_, engine::Majority(node_names_.size()),
               [this](engine::SessionId id) { return PeerOf(id); }),
      audit_log_([this](engine::SessionId id) { return PeerOf(id); }),
      engine_alarm_(loop_, [this] { OnEngineAlarm(); }),
      step_all_(loop_, [this] { StepAll(); }),
      first_look_(loop_, [this] { StartServing(); }),
      report_timer_(loop_, [this] { Report(); }),
      on_term_(loop_, SIGTERM, [this] { OnStopSignal(); }),
      on_replace_(loop_, SIGUSR2, [this] { OnReplaceSignal(); }),
      on_leave_(loop_, SIGUSR1, [this] { OnLeaveSignal(); }),
      replace_soon_(loop_, [this] { Replace(); }),
      nodes_(loop_, RedisOptionsOf(in_force(), instance_),
             {.on_event = [this](const engine::Event& event) { Feed(event); },
              .on_note = [this](engine::NodeIndex node,
                                const std::string& note) { journal_.OnNote(node, note); }}) {
  WatchSignals(dev);
  if (metrics) ServePages(std::move(*metrics));
}

void App::Run() {
  const nanoseconds look = LongestConnect(in_force());
  if (in_force().lease.ttl / 2 < look + kToStart) {
    host::LogWarning("lease.ttl: locks of " + engine::ToText(in_force().lease.ttl) +
                     " may end in a restart of the daemon, which may take timeouts.connect (" +
                     engine::ToText(look) + ") and the time to start");
  }
  first_look_.Start(look);
  Report();
  loop_.Run();
  if (sessions_) loop_.RunUntil([this] { return sessions_->AllSent(); }, kFarewell);
  journal_.Flush();
  audit_log_.Flush();
  host::BlockSignals();  // one more SIGTERM must not make a failure of a good end
}

// --- events and effects -------------------------------------------------------------------------

void App::Post(engine::Event event) {
  journal_.OnRequest(event);
  events_.push_back(std::move(event));
  step_all_.Schedule();
}

void App::Feed(const engine::Event& event) {
  Settle();
  Step(event);
  StepAll();
}

void App::Step(const engine::Event& event) {
  effects_.clear();
  engine_.Step(Now(), event, effects_);
  for (engine::Effect& effect : effects_) {
    std::visit([this](auto& e) { CarryOut(std::move(e)); }, effect);
  }
}

// Carrying out an effect may post another event; it is taken in its turn.
void App::Settle() {
  for (; !events_.empty(); events_.pop_front()) Step(events_.front());
}

void App::StepAll() {
  Settle();
  if (has_quorum_) StartServing();
  // One step in a million has thousands.
  if (effects_.capacity() > kKeptEffects) effects_ = engine::Effects();
  ArmEngine();
  // Once: what still happens must not cut the farewell short.
  if (draining_ && !drained_ && engine_.Drained()) {
    drained_ = true;
    loop_.Stop();
  }
}

// An alarm that is too early does no harm, and most deadlines are put off again and again: to do
// the same with the alarm would be a system call each time.
void App::ArmEngine() {
  const auto next = engine_.NextDeadline();
  if (!next || (engine_armed_ && *engine_armed_ <= *next)) return;
  engine_armed_ = next;
  engine_alarm_.Set(next->time_since_epoch());
}

void App::OnEngineAlarm() {
  engine_armed_.reset();
  Feed(engine::TimePassed{});
}

void App::CarryOut(engine::AskNodes&& effect) { nodes_.Ask(std::move(effect)); }

void App::CarryOut(const engine::AnswerClient& effect) {
  journal_.OnAnswer(effect);
  sessions_->Answer(effect);
}

void App::CarryOut(const engine::NotifyClient& effect) {
  journal_.OnNotice(effect);
  if (pages_) pages_->status().OnNotice(effect);
  sessions_->Notify(effect);
}

void App::CarryOut(const engine::NodeChanged& effect) {
  const std::size_t up = NodesUp();
  journal_.OnNode(effect, up);
  has_quorum_ = up >= engine::Majority(in_force().nodes.size());
}

void App::CarryOut(const engine::Warned& effect) { host::LogWarning(effect.text); }

// --- what sessions may see ----------------------------------------------------------------------

const session::Peer* App::PeerOf(engine::SessionId id) const {
  const session::Session* session = sessions_->Find(id);
  return session ? &session->peer() : nullptr;
}

engine::Time App::Now() const { return host::Now(); }
std::vector<engine::RowView> App::Rows(const engine::RowPlace& from, std::size_t most) const {
  return engine_.Rows(Now(), from, most);
}
engine::SessionUse App::UseOf(engine::SessionId session) const { return engine_.UseOf(session); }
std::vector<engine::NodeView> App::Nodes() const {
  std::vector<engine::NodeView> views = engine_.Nodes(Now());
  for (engine::NodeView& view : views) {
    const std::string missing = nodes_.Missing(view.node);
    if (!missing.empty()) view.text += (view.text.empty() ? "" : "; ") + missing;
  }
  return views;
}
engine::Counters App::Counters() const { return engine_.counters(); }

// The socket may be another than that of the file (main.cc).
session::Status App::Status() const {
  session::Status status = configuration_.Status();
  if (socket_.path() == in_force().socket) return status;
  for (session::Status::Key& key : status.keys) {
    if (key.key == "socket") key.in_force = socket_.path();
    if (key.key.starts_with("socket")) key.in_file.reset();  // of no use, so nothing is pending
  }
  return status;
}

void App::Reload(engine::SessionId session) {
  journal_.OnAdministrator(session, "reload");
  Reload();
}

void App::OnDenied(engine::SessionId session, std::string_view verb, const std::string& lock) {
  journal_.OnDenied(session, verb, lock);
}

// --- the life of the daemon ---------------------------------------------------------------------

// The first clients find a quorum if there is one: until then they wait in the socket's backlog.
void App::StartServing() {
  if (sessions_ || draining_) return;
  first_look_.Cancel();
  sessions_.emplace(loop_, socket_.fd(), SessionOptions(), *this);
  if (former_) TakeUp();
  host::LogInfo("serving on " + socket_.path());
  journal_.OnServing(NodesUp());
  Report();
  notifier_.Ready();
  if (once_serving_) std::exchange(once_serving_, nullptr)();
}

// With nothing in between that a client could see.
void App::TakeUp() {
  std::map<engine::SessionId, session::Ends> ends;
  for (auto& [id, fds] : former_->ends) {
    auto& [socket, process, page] = fds;
    ends[id] = {std::move(socket), std::move(process), std::move(page)};
  }
  sessions_->Restore(former_->image.sessions, std::move(ends));
  former_.reset();
  Feed(engine::Resumed{});
  sessions_->Resume();
}

void App::ServePages(MetricsSocket socket) {
  const auto may_show = [this](std::string_view lock) {
    return sessions_ && sessions_->options().permissions.MayEverybody(session::Right::kSee, lock);
  };
  pages_.emplace(
      loop_, std::move(socket), *this,
      StatusPage::Sources{.look = [this] { return Look(); },
                          .peer_of = [this](engine::SessionId session) { return PeerOf(session); },
                          .may_show = may_show},
      [this] { return in_force().metrics.status_page; });
}

session::Options App::SessionOptions() const {
  session::Options options = SessionOptionsOf(in_force(), instance_);
  if (!in_force().admin_group.empty() && !options.admin_group) {
    host::LogWarning("admin_group: there is no group " + in_force().admin_group +
                     ": only root and the daemon's own user are administrators");
  }
  std::vector<std::string> unknown;
  options.permissions = PermissionsOf(in_force(), unknown);
  for (const std::string& name : unknown) {
    host::LogWarning("rules: there is no " + name + " on this host, so it gets no rights");
  }
  return options;
}

// The service manager hears of a reload while it takes the daemon for running.
void App::Reload() {
  const bool is_running = sessions_ && !draining_;
  if (is_running) notifier_.Reloading();
  if (configuration_.Reload()) ApplyConfig();
  if (is_running) notifier_.Ready();
  Report();
}

// Nothing here can fail: whatever can be wrong was found before.
void App::ApplyConfig() {
  host::StartLog(in_force().log_level);
  const engine::EngineOptions options = EngineOptionsOf(in_force(), instance_);
  engine_.Change(options.timing, options.linger, options.audit, options.limits);
  nodes_.Change(RedisOptionsOf(in_force(), instance_));
  if (sessions_) sessions_->Change(SessionOptions());
}

// A SIGINT that was ignored at the start was meant for the foreground job of a shell. SIGTERM is
// always taken: there is no other way to stop in order.
void App::WatchSignals(bool dev) {
  if (!host::IsIgnored(SIGINT)) on_int_.emplace(loop_, SIGINT, [this] { OnStopSignal(); });
  if (host::IsIgnored(SIGHUP)) return;
  on_hup_.emplace(loop_, SIGHUP, [this, dev] {
    if (dev) return OnStopSignal();
    Reload();
  });
}

// --- from process to process --------------------------------------------------------------------

// Empty: one that reads the file as it is now can go on from here.
std::string App::WhyNoSuccessor() {
  if (draining_) return "it is stopping";
  if (program_.path.empty()) return "its nodes end with it (--dev)";
  const config::Loaded loaded = LoadChecked(program_.config);
  if (!loaded.errors.empty()) {
    return "the file has a mistake: " + loaded.Text(loaded.errors.front());
  }
  const auto socket_of = [](const config::Config& config) {
    return std::tie(config.socket, config.socket_mode, config.socket_group);
  };
  if (!socket_.is_inherited() && socket_of(loaded.config) != socket_of(in_force())) {
    return "the file has another socket, socket_mode or socket_group: stop the daemon and start it";
  }
  return WhyNotUnder(loaded.config, in_force());
}

std::variant<host::Handover, std::string> App::PackAll() {
  Settle();
  return Pack(
      {.terms = TermsOf(in_force()), .engine = engine_.Save(Now()), .sessions = sessions_->Save()},
      sessions_->Descriptors(), in_force());
}

// The next process gets all signals that come from now on. Those that have come have their callbacks first: they are
// called in the turn after the one that finds them.
void App::OnReplaceSignal() {
  if (!sessions_) {
    if (!once_serving_) once_serving_ = [this] { OnReplaceSignal(); };
    return;
  }
  host::BlockSignals();
  turns_until_replaced_ = 2;
  replace_soon_.Start(nanoseconds(0));
}

void App::Replace() {
  if (turns_until_replaced_-- > 0) return replace_soon_.Start(nanoseconds(0));
  std::string why = WhyNoSuccessor();
  if (why.empty()) {
    const auto packed = PackAll();
    if (const auto* handover = std::get_if<host::Handover>(&packed)) {
      host::LogInfo("replaced by " + program_.path, {{field::kEvent, "replace"}});
      journal_.Flush();
      audit_log_.Flush();
      notifier_.Reloading();
      notifier_.LeaveWatchdog();
      why =
          handover->Exec(program_.path, program_.arguments, socket_.fd(), !socket_.is_inherited());
      notifier_.Ready();
    } else {
      why = std::get<std::string>(packed);
    }
  }
  host::UnblockSignals();
  host::LogError("not replaced, and goes on: " + why, {{field::kEvent, "not-replaced"}});
}

void App::OnLeaveSignal() {
  if (!sessions_) {
    once_serving_ = [this] { OnLeaveSignal(); };
    return;
  }
  if (draining_) return;
  std::string why = WhyNoSuccessor();
  if (why.empty() && !socket_.is_inherited()) why = "its socket ends with it";
  if (why.empty()) {
    const auto packed = PackAll();
    const auto* handover = std::get_if<host::Handover>(&packed);
    const auto refused = handover ? handover->GiveToManager() : std::get<std::string>(packed);
    if (!refused) {
      host::LogInfo("left to the next process", {{field::kEvent, "leave"}});
      journal_.Flush();
      audit_log_.Flush();
      std::_Exit(EXIT_SUCCESS);  // whatever is done from here on the next process does not know of
    }
    why = *refused;
  }
  host::LogWarning("nothing is left to the next process: " + why, {{field::kEvent, "not-left"}});
  OnStopSignal();
}

void App::OnStopSignal() {
  if (former_) StartServing();  // those who were served by the former process are to hear of it
  if (std::exchange(draining_, true)) {
    host::LogWarning("received a second signal to stop: stopping now", {{field::kEvent, "drain"}});
    return Feed(engine::DrainRequested{Now()});  // holders hear of it even so (rule C9)
  }
  host::LogInfo("stopping: holders have " + engine::ToText(in_force().drain_time) +
                    " to release their locks (" + std::to_string(engine_.HoldCount()) + " held)",
                {{field::kEvent, "drain"}});
  notifier_.Stopping();
  // Who connects now waits in the backlog for the next daemon, instead of being refused by this
  // one.
  if (socket_.is_inherited() && sessions_) sessions_->StopAccepting();
  Feed(engine::DrainRequested{Now() + in_force().drain_time});
}

std::size_t App::NodesUp() const {
  const auto nodes = engine_.Nodes(Now());
  return static_cast<std::size_t>(std::count_if(
      nodes.begin(), nodes.end(),
      [](const engine::NodeView& node) { return node.state == engine::NodeState::kUp; }));
}

// For `systemctl status`, and for the watchdog: the loop turns if this runs.
void App::Report() {
  const std::size_t up = NodesUp();
  notifier_.Status(std::to_string(up) + " of " + std::to_string(in_force().nodes.size()) +
                   " nodes up, " + std::to_string(engine_.HoldCount()) + " leases held" +
                   (draining_ ? ", draining" : "") +
                   (configuration_.HasFailed() ? ", the last reload failed" : ""));
  notifier_.Alive();
  journal_.Tick();
  audit_log_.Tick();
  if (pages_) pages_->status().Tick(sessions_ ? sessions_->count() : 0, up);
  const auto watchdog = notifier_.watchdog();
  report_timer_.Start(watchdog ? std::min<nanoseconds>(*watchdog / 2, kReportInterval)
                               : kReportInterval);
}

metrics::Snapshot App::Look() {
  metrics::Snapshot now;
  now.version = REDLOCKD_VERSION;
  now.sessions = sessions_ ? sessions_->count() : 0;
  now.sessions_limit = in_force().limits.sessions;
  now.draining = draining_;
  now.counters = engine_.counters();
  now.majority = engine::Majority(in_force().nodes.size());
  now.addresses = AddressesOf(in_force());
  now.nodes = Nodes();
  now.certificate_expiries = certificates_.Look(in_force());
  now.quotas = engine_.Quotas();
  now.histograms = &engine_.histograms();
  now.cpu = host::CpuTime();
  now.resident_bytes = host::ResidentBytes();
  return now;
}

}  // namespace redlockd::app
