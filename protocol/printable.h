// Bytes of others (names, notes, owners, hosts, texts of nodes) on their way to a terminal or a
// log.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace redlock::protocol {

// How many bytes the UTF-8 character takes that `bytes` begins with; 0 if they begin with none.
// `bytes` is not empty.
std::size_t CharacterLength(std::string_view bytes);

// Whether all of it is UTF-8.
bool IsUtf8(std::string_view bytes);

// Characters as they are; the bytes of all else as \xNN: of controls (C0, DEL, C1, line and
// paragraph separators), of characters that turn the direction of text, and what is no UTF-8. What
// is printable already does not change.
std::string Printable(std::string_view bytes);

}  // namespace redlock::protocol
