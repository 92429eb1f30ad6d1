#pragma once

#include <functional>
#include <string>
#include <vector>

#include "tests/bench/measure.h"

namespace redlockd::bench {

// To be called once by each process when it is ready; returns when all are, with the time to start,
// which is the same for all.
using Start = std::function<Nanoseconds()>;

struct Results {
  Nanoseconds start = 0;
  std::vector<std::string> of_processes;
};

// Runs `work` with 0..count-1 in a process each, at the same time; what each returns are the
// results. A single one runs in this process. Throws if one fails.
Results InProcesses(int count, const std::function<std::string(int, const Start&)>& work);

// Throws unless so many clients can be dealt out to the processes evenly.
void CheckDealing(int clients, int processes);

// Plain data as bytes, to be handed from process to process.
template <class T>
std::string ToBytes(const std::vector<T>& items) {
  return std::string(reinterpret_cast<const char*>(items.data()), items.size() * sizeof(T));
}
template <class T>
std::vector<T> AllItems(const Results& results) {
  std::vector<T> items;
  for (const std::string& bytes : results.of_processes) {
    const std::size_t before = items.size();
    items.resize(before + bytes.size() / sizeof(T));
    bytes.copy(reinterpret_cast<char*>(items.data() + before), bytes.size());
  }
  return items;
}

}  // namespace redlockd::bench
