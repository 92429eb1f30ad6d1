#pragma once

#include <chrono>
#include <string>
#include <vector>

namespace redlockd::test {

// A certificate and its private key, both in PEM.
struct Identity {
  std::string certificate;
  std::string key;
};

// A CA of the test's own, with new keys for each.
class TestCa {
 public:
  explicit TestCa(const std::string& name = "test CA");

  const std::string& certificate() const { return self_.certificate; }

  struct Options {
    std::vector<std::string> names{};      // DNS names
    std::vector<std::string> addresses{};  // IP addresses
    std::chrono::hours begins{-1};         // from now
    std::chrono::hours ends{24};
    std::string passphrase{};  // of the key; empty: none
  };
  Identity Issue(const Options& options) const;

 private:
  Identity self_;
};

}  // namespace redlockd::test
