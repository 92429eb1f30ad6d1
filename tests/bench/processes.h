#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

namespace redlockd::bench {

// Runs `work` with 0..count-1 in a process each, at the same time, and returns what each wrote into
// its string. With one process: in this one. Throws if one fails.
std::vector<std::string> InProcesses(int count, const std::function<std::string(int)>& work);

// Throws unless so many clients can be dealt out to the processes evenly.
void CheckDealing(int clients, int processes);

// Plain data as bytes, to be handed from process to process.
template <class T>
std::string ToBytes(const std::vector<T>& items) {
  return std::string(reinterpret_cast<const char*>(items.data()), items.size() * sizeof(T));
}
template <class T>
void AppendFromBytes(std::vector<T>& items, const std::string& bytes) {
  const std::size_t before = items.size();
  items.resize(before + bytes.size() / sizeof(T));
  bytes.copy(reinterpret_cast<char*>(items.data() + before), bytes.size());
}

}  // namespace redlockd::bench
