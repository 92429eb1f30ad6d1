// Lock names and values as they stand on the wire: printable ASCII, with space, '%', '=', a '#' at
// the start and all bytes outside 0x21..0x7e as %XX. Decoding takes more than encoding gives: any
// byte but NUL may be written as %XX, in either case of digits.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace redlock::protocol {

// The wire form of any bytes. "" stays "".
std::string PercentEncode(std::string_view bytes);

// Appends it to out.
void PercentEncodeTo(std::string_view bytes, std::string& out);

// Decodes `word` into *out. Gives nothing if it is well formed, else what is wrong, e.g. "'%4' at
// byte 3: expected two hexadecimal digits after '%'". %00 is an error. Bytes that should have been
// encoded are taken as they are: what splits a line into words is the line parser's matter.
std::optional<std::string> PercentDecode(std::string_view word, std::string* out);

// Nothing if the decoded bytes can be a lock name, else why not (1..255 bytes, no NUL).
std::optional<std::string> CheckName(std::string_view name);

}  // namespace redlock::protocol
