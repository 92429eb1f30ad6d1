#include "libclient/cli/json.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>

#include "protocol/name.h"
#include "protocol/printable.h"

namespace redlock::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kGone = "(gone)";

// `value` too: of `stats`, where it may be a duration.
bool IsNumberKey(std::string_view key) {
  constexpr std::string_view kKeys[] = {"pid",    "uid",     "place",   "node",     "holds",
                                        "waits",  "up",      "nodes",   "quorum",   "value",
                                        "missed", "pending", "mistake", "mistakes", "readers"};
  return std::find(std::begin(kKeys), std::end(kKeys), key) != std::end(kKeys);
}

std::optional<std::int64_t> Number(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

void AddFields(const Row& row, Json* object) {
  for (const auto& [key, value] : row.fields()) {
    std::string_view text = value;
    const bool is_gone = key == "pid" && text.ends_with(kGone);
    if (is_gone) text.remove_suffix(kGone.size());
    const auto number = IsNumberKey(key) ? Number(text) : std::nullopt;
    (*object)[key] = number ? Json(*number) : Json(text);
    if (!protocol::IsUtf8(text)) (*object)[key + "_encoded"] = protocol::PercentEncode(text);
    if (is_gone) (*object)["gone"] = true;
  }
}

// `indent`: negative for all in one line.
std::string Text(const Json& object, int indent) {
  // In ASCII: nothing of a name is obeyed by a terminal on which the object is shown.
  constexpr bool kAscii = true;
  return object.dump(indent, ' ', kAscii, Json::error_handler_t::replace) + "\n";
}

}  // namespace

std::string ToJson(const Answer& answer) {
  Json object;
  object["ok"] = answer.error == 0;
  if (answer.error != 0) object["error"] = answer.text;
  AddFields(answer.last, &object);
  object["rows"] = Json::array();
  for (const Row& row : answer.rows) {
    Json fields = Json::object();
    AddFields(row, &fields);
    object["rows"].push_back(std::move(fields));
  }
  return Text(object, 2);
}

std::string ToJsonLine(const Row& row) {
  Json object = Json::object();
  AddFields(row, &object);
  return Text(object, -1);
}

}  // namespace redlock::cli
