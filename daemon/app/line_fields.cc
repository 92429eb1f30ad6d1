#include "daemon/app/line_fields.h"

#include <utility>

namespace redlockd::app {

std::string TextOf(const Client& client) {
  return "uid " + std::to_string(client.uid) + ", pid " + std::to_string(client.pid) + " (" +
         client.command + ")";
}

void AddFields(host::LogFields& fields, const Client& client) {
  AddField(fields, field::kUid, std::to_string(client.uid));
  AddField(fields, field::kPid, std::to_string(client.pid));
  AddField(fields, field::kCommand, client.command);
}

void AddField(host::LogFields& fields, std::string_view name, std::string value) {
  if (!value.empty()) fields.push_back({name, std::move(value)});
}

}  // namespace redlockd::app
