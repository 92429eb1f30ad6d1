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
  void Complain(const std::string& text) const;
  // What goes on; only with -v.
  void Tell(const std::string& text) const;

 private:
  void Say(const std::string& text) const;
  void Flush() const;

  const bool quiet_;
  const bool verbose_;
  // What stderr did not take yet: tried again with the next line, and at last.
  mutable std::string unsaid_;
};

}  // namespace redlock::cli
