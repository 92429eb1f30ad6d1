#include "protocol/line_reader.h"

namespace redlock::protocol {

void LineReader::Append(std::string_view bytes) {
  buffer_.erase(0, start_);
  scanned_ -= start_;
  start_ = 0;
  buffer_.append(bytes);
}

LineReader::Status LineReader::Next(std::string_view* line) {
  while (true) {
    const std::size_t end = buffer_.find('\n', scanned_);
    const bool whole = end != std::string::npos;
    const std::size_t from = start_;
    const std::size_t length = (whole ? end + 1 : buffer_.size()) - from;
    if (dropping_ || length > max_line_bytes_) {
      const bool was_dropping = dropping_;
      dropping_ = !whole;
      start_ = scanned_ = from + length;
      if (!was_dropping) return Status::kTooLong;
      if (!whole) return Status::kNeedMore;
      continue;
    }
    if (!whole) {
      scanned_ = buffer_.size();
      return Status::kNeedMore;
    }
    start_ = scanned_ = end + 1;
    *line = std::string_view(buffer_).substr(from, length - 1);
    if (line->ends_with('\r')) line->remove_suffix(1);
    return Status::kLine;
  }
}

}  // namespace redlock::protocol
