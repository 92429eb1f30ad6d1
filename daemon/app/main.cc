#include <sysexits.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/standard_descriptors.h"
#include "config/load.h"
#include "daemon/app/app.h"
#include "daemon/app/command_line.h"
#include "daemon/app/reload.h"
#include "daemon/app/replace.h"
#include "daemon/app/sockets.h"
#include "daemon/app/succession.h"
#include "daemon/app/translate.h"
#include "daemon/dev/dev_nodes.h"
#include "daemon/host/facts.h"
#include "daemon/host/handover.h"
#include "daemon/host/listen_socket.h"
#include "daemon/host/log.h"
#include "daemon/host/signals.h"
#include "protocol/printable.h"

namespace redlockd::app {
namespace {

constexpr int kFailed = 1;

void Print(const config::Loaded& loaded, const std::vector<config::Problem>& problems,
           const char* what) {
  for (const config::Problem& problem : problems) {
    std::fprintf(stderr, "%s%s\n", what, loaded.Text(problem).c_str());
  }
}

// The configuration without a mistake, or none, with every mistake printed.
std::optional<config::Loaded> LoadConfig(const std::string& file) {
  config::Loaded loaded = LoadChecked(file);
  Print(loaded, loaded.warnings, "warning: ");
  Print(loaded, loaded.errors, "");
  if (!loaded.errors.empty()) return std::nullopt;
  return loaded;
}

int CheckConfig(const config::Loaded& loaded) {
  std::printf("%s\n# derived times\n", config::Print(loaded).c_str());
  std::string times = DerivedTimes(loaded.config);
  std::size_t from = 0;
  for (std::size_t end; (end = times.find('\n', from)) != std::string::npos; from = end + 1) {
    std::printf("# %s\n", times.substr(from, end - from).c_str());
  }
  return 0;
}

// `program.config`: where `config` is from; empty: from none, as with --dev.
int Serve(const CommandLine& line, const Program& program, const config::Config& config,
          host::Inherited inherited) {
  auto socket = OpenSocket(line, config, inherited);
  if (const auto* error = std::get_if<host::ListenSocket::Error>(&socket)) {
    std::fprintf(stderr, "redlockd: %s\n", redlock::protocol::Printable(error->text).c_str());
    return kFailed;
  }
  auto& listener = std::get<host::ListenSocket>(socket);
  if (!listener.warning().empty()) host::LogWarning("socket: " + listener.warning());
  // Metrics that are missing are noticed by those who read them; the locks go on.
  auto metrics = OpenMetricsSocket(config);
  if (const auto* error = std::get_if<std::string>(&metrics)) {
    host::LogError(*error + "; serving without metrics");
    metrics = std::nullopt;
  }
  auto former = TakeOver(std::move(inherited), config);
  App app(Configuration(program.config, config), std::move(listener),
          std::get<0>(std::move(metrics)), line.dev, program, std::move(former));
  host::UnblockSignals();
  app.Run();
  return 0;
}

int ServeDev(CommandLine line, host::Inherited inherited) {
  dev::DevNodes nodes(line.nodes);
  config::Config config = config::Defaults();
  for (const std::string& path : nodes.sockets()) {
    config::Node node;
    node.address = config::UnixAddress{path};
    node.timeouts = config.timeouts;
    config.nodes.push_back(std::move(node));
  }
  config.socket = nodes.directory() + "/redlockd.sock";
  config.admin_group.clear();  // its one user is an administrator anyway
  return Serve(line, {}, config, std::move(inherited));
}

int Main(int argc, char** argv) {
  redlock::base::OpenMissingStandardDescriptors();
  host::Inherited inherited = host::Inherited::Take();
  // Who takes another's place has signals wait until the App has its handlers.
  if (inherited.handover) {
    host::BlockSignals();
  } else {
    std::signal(SIGUSR1, SIG_IGN);
    std::signal(SIGUSR2, SIG_IGN);
    host::UnblockSignals();
  }
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGCHLD, SIG_DFL);  // ignored, it would keep --dev from seeing its servers end
  auto parsed = ParseCommandLine(argc, argv);
  if (const int* status = std::get_if<int>(&parsed)) return *status;
  const CommandLine& line = std::get<CommandLine>(parsed);
  if (line.dev) {
    host::StartLog(config::LogLevel::kInfo);
    return ServeDev(line, std::move(inherited));
  }
  const auto loaded = LoadConfig(line.config);
  if (!loaded) return EX_CONFIG;
  if (line.check_config) return CheckConfig(*loaded);
  if (line.replace) return AskToReplace(SocketPath(line, loaded->config));
  host::StartLog(loaded->config.log_level);
  const Program program{
      .path = host::ThisProgram(), .arguments = {argv, argv + argc}, .config = line.config};
  return Serve(line, program, loaded->config, std::move(inherited));
}

}  // namespace
}  // namespace redlockd::app

int main(int argc, char** argv) {
  try {
    return redlockd::app::Main(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "redlockd: %s\n", redlock::protocol::Printable(error.what()).c_str());
    return 1;
  }
}
