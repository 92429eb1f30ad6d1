#include "daemon/app/pages.h"

#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "daemon/metrics/exposition.h"

namespace redlockd::app {
namespace {

using event::HttpServer;

int FdOf(const MetricsSocket& socket) {
  if (const auto* path = std::get_if<host::ListenSocket>(&socket)) return path->fd();
  return std::get<redlock::base::Descriptor>(socket).get();
}

}  // namespace

Pages::Pages(event::Loop& loop, MetricsSocket socket, const session::EnginePort& port,
             StatusPage::Sources sources, std::function<bool()> shows_status)
    : socket_(std::move(socket)),
      look_(sources.look),
      shows_status_(std::move(shows_status)),
      status_(loop, port, std::move(sources)),
      server_(loop, FdOf(socket_),
              [this](const HttpServer::Request& request) { return Answer(request); }) {}

std::optional<HttpServer::Page> Pages::Answer(const HttpServer::Request& request) {
  if (request.path == "/metrics") {
    return HttpServer::Page{.type = std::string(metrics::Exposition::kContentType),
                            .body = metrics::ToText(look_())};
  }
  return shows_status_() ? status_.Answer(request) : std::nullopt;
}

}  // namespace redlockd::app
