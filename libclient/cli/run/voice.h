// What `redlock run` itself says, on stderr, beside the command.
#pragma once

#include <string>

namespace redlock::cli {

class Voice {
 public:
  Voice(bool quiet, bool verbose) : quiet_(quiet), verbose_(verbose) {}

  // What went wrong; not with -q.
  void Complain(const std::string& text) const;
  // What goes on; only with -v.
  void Tell(const std::string& text) const;

 private:
  const bool quiet_;
  const bool verbose_;
};

}  // namespace redlock::cli
