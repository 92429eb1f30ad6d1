#include "tests/sim/script_set.h"

#include <fstream>
#include <iterator>
#include <stdexcept>

namespace redlockd::sim {
namespace {

std::string Read(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error(path + ": cannot read it");
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

ScriptSet::ScriptSet() {
  for (const redis::Script& script : redis::AllScripts()) {
    lua_->Load(std::string(script.sha), script.source);
  }
}

ScriptSet::ScriptSet(const std::string& directory) {
  const std::string prelude = Read(directory + "/prelude.lua");
  const std::string queue = Read(directory + "/queue.lua");
  const std::string want = Read(directory + "/want.lua");
  for (const redis::Script& script : redis::AllScripts()) {
    const std::string name(script.name);
    const std::string body = Read(directory + '/' + name + ".lua");
    const bool needs_both = body.starts_with("-- Needs queue.lua and want.lua.\n");
    const bool needs_queue = needs_both || body.starts_with("-- Needs queue.lua.\n");
    lua_->Load(name, prelude + (needs_queue ? queue : "") + (needs_both ? want : "") + body);
  }
}

Reply ScriptSet::Run(redis::ScriptId script, const test::ScriptWords& call, Store& store,
                     engine::NodeTime now) const {
  return lua_->Run(static_cast<std::size_t>(script), call.keys, call.args, store, now);
}

}  // namespace redlockd::sim
