#include "daemon/app/metrics_page.h"

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

}  // namespace redlockd::app
