#include <iostream>
#include <redlock/redlock.hpp>

int main() {
  const redlock::Mutex mutex("jobs");
  std::cout << redlock_version() << '\n';
  return mutex.valid() ? 1 : 0;
}
