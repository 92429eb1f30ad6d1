#include "tests/hostile/gauge.h"

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <stdexcept>

namespace redlockd::test {
namespace {

struct Reading {  // heap_gauge.c writes it
  std::uint64_t readings;
  std::uint64_t bytes;
};

Reading ReadHeap(const std::string& path) {
  Reading heap{};
  const std::string bytes = ReadFile(path);
  std::memcpy(&heap, bytes.data(), std::min(bytes.size(), sizeof heap));
  return heap;
}

std::size_t Resident(pid_t pid) {
  const std::string status = ReadFile("/proc/" + std::to_string(pid) + "/status");
  const std::string_view key = "VmRSS:";
  const std::size_t at = status.find(key);
  if (at == std::string::npos) throw std::runtime_error("no VmRSS in " + status);
  return std::stoull(status.substr(at + key.size())) * 1024;
}

std::size_t CountDescriptors(pid_t pid) {
  const std::filesystem::directory_iterator all("/proc/" + std::to_string(pid) + "/fd");
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

}  // namespace

Gauge::Gauge() { WriteFile(dir_ / "heap", std::string(sizeof(Reading), '\0')); }

std::map<std::string, std::string> Gauge::Environment() const {
  const char* asan = std::getenv("ASAN_OPTIONS");
  return {{"LD_PRELOAD", REDLOCKD_TEST_HEAP_GAUGE},
          {"REDLOCKD_TEST_HEAP", dir_ / "heap"},
          // Freed is freed, and not kept as a thread's own cache.
          {"GLIBC_TUNABLES", "glibc.malloc.tcache_count=0"},
          {"ASAN_OPTIONS", std::string(asan != nullptr ? asan : "") +
                               ":verify_asan_link_order=0:quarantine_size_mb=0"
                               ":thread_local_quarantine_size_kb=0"}};
}

Usage Gauge::Read(const Daemon& daemon) const {
  const pid_t pid = daemon.process().pid();
  return {Heap(daemon.process()), Resident(pid), CountDescriptors(pid)};
}

std::size_t Gauge::Heap(const Process& process) const {
  const std::string path = dir_ / "heap";
  const std::uint64_t before = ReadHeap(path).readings;
  process.Signal(SIGRTMIN);
  if (!Eventually([&] { return ReadHeap(path).readings > before; })) {
    throw std::runtime_error("the heap gauge does not answer");
  }
  return ReadHeap(path).bytes;
}

}  // namespace redlockd::test
