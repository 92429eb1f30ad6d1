// Bytes in, lines out, in bounded memory.
//
// A line ends with LF; a CR before it is not part of the line. A line longer than the bound (its
// end included) is dropped up to its LF and reported once, when it has become too long. What stands
// on the line is not looked at.
//
//   reader.Append(bytes);
//   for (std::string_view line; (status = reader.Next(&line)) != LineReader::Status::kNeedMore;)
//   ...
//
// At most the bound plus what was appended and not taken yet is kept: call Next() until kNeedMore,
// or stop reading the socket, before appending more.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace redlock::protocol {

class LineReader {
 public:
  enum class Status {
    kLine,      // *line is the next line
    kTooLong,   // a line was too long; its rest will be dropped
    kNeedMore,  // no whole line is there
  };

  explicit LineReader(std::size_t max_line_bytes) : max_line_bytes_(max_line_bytes) {}
  // Goes on where another was: with what that one kept, in the middle of a line that is dropped or not.
  LineReader(std::size_t max_line_bytes, std::string_view rest, bool dropping)
      : max_line_bytes_(max_line_bytes), buffer_(rest), dropping_(dropping) {}

  void Append(std::string_view bytes);

  // *line is valid until the next call of Append().
  Status Next(std::string_view* line);

  // Bytes kept that no Next() has given yet.
  std::size_t buffered() const { return rest().size(); }
  std::string_view rest() const { return std::string_view(buffer_).substr(start_); }
  // It is inside of a line that was too long.
  bool dropping() const { return dropping_; }

  // At the end of input: whether there are bytes that no LF ended.
  bool has_partial_line() const { return dropping_ || buffered() > 0; }

 private:
  std::size_t max_line_bytes_;
  std::string buffer_;
  std::size_t start_ = 0;  // of the line that is not taken yet
  // There is no LF in [start_, scanned_), so that a slow line is not searched again and again.
  std::size_t scanned_ = 0;
  bool dropping_ = false;  // inside a line that was too long
};

}  // namespace redlock::protocol
