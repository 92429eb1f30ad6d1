#include "libclient/request.h"

#include <algorithm>
#include <cstdint>

#include "protocol/limits.h"
#include "protocol/name.h"
#include "protocol/printable.h"

namespace redlock::client {

Problem TakeNames(const char* const* names, std::size_t count, std::vector<std::string>* own) {
  if (names == nullptr || count == 0 || count > protocol::kMostNames) {
    return {REDLOCK_EINVAL, "expected 1 to " + std::to_string(protocol::kMostNames) +
                                " names, found " + std::to_string(names == nullptr ? 0 : count)};
  }
  for (std::size_t i = 0; i < count; ++i) {
    if (names[i] == nullptr) return {REDLOCK_EINVAL, "the lock name is NULL"};
    if (const auto problem = protocol::CheckName(names[i])) return {REDLOCK_EBADNAME, *problem};
    if (std::find(own->begin(), own->end(), names[i]) != own->end()) {
      return {REDLOCK_EINVAL, "'" + protocol::Printable(names[i]) + "' is named twice"};
    }
    own->emplace_back(names[i]);
  }
  return {};
}

Problem MakeRequest(const char* verb, const redlock_arg* args, std::size_t arg_count,
                    protocol::Request* request) {
  if (verb == nullptr) return {REDLOCK_EINVAL, "the verb is NULL"};
  if (args == nullptr && arg_count > 0) return {REDLOCK_EINVAL, "args is NULL"};
  request->verb = verb;
  for (std::size_t i = 0; i < arg_count; ++i) {
    if (args[i].value == nullptr) return {REDLOCK_EINVAL, "an argument's value is NULL"};
    if (args[i].key == nullptr) {
      request->args.emplace_back(args[i].value);
    } else {
      request->options.push_back({args[i].key, args[i].value});
    }
  }
  return {};
}

Problem CheckRequest(const protocol::Request& request) {
  if (!protocol::IsKeyword(request.verb)) return {REDLOCK_EINVAL, "the verb is not a word"};
  for (const std::string& arg : request.args) {
    if (arg.empty()) return {REDLOCK_EINVAL, "an argument is empty"};
  }
  for (const protocol::Field& option : request.options) {
    if (!protocol::IsKeyword(option.key)) {
      return {REDLOCK_EINVAL, "the key of an option is not a word"};
    }
  }
  // The tag that will stand in front has its greatest length here.
  protocol::Request longest = request;
  longest.tag = std::to_string(UINT64_MAX);
  if (protocol::FormatRequest(longest).size() > protocol::kLineBytes) {
    return {REDLOCK_ELINETOOLONG};
  }
  return {};
}

}  // namespace redlock::client
