#include "config/reload.h"

#include <algorithm>
#include <utility>

#include "config/keys.h"

namespace redlockd::config {
namespace {

void Copy(const Key& key, Target from, Target to) {
  std::visit([=](const auto& value) { value.of(to) = value.of(from); }, key.value);
  if (const auto* secret = std::get_if<SecretFileValue>(&key.value)) {
    secret->secret(to) = secret->secret(from);
  }
}

void Take(const Key& key, std::size_t place, Target from, Target to, Merged& merged) {
  if (key.change == Key::Change::kReload) return Copy(key, from, to);
  Pending pending{PathIn(key, place), Print(key, to), Print(key, from)};
  if (pending.in_force != pending.in_file) merged.pending.push_back(std::move(pending));
}

Node* FindNode(std::vector<Node>& nodes, const Address& address) {
  const auto found = std::find_if(nodes.begin(), nodes.end(),
                                  [&](const Node& node) { return node.address == address; });
  return found == nodes.end() ? nullptr : &*found;
}

// In one order, as the order of the nodes is of no meaning to the locks.
std::string AddressesOf(const std::vector<Node>& nodes) {
  std::vector<std::string> addresses;
  for (const Node& node : nodes) addresses.push_back(ToString(node.address));
  std::sort(addresses.begin(), addresses.end());
  std::string text;
  for (const std::string& address : addresses) text += (text.empty() ? "" : ", ") + address;
  return text;
}

void TakeNodes(Config& file, Merged& merged) {
  Pending pending{"nodes", AddressesOf(merged.config.nodes), AddressesOf(file.nodes)};
  if (pending.in_force != pending.in_file) merged.pending.push_back(std::move(pending));
  for (std::size_t i = 0; i < merged.config.nodes.size(); ++i) {
    Node& to = merged.config.nodes[i];
    Node* const from = FindNode(file.nodes, to.address);
    if (from == nullptr) continue;
    for (const Key& key : Keys()) {
      if (ListOf(key) != "nodes") continue;
      Take(key, i, {file, from, nullptr}, {merged.config, &to, nullptr}, merged);
    }
  }
}

// What the set has as well, and what is not used, says nothing.
bool SaysSomething(const Key& key, Target target, const std::string& value) {
  if (key.absent == Key::Absent::kSameAs) return value != Print(*FindKey(key.fallback), target);
  return !value.empty() || key.absent == Key::Absent::kDefault;
}

}  // namespace

Merged Merge(Config in_force, Config file) {
  Merged merged{std::move(in_force), {}};
  for (const Key& key : Keys()) {
    if (ListOf(key).empty()) Take(key, 0, {file}, {merged.config}, merged);
  }
  TakeNodes(file, merged);
  merged.config.rules = std::move(file.rules);  // a reload applies each of their keys
  return merged;
}

std::vector<Setting> SettingsOf(Config config) {
  std::vector<Setting> settings;
  const auto add = [&](const Key& key, std::size_t place, Target target) {
    std::string value = Print(key, target);
    if (SaysSomething(key, target, value)) settings.push_back({PathIn(key, place), value});
  };
  std::string_view list;
  for (const Key& key : Keys()) {
    const bool is_first_of_list = ListOf(key) != list;
    list = ListOf(key);
    if (list.empty()) add(key, 0, {config});
    if (list.empty() || !is_first_of_list) continue;
    for (std::size_t i = 0; i < Targets(key, config).size(); ++i) {
      for (const Key& each : Keys()) {
        if (ListOf(each) == list) add(each, i, Targets(each, config)[i]);
      }
    }
  }
  return settings;
}

}  // namespace redlockd::config
