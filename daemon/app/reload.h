#pragma once

#include <optional>
#include <string>
#include <vector>

#include "config/config.h"
#include "config/load.h"
#include "config/reload.h"
#include "daemon/session/status.h"

// What is in force, and what may come in its place. Reads and judges files; applying what they say to
// the rooms is the app's.
namespace redlockd::app {

// The file, with every mistake that would keep a daemon from starting with it: also those of how
// values relate, and of the TLS files. Blocks on the file system.
config::Loaded LoadChecked(const std::string& file);

// The configuration in force, since when, and what became of the last reload. One thread.
class Configuration {
 public:
  // `file` is what `config` was read from; empty: none (--dev), and no reload succeeds.
  // limits.sessions is lowered to what the descriptors allow, with a warning.
  Configuration(std::string file, config::Config config);

  const config::Config& in_force() const { return in_force_; }

  // Reads the file again, and those that it names. False: it has mistakes, and all stays as it was.
  // True: what a reload applies is in force(). Logs which it is, each mistake, and each change that
  // needs a restart. Blocks on the file system.
  bool Reload();
  // The last reload had mistakes.
  bool HasFailed() const { return last_reload_ && !last_reload_->mistakes.empty(); }

  session::Status Status() const;

 private:
  bool Take(config::Loaded loaded);

  const std::string file_;
  const std::string started_;
  config::Config in_force_;
  std::string since_;
  std::vector<config::Pending> pending_;
  std::optional<session::Status::Reload> last_reload_;
};

}  // namespace redlockd::app
