// Moves an amount from one account to another, together with any number of other processes that move
// other amounts: `transfer DIRECTORY FROM TO AMOUNT [TIMES]`. An account is a file in the directory.
//
// The locks of both accounts are taken in one request, all or none. So nobody sees the one without the
// other, and processes that move amounts to and fro do not wait for each other in a circle.
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cstdint>
#include <fstream>
#include <iostream>
#include <mutex>
#include <redlock/redlock.hpp>
#include <stdexcept>
#include <string>

namespace {

// The resource: it keeps the fence of who wrote last, and refuses a lower one. A database would change
// both accounts in one transaction; with plain files a crash may come between the two.
class Account {
 public:
  Account(const std::string& directory, const std::string& name) : path_(directory + "/" + name) {}

  long Balance() const {
    std::uint64_t newest = 0;
    long balance = 0;
    std::ifstream(path_) >> newest >> balance;
    return balance;
  }
  void Write(long balance, std::uint64_t fence) const {
    // Compares and writes in one step; that is all that flock() is used for.
    const int fd = open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (fd < 0 || flock(fd, LOCK_EX) != 0) throw std::runtime_error("cannot open " + path_);
    std::uint64_t newest = 0;
    std::ifstream(path_) >> newest;
    const bool is_stale = fence < newest;
    if (!is_stale) std::ofstream(path_) << fence << ' ' << balance << '\n';
    close(fd);
    if (is_stale) throw std::runtime_error(path_ + ": a holder with a newer fence has written");
  }

 private:
  const std::string path_;
};

void Transfer(const std::string& directory, const std::string& from, const std::string& to,
              long amount, int times) {
  const Account source(directory, from);
  const Account target(directory, to);
  redlock::MultiLock both({from, to});
  for (int i = 0; i < times; ++i) {
    const std::scoped_lock guard(both);
    const long rest = source.Balance() - amount;
    const long sum = target.Balance() + amount;
    // False in time before either of the locks ends.
    if (!both.valid()) throw std::runtime_error("one of the locks is lost: nothing was moved");
    source.Write(rest, both.fence(from));
    target.Write(sum, both.fence(to));
    std::cout << from + " " + std::to_string(rest) + ", " + to + " " + std::to_string(sum) + "\n";
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 5 || argc > 6) {
    std::cerr << "usage: transfer DIRECTORY FROM TO AMOUNT [TIMES]\n";
    return 64;
  }
  try {
    Transfer(argv[1], argv[2], argv[3], std::stol(argv[4]), argc > 5 ? std::stoi(argv[5]) : 1);
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "transfer: " << error.what() << '\n';
    return 1;
  }
}
