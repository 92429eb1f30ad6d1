#include "tests/faults/links.h"

namespace redlockd::test::faults {

ProxyLinks::ProxyLinks(std::size_t daemons, const std::vector<std::uint16_t>& ports)
    : ports_(ports) {
  for (std::size_t daemon = 0; daemon < daemons; ++daemon) {
    for (const std::uint16_t port : ports_) proxies_.emplace_back(port);
  }
}

std::string ProxyLinks::Address(const Link& link) const {
  return proxies_[link.daemon * ports_.size() + link.node].Address();
}

void ProxyLinks::Set(const Fault& fault, bool on) {
  const Duration amount = on ? fault.amount : Duration::zero();
  for (const Link& link : fault.links) {
    TcpProxy& proxy = Proxy(link);
    switch (fault.kind) {
      case Kind::kCut:
        if (on) proxy.Cut();
        break;
      case Kind::kSlowRequests:
        proxy.Delay(TcpProxy::kToServer, amount);
        break;
      case Kind::kSlowReplies:
        proxy.Delay(TcpProxy::kToClient, amount);
        break;
      case Kind::kLoseRequests:
        proxy.Lose(TcpProxy::kToServer, on);
        break;
      case Kind::kLoseReplies:
        proxy.Lose(TcpProxy::kToClient, on);
        break;
      case Kind::kDrip:
        proxy.Drip(TcpProxy::kToClient, amount);
        break;
      default:
        proxy.Pause(on);
    }
  }
}

}  // namespace redlockd::test::faults
