#pragma once

#include <functional>

#include "daemon/app/sockets.h"
#include "daemon/app/status_page.h"
#include "daemon/event/http_server.h"
#include "daemon/event/loop.h"

namespace redlockd::app {

// Serves /metrics on the socket and, while the configuration has it so, the status page.
class Pages {
 public:
  // `shows_status`: whether the configuration in force has the page. The rest outlives it.
  Pages(event::Loop& loop, MetricsSocket socket, const session::EnginePort& port,
        StatusPage::Sources sources, std::function<bool()> shows_status);

  StatusPage& status() { return status_; }

 private:
  std::optional<event::HttpServer::Page> Answer(const event::HttpServer::Request& request);

  const MetricsSocket socket_;
  const std::function<metrics::Snapshot()> look_;
  const std::function<bool()> shows_status_;
  StatusPage status_;
  event::HttpServer server_;
};

}  // namespace redlockd::app
