#include "daemon/app/reload.h"

#include <algorithm>
#include <utility>

#include "daemon/app/line_fields.h"
#include "daemon/app/tls.h"
#include "daemon/app/translate.h"
#include "daemon/host/clock.h"
#include "daemon/host/descriptors.h"
#include "daemon/host/log.h"

namespace redlockd::app {
namespace {

// With fewer descriptors than limits.sessions needs there are fewer sessions, so that
// administrators still get the last of them.
void FitSessions(config::Config& config) {
  const std::size_t limit = host::RaiseDescriptorLimit();
  const std::size_t needed = DescriptorsFor(config);
  if (limit >= needed) return;
  const std::size_t sessions = SessionsWith(limit, config);
  host::LogWarning("only " + std::to_string(limit) +
                   " file descriptors are allowed: limits.sessions " +
                   std::to_string(config.limits.sessions) + " needs " + std::to_string(needed) +
                   ", so it is " + std::to_string(sessions));
  config.limits.sessions = sessions;
}

// What the file says must hold beside the values that stay in force, too. If it does not, these are
// part of the mistake.
void CheckMerged(config::Loaded& loaded, const config::Merged& merged) {
  loaded.config = merged.config;
  CheckTiming(loaded);
  if (loaded.errors.empty()) return;
  for (const config::Pending& pending : merged.pending) {
    loaded.AddError(pending.key, "expected " + pending.in_force +
                                     ", which is in force until a restart, found " +
                                     pending.in_file);
  }
}

}  // namespace

config::Loaded LoadChecked(const std::string& file) {
  config::Loaded loaded = config::Load(file);
  if (loaded.errors.empty()) {
    CheckTiming(loaded);
    CheckTls(loaded);
  }
  return loaded;
}

Configuration::Configuration(std::string file, config::Config config)
    : file_(std::move(file)),
      started_(host::UtcNow()),
      in_force_(std::move(config)),
      since_(started_) {
  FitSessions(in_force_);
}

bool Configuration::Reload() {
  last_reload_ = {.at = host::UtcNow(), .mistakes = {}};
  if (file_.empty()) {
    last_reload_->mistakes = {"expected a configuration file, found none: this daemon has --dev"};
  } else if (Take(LoadChecked(file_))) {
    host::LogInfo("reloaded " + file_, {{field::kEvent, "done"}, {field::kVerb, "reload"}});
    for (const config::Pending& pending : pending_) {
      host::LogWarning(pending.key + ": " + pending.in_force + " stays in force; " +
                       pending.in_file + " needs a restart");
    }
    return true;
  }
  for (const std::string& mistake : last_reload_->mistakes) host::LogError(mistake);
  host::LogError("the reload failed: the former configuration stays in force",
                 {{field::kEvent, "failed"}, {field::kVerb, "reload"}});
  return false;
}

bool Configuration::Take(config::Loaded loaded) {
  for (const config::Problem& warning : loaded.warnings) host::LogWarning(loaded.Text(warning));
  config::Merged merged;
  if (loaded.errors.empty()) {
    merged = config::Merge(in_force_, loaded.config);
    CheckMerged(loaded, merged);
  }
  for (const config::Problem& error : loaded.errors) {
    last_reload_->mistakes.push_back(loaded.Text(error));
  }
  if (!loaded.errors.empty()) return false;
  FitSessions(merged.config);
  in_force_ = std::move(merged.config);
  pending_ = std::move(merged.pending);
  since_ = last_reload_->at;
  return true;
}

session::Status Configuration::Status() const {
  session::Status status{.version = REDLOCKD_VERSION,
                         .started = started_,
                         .config_file = file_,
                         .since = since_,
                         .last_reload = last_reload_,
                         .keys = {}};
  for (config::Setting& setting : config::SettingsOf(in_force_)) {
    status.keys.push_back({std::move(setting.key), std::move(setting.value), {}});
  }
  for (const config::Pending& pending : pending_) {
    const auto key = std::find_if(status.keys.begin(), status.keys.end(),
                                  [&](const auto& row) { return row.key == pending.key; });
    if (key != status.keys.end()) {
      key->in_file = pending.in_file;
    } else {
      status.keys.push_back({pending.key, pending.in_force, pending.in_file});
    }
  }
  return status;
}

}  // namespace redlockd::app
