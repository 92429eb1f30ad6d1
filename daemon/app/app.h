#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "daemon/app/audit_log.h"
#include "daemon/app/journal.h"
#include "daemon/app/pages.h"
#include "daemon/app/reload.h"
#include "daemon/app/succession.h"
#include "daemon/app/tls.h"
#include "daemon/engine/engine.h"
#include "daemon/event/boot_alarm.h"
#include "daemon/event/end_of_turn.h"
#include "daemon/event/loop.h"
#include "daemon/event/signal_watch.h"
#include "daemon/event/timer.h"
#include "daemon/host/entropy.h"
#include "daemon/host/listen_socket.h"
#include "daemon/host/notifier.h"
#include "daemon/redis/nodes.h"
#include "daemon/session/engine_port.h"
#include "daemon/session/sessions.h"

namespace redlockd::app {

// The daemon: puts the rooms together. Every event of theirs is stepped in the order in which it
// happened; Step, the only caller of Engine::Step, has each effect carried out by the room that it
// is for. One thread.
class App : public session::EnginePort {
 public:
  // `dev`: the nodes are its own, and trusted while they are new (engine::EngineOptions); and it
  // belongs to its terminal, so that SIGHUP ends it. Throws std::exception if the kernel refuses
  // what every daemon needs.
  // `former`: what it goes on from. `program`: what SIGUSR2 runs in its place; its path is empty with
  // `dev`.
  App(Configuration configuration, host::ListenSocket socket, std::optional<MetricsSocket> metrics,
      bool dev, Program program, std::optional<Former> former);

  // Serves until a signal has ended it: one SIGTERM or SIGINT drains, a second one ends at once.
  // SIGUSR2 has another process of the same daemon go on in its place, and does not come back;
  // SIGUSR1 leaves all to the service manager for the next process.
  void Run();

  // session::EnginePort
  void Post(engine::Event event) override;
  void Settle() override;
  engine::Time Now() const override;
  std::vector<engine::RowView> Rows(const engine::RowPlace& from, std::size_t most) const override;
  engine::SessionUse UseOf(engine::SessionId session) const override;
  std::vector<engine::NodeView> Nodes() const override;
  engine::Counters Counters() const override;
  session::Status Status() const override;
  void Reload(engine::SessionId session) override;
  void OnDenied(engine::SessionId session, std::string_view verb, const std::string& lock) override;

 private:
  void Feed(const engine::Event& event);  // after those that were posted, and at once
  void Step(const engine::Event& event);
  void StepAll();
  void ArmEngine();
  void OnEngineAlarm();
  void CarryOut(engine::AskNodes&& effect);
  void CarryOut(const engine::AnswerClient& effect);
  void CarryOut(const engine::NotifyClient& effect);
  void CarryOut(const engine::NotifyWatchers& effect) { sessions_->Notify(effect); }
  void CarryOut(const engine::Audited& effect) { audit_log_.OnHold(effect); }
  void CarryOut(const engine::NodeChanged& effect);
  void CarryOut(const engine::Warned& effect);
  std::size_t NodesUp() const;
  const session::Peer* PeerOf(engine::SessionId id) const;
  const config::Config& in_force() const { return configuration_.in_force(); }
  session::Options SessionOptions() const;
  void ServePages(MetricsSocket socket);
  void StartServing();
  void Reload();
  void ApplyConfig();
  void WatchSignals(bool dev);
  void OnStopSignal();
  void OnReplaceSignal();
  void Replace();
  void OnLeaveSignal();
  std::string WhyNoSuccessor();
  std::variant<host::Handover, std::string> PackAll();
  void TakeUp();
  void Report();
  metrics::Snapshot Look();

  Configuration configuration_;
  const std::vector<std::string> node_names_;
  const Program program_;
  std::optional<Former> former_;  // until it is taken up
  const std::string instance_;    // rule A1
  host::ListenSocket socket_;
  event::Loop loop_;
  host::Notifier notifier_;
  host::SystemRandom random_;
  engine::Engine engine_;

  Journal journal_;
  AuditLog audit_log_;
  std::deque<engine::Event> events_;  // posted, to be stepped
  engine::Effects effects_;           // of the event that is being stepped
  bool has_quorum_ = false;
  bool draining_ = false;
  bool drained_ = false;  // and Run knows it

  event::BootAlarm engine_alarm_;
  std::optional<engine::Time> engine_armed_;  // for when
  event::EndOfTurn step_all_;
  event::Timer first_look_;  // serve at the latest then, quorum or not
  event::Timer report_timer_;
  event::SignalWatch on_term_;
  std::optional<event::SignalWatch> on_int_, on_hup_;  // none where it was ignored at the start
  event::SignalWatch on_replace_, on_leave_;
  std::function<void()> once_serving_;  // a signal that came before that; to leave goes first
  event::Timer replace_soon_;
  int turns_until_replaced_ = 0;

  redis::Nodes nodes_;
  std::optional<session::Sessions> sessions_;  // once serving
  std::optional<Pages> pages_;
  CertificateWatch certificates_;
};

}  // namespace redlockd::app
