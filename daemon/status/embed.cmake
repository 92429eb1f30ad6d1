# Writes TO, the definition of Parts() in page.h: the PARTS (a list) in FROM.
set(types.html "text/html; charset=utf-8")
set(types.css "text/css; charset=utf-8")
set(types.js "text/javascript; charset=utf-8")
set(rows "")
foreach(part IN LISTS PARTS)
  file(READ ${FROM}/${part} text)
  cmake_path(GET part EXTENSION LAST_ONLY kind)
  # A compiler need not take a literal of more than 64 kB.
  string(LENGTH "${text}" size)
  if(size GREATER 60000 OR text MATCHES "\\)part\"")
    message(FATAL_ERROR "${part} cannot be embedded as one literal")
  endif()
  string(APPEND rows "    {\"${part}\", \"${types${kind}}\", R\"part(${text})part\"},\n")
endforeach()
file(WRITE ${TO} "// Made by embed.cmake from page/.
#include \"daemon/status/page.h\"

namespace redlockd::status {
namespace {

constexpr std::array<Part, 3> kParts = {{
${rows}}};

}  // namespace

const std::array<Part, 3>& Parts() { return kParts; }

}  // namespace redlockd::status
")
