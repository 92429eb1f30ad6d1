#pragma once

#include <functional>

#include "daemon/app/sockets.h"
#include "daemon/event/http_server.h"
#include "daemon/event/loop.h"
#include "daemon/metrics/metrics.h"

namespace redlockd::app {

// Serves /metrics on the socket.
class MetricsPage {
 public:
  // `look`: what is so now; called for each scrape. `loop` outlives it.
  MetricsPage(event::Loop& loop, MetricsSocket socket, std::function<metrics::Snapshot()> look);

 private:
  const MetricsSocket socket_;
  event::HttpServer server_;
};

}  // namespace redlockd::app
