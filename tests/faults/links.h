// The links of a run: one from each daemon to each node, so that a partition can be partial and
// one-sided. Two ways to make them bad.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "tests/faults/schedule.h"
#include "tests/support/tcp_proxy.h"

namespace redlockd::test::faults {

class Links {
 public:
  virtual ~Links() = default;
  // Where the daemon of the link reaches the node of the link.
  virtual std::string Address(const Link& link) const = 0;
  virtual void Begin(const Fault& fault) = 0;
  virtual void End(const Fault& fault) = 0;
};

// By the tests' proxy, one a link. Faults of connections: cut, slow, silent one way.
class ProxyLinks : public Links {
 public:
  // `ports`: of the nodes.
  ProxyLinks(std::size_t daemons, const std::vector<std::uint16_t>& ports);
  std::string Address(const Link& link) const override;
  void Begin(const Fault& fault) override { Set(fault, true); }
  void End(const Fault& fault) override { Set(fault, false); }

 private:
  void Set(const Fault& fault, bool on);
  TcpProxy& Proxy(const Link& link) { return proxies_[link.daemon * ports_.size() + link.node]; }

  std::vector<std::uint16_t> ports_;
  std::deque<TcpProxy> proxies_;
};

// By nftables, in a network namespace of this process's own. Faults of packets: what is lost is
// sent again when the link is whole, so that a command may reach a node seconds late, after its
// daemon has given the connection up. All of 127.0.0.0/8 is this machine, so that each daemon can
// be given addresses of its own for the same nodes: 127.0.DAEMON.NODE.
class FilteredLinks : public Links {
 public:
  explicit FilteredLinks(const std::vector<std::uint16_t>& ports) : ports_(ports) {}
  std::string Address(const Link& link) const override;
  void Begin(const Fault& fault) override;
  void End(const Fault& fault) override;

 private:
  void Load() const;

  std::vector<std::uint16_t> ports_;
  std::vector<Fault> active_;
};

// Leaves this machine's network for a new one that has nothing but 127.0.0.0/8; all processes that
// are started from now on are in it too, and it goes with the last of them. Call it before there is
// any thread. Returns why it cannot be done; "" if it is.
std::string EnterOwnNetwork();

}  // namespace redlockd::test::faults
