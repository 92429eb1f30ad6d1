// Increments a counter in a file, together with any number of other processes:
// `fenced_counter NAME FILE [TIMES]`.
//
// The lock NAME keeps the processes apart. The fence keeps out a process that was paused past its
// deadline without noticing: the file holds the greatest fence that wrote to it, and refuses a
// lower one.
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

// The resource. A database would compare and write in one statement or transaction; with a plain
// file it takes flock() to do both in one step. That is all it is used for: it does not exclude
// other hosts.
class FencedFile {
 public:
  explicit FencedFile(std::string path) : path_(std::move(path)) {}

  // Adds one and returns the new count.
  long Increment(std::uint64_t fence) {
    const int fd = open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (fd < 0 || flock(fd, LOCK_EX) != 0) throw std::runtime_error("cannot open " + path_);
    std::uint64_t newest = 0;
    long count = 0;
    std::ifstream(path_) >> newest >> count;
    const bool stale = fence < newest;
    if (!stale) std::ofstream(path_) << fence << ' ' << ++count << '\n';
    close(fd);
    if (stale) throw std::runtime_error("refused: a holder with a newer fence has written");
    return count;
  }

 private:
  const std::string path_;
};

void Count(redlock::Mutex& mutex, FencedFile& file, int times) {
  for (int i = 0; i < times; ++i) {
    const std::scoped_lock guard(mutex);
    const long count = file.Increment(mutex.fence());
    std::cout << "fence " << mutex.fence() << " count " << count << '\n';
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3 || argc > 4) {
    std::cerr << "usage: fenced_counter NAME FILE [TIMES]\n";
    return 64;
  }
  try {
    redlock::Mutex mutex(argv[1]);
    FencedFile file(argv[2]);
    Count(mutex, file, argc > 3 ? std::stoi(argv[3]) : 1);
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "fenced_counter: " << error.what() << '\n';
    return 1;
  }
}
