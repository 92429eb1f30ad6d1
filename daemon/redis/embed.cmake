# Writes TO, the definitions of scripts.h: the SCRIPTS (a list) in FROM, each after the prelude, and
# after queue.lua and want.lua if its first line says so.
file(READ ${FROM}/prelude.lua prelude)
file(READ ${FROM}/queue.lua queue)
file(READ ${FROM}/want.lua want)
set(rows "")
foreach(script IN LISTS SCRIPTS)
  file(READ ${FROM}/${script}.lua body)
  if(body MATCHES "^-- Needs queue.lua.\n")
    set(body "${queue}${body}")
  elseif(body MATCHES "^-- Needs queue.lua and want.lua.\n")
    set(body "${queue}${want}${body}")
  endif()
  string(CONCAT source "${prelude}" "${body}")
  string(SHA1 sha "${source}")
  string(APPEND rows "    {\"${script}\", \"${sha}\", R\"lua(${source})lua\"},\n")
endforeach()
file(WRITE ${TO} "// Made by embed.cmake from scripts/*.lua.
#include \"daemon/redis/scripts.h\"

namespace redlockd::redis {
namespace {

// In the order of ScriptId.
constexpr std::array<Script, kScripts> kAll = {{
${rows}}};

}  // namespace

const std::array<Script, kScripts>& AllScripts() { return kAll; }

}  // namespace redlockd::redis
")
