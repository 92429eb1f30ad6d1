#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "config/config.h"
#include "config/load.h"
#include "daemon/engine/engine.h"
#include "daemon/redis/options.h"
#include "daemon/session/sessions.h"

// What the administrator said, in the words of the rooms that need it.
namespace redlockd::app {

engine::Timing TimingOf(const config::Config& config);
// `instance`: of this daemon, random and new at each start (rule A1); the same for both.
engine::EngineOptions EngineOptionsOf(const config::Config& config, const std::string& instance);
redis::Options RedisOptionsOf(const config::Config& config, const std::string& instance);
// Asks the name service: may block. Adds those to `unknown` that it does not know, which get no right.
session::Permissions PermissionsOf(const config::Config& config, std::vector<std::string>& unknown);
// Without the permissions.
session::Options SessionOptionsOf(const config::Config& config, const std::string& instance);

// Of the nodes, in the order of engine::NodeIndex, as an administrator writes them.
std::vector<std::string> AddressesOf(const config::Config& config);

// How many descriptors the daemon needs to serve as many sessions as it may.
std::size_t DescriptorsFor(const config::Config& config);
// How many sessions that many descriptors are enough for: 1 at least.
std::size_t SessionsWith(std::size_t descriptors, const config::Config& config);

// Adds to `loaded` the inequalities of engine::Check that do not hold, by the names of their keys.
// Only for a configuration without errors.
void CheckTiming(config::Loaded& loaded);

// The times that follow from the configuration, one "name: value" a line: for --check-config.
std::string DerivedTimes(const config::Config& config);

}  // namespace redlockd::app
