#pragma once

#include <optional>
#include <string>
#include <vector>

// What is in force in this daemon, and since when. The app knows it; clients see it as it is here.
namespace redlockd::session {

struct Status {
  // A key of the configuration, in the syntax of the file. Never a secret.
  struct Key {
    std::string key;
    std::string in_force;
    std::optional<std::string> in_file;  // if the file has another value, which needs a restart
  };
  struct Reload {
    std::string at;
    std::vector<std::string> mistakes;  // in words; none: it succeeded
  };

  // Times are as in "2026-11-28T13:03:07Z".
  std::string version;
  std::string started;
  std::string config_file;  // empty: none
  std::string since;        // since when the keys are in force
  std::optional<Reload> last_reload;
  std::vector<Key> keys;  // all
};

}  // namespace redlockd::session
