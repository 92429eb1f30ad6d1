// What `redlock run` itself says, on stderr, beside the command. Speaking never blocks: a full pipe
// that nobody reads, or a terminal whose output is stopped, must not keep us from the end of the
// lock.
#pragma once

#include <string>

namespace redlock::cli {

class Voice {
 public:
  Voice(bool quiet, bool verbose) : quiet_(quiet), verbose_(verbose) {}
  ~Voice() { Flush(); }
  Voice(const Voice&) = delete;
  Voice& operator=(const Voice&) = delete;

  // What went wrong; not with -q.
  void Complain(const std::string& text);
  // What goes on; only with -v.
  void Tell(const std::string& text);

 private:
  void Say(const std::string& text);
  void Flush();

  const bool quiet_;
  const bool verbose_;
  std::string unsaid_;  // what stderr did not take yet: tried again with the next line, and at last
};

}  // namespace redlock::cli
