#include "daemon/redis/resolver.h"

#include <net/if.h>
#include <netdb.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

#include "base/descriptor.h"

namespace redlockd::redis {
namespace {

// getaddrinfo takes the name of an interface for a link-local address alone, its number for any.
std::string WithInterfaceNumber(const std::string& host) {
  const std::size_t percent = host.find('%');
  if (percent == std::string::npos) return host;
  const unsigned number = if_nametoindex(host.c_str() + percent + 1);
  return number == 0 ? host : host.substr(0, percent + 1) + std::to_string(number);
}

Resolver::Found Lookup(const std::string& host, std::uint16_t port, int flags) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = flags | AI_NUMERICSERV;
  addrinfo* list = nullptr;
  const int error =
      getaddrinfo(WithInterfaceNumber(host).c_str(), std::to_string(port).c_str(), &hints, &list);
  if (error == EAI_SYSTEM) return std::generic_category().message(errno);
  if (error != 0) return std::string(gai_strerror(error));
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owned(list, freeaddrinfo);
  std::vector<SocketAddress> addresses;
  for (const addrinfo* one = list; one != nullptr; one = one->ai_next) {
    SocketAddress address;
    std::memcpy(&address.storage, one->ai_addr, one->ai_addrlen);
    address.size = one->ai_addrlen;
    addresses.push_back(address);
  }
  return addresses;
}

}  // namespace

struct Resolver::Shared {
  Shared() : wake(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
    if (!wake) throw std::system_error(errno, std::generic_category(), "eventfd");
  }

  void Post(std::uint64_t id, Found found) {
    const std::lock_guard lock(mutex);
    results.emplace_back(id, std::move(found));
    const std::uint64_t one = 1;
    // Fails only if the counter is full, and then the loop is awake already.
    [[maybe_unused]] const auto written = write(wake.get(), &one, sizeof one);
  }

  const redlock::base::Descriptor wake;
  std::mutex mutex;
  std::vector<std::pair<std::uint64_t, Found>> results;
};

Resolver::Resolver(event::Loop& loop) : shared_(std::make_shared<Shared>()) {
  watch_ = std::make_unique<event::Watch>(loop, shared_->wake.get(), event::Watch::Trigger::kLevel,
                                          [this](unsigned) { Deliver(); });
  watch_->Want(event::Watch::kRead);
}

Resolver::~Resolver() = default;

std::unique_ptr<Resolver::Lookup> Resolver::Find(const std::string& host, std::uint16_t port,
                                                 std::function<void(Found)> callback) {
  const std::uint64_t id = ++last_;
  waiting_.emplace(id, std::move(callback));
  try {
    std::thread([shared = shared_, id, host, port] {
      sigset_t all;
      sigfillset(&all);
      pthread_sigmask(SIG_BLOCK, &all, nullptr);  // signals are for the loop's thread
      shared->Post(id, redis::Lookup(host, port, 0));
    }).detach();
  } catch (const std::system_error& error) {
    shared_->Post(id, std::string("cannot start a thread to resolve it: ") + error.what());
  }
  return std::unique_ptr<Lookup>(new Lookup(*this, id));
}

std::optional<SocketAddress> Resolver::Numeric(const std::string& host, std::uint16_t port) {
  auto found = redis::Lookup(host, port, AI_NUMERICHOST);
  auto* addresses = std::get_if<std::vector<SocketAddress>>(&found);
  if (addresses == nullptr) return std::nullopt;
  return addresses->front();
}

void Resolver::Deliver() {
  std::vector<std::pair<std::uint64_t, Found>> results;
  {
    const std::lock_guard lock(shared_->mutex);
    std::uint64_t count = 0;
    [[maybe_unused]] const auto got = read(shared_->wake.get(), &count, sizeof count);
    results.swap(shared_->results);
  }
  for (auto& [id, found] : results) {
    const auto waiting = waiting_.find(id);
    if (waiting == waiting_.end()) continue;  // cancelled
    const auto callback = std::move(waiting->second);
    waiting_.erase(waiting);
    callback(std::move(found));
  }
}

}  // namespace redlockd::redis
