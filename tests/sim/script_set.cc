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
  for (const redis::Script& script : redis::AllScripts()) {
    const std::string name(script.name);
    lua_->Load(name, prelude + Read(directory + '/' + name + ".lua"));
  }
}

Reply ScriptSet::Run(redis::ScriptId script, const test::ScriptWords& call, Store& store,
                     engine::NodeTime now) const {
  return lua_->Run(static_cast<std::size_t>(script), call.keys, call.args, store, now);
}

}  // namespace redlockd::sim
