#include "libclient/socket.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include <mutex>
#include <set>
#include <utility>

namespace redlock::client {
namespace {

// All that are open. The mutex is taken at a fork, so that the child finds them as they are.
class Sockets {
 public:
  // Never destroyed: a static object may have a socket.
  static Sockets& Get() {
    static Sockets& sockets = *new Sockets;
    return sockets;
  }

  std::mutex mutex;
  std::set<base::Descriptor*> all;

 private:
  Sockets() { pthread_atfork(&Sockets::Before, &Sockets::InParent, &Sockets::InChild); }

  static void Before() { Get().mutex.lock(); }
  static void InParent() { Get().mutex.unlock(); }
  static void InChild() {
    // By close(), and not by shutdown(), which would end the parent's session.
    for (base::Descriptor* socket : Get().all) socket->Reset();
    Get().mutex.unlock();
  }
};

}  // namespace

base::Descriptor AboveStandard(base::Descriptor made) {
  if (!made || made.get() > STDERR_FILENO) return made;
  return base::Descriptor(fcntl(made.get(), F_DUPFD_CLOEXEC, STDERR_FILENO + 1));
}

Socket Socket::Make() {
  auto made = std::make_unique<base::Descriptor>();
  Sockets& sockets = Sockets::Get();
  const std::lock_guard guard(sockets.mutex);
  *made = AboveStandard(
      base::Descriptor(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)));
  Socket owner;
  if (!*made) return owner;
  sockets.all.insert(made.get());
  owner.socket_.reset(made.release());
  return owner;
}

void Socket::WatchForks() { Sockets::Get(); }

void Socket::Close::operator()(base::Descriptor* socket) const {
  Sockets& sockets = Sockets::Get();
  const std::lock_guard guard(sockets.mutex);
  sockets.all.erase(socket);
  delete socket;
}

}  // namespace redlock::client
