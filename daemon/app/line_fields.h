#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "daemon/host/log_field.h"

// The fields that the daemon's lines have in the journal; docs/operations.md says what they mean.
namespace redlockd::app {

namespace field {
constexpr std::string_view kEvent = "REDLOCK_EVENT";
constexpr std::string_view kLock = "REDLOCK_LOCK";
constexpr std::string_view kFence = "REDLOCK_FENCE";
constexpr std::string_view kPid = "REDLOCK_PID";
constexpr std::string_view kUid = "REDLOCK_UID";
constexpr std::string_view kCommand = "REDLOCK_COMMAND";
constexpr std::string_view kReason = "REDLOCK_REASON";
constexpr std::string_view kVerb = "REDLOCK_VERB";
constexpr std::string_view kNode = "REDLOCK_NODE";
}  // namespace field

// A client, as lines name it.
struct Client {
  std::int64_t pid = 0;
  std::uint32_t uid = 0;
  std::string command{};  // empty: not known
};

std::string TextOf(const Client& client);
void AddFields(host::LogFields& fields, const Client& client);
// Nothing where there is no value.
void AddField(host::LogFields& fields, std::string_view name, std::string value);

}  // namespace redlockd::app
