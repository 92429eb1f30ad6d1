#include "daemon/app/metrics_page.h"

#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "daemon/metrics/exposition.h"

namespace redlockd::app {
namespace {

int FdOf(const MetricsSocket& socket) {
  if (const auto* path = std::get_if<host::ListenSocket>(&socket)) return path->fd();
  return std::get<redlock::base::Descriptor>(socket).get();
}

engine::Duration Of(const timeval& time) {
  return std::chrono::seconds(time.tv_sec) + std::chrono::microseconds(time.tv_usec);
}

}  // namespace

MetricsPage::MetricsPage(event::Loop& loop, MetricsSocket socket,
                         std::function<metrics::Snapshot()> look)
    : socket_(std::move(socket)),
      server_(loop, FdOf(socket_),
              [look = std::move(look)](
                  const std::string& path) -> std::optional<event::HttpServer::Page> {
                if (path != "/metrics") return std::nullopt;
                return event::HttpServer::Page{std::string(metrics::Exposition::kContentType),
                                               metrics::ToText(look())};
              }) {}

engine::Duration CpuTime() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return Of(usage.ru_utime) + Of(usage.ru_stime);
}

std::size_t ResidentBytes() {
  std::size_t size = 0;
  std::size_t resident = 0;
  std::ifstream("/proc/self/statm") >> size >> resident;
  return resident * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

}  // namespace redlockd::app
