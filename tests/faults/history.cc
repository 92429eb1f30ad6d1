#include "tests/faults/history.h"

#include <fcntl.h>

#include <algorithm>
#include <charconv>
#include <cinttypes>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <stdexcept>

namespace redlockd::test::faults {

std::string_view Event::Get(std::string_view key) const {
  for (const auto& [name, value] : fields) {
    if (name == key) return value;
  }
  return {};
}

std::uint64_t Event::Number(std::string_view key) const {
  const std::string_view text = Get(key);
  std::uint64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

Duration Event::Time(std::string_view key) const {
  const std::string_view text = Get(key);
  return text.empty() ? Duration::zero() : ParseTime(text);
}

std::string ToText(Duration time) {
  char text[40];
  const std::int64_t ns = time.count() < 0 ? -time.count() : time.count();
  std::snprintf(text, sizeof text, "%s%" PRId64 ".%09" PRId64, time.count() < 0 ? "-" : "",
                ns / 1'000'000'000, ns % 1'000'000'000);
  return text;
}

Duration ParseTime(std::string_view text) {
  const bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  const std::size_t point = text.find('.');
  std::string decimals(point == std::string_view::npos ? "" : text.substr(point + 1));
  decimals.resize(9, '0');
  std::int64_t seconds = 0, ns = 0;
  const std::string_view whole = text.substr(0, point);
  const auto read = std::from_chars(whole.data(), whole.data() + whole.size(), seconds);
  const auto rest = std::from_chars(decimals.data(), decimals.data() + decimals.size(), ns);
  if (read.ec != std::errc() || read.ptr != whole.data() + whole.size() ||
      rest.ptr != decimals.data() + decimals.size()) {
    throw std::runtime_error("not a time: '" + std::string(text) + "'");
  }
  const Duration time = std::chrono::seconds(seconds) + Duration(ns);
  return negative ? -time : time;
}

std::string Format(const Event& event) {
  std::string line = ToText(event.at) + ' ' + event.who + ' ' + event.what;
  for (const auto& [key, value] : event.fields) line += ' ' + key + '=' + value;
  if (!event.text.empty()) {
    line += " : ";
    for (const char c : event.text) line += c == '\n' ? '|' : c;
  }
  return line;
}

Event ParseEvent(std::string_view line) {
  Event event;
  if (const std::size_t text = line.find(" : "); text != std::string_view::npos) {
    event.text = line.substr(text + 3);
    line = line.substr(0, text);
  }
  const auto next = [&line] {
    const std::size_t end = std::min(line.find(' '), line.size());
    const std::string_view word = line.substr(0, end);
    line.remove_prefix(std::min(end + 1, line.size()));
    return word;
  };
  event.at = ParseTime(next());
  event.who = next();
  event.what = next();
  if (event.what.empty()) throw std::runtime_error("an event without a name");
  while (!line.empty()) {
    const std::string_view word = next();
    const std::size_t equals = word.find('=');
    if (equals == std::string_view::npos) {
      throw std::runtime_error("no key=value: '" + std::string(word) + "'");
    }
    event.fields.emplace_back(word.substr(0, equals), word.substr(equals + 1));
  }
  return event;
}

Journal::Journal(const std::string& path, std::string who, Duration origin)
    : path_(path),
      who_(std::move(who)),
      origin_(origin),
      file_(open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600)) {
  if (!file_) throw std::runtime_error("cannot write " + path);
}

void Journal::NoteOf(std::string who, Duration at, std::string_view what, Fields fields,
                     std::string text) const {
  const std::string line = Format({.at = at,
                                   .who = std::move(who),
                                   .what = std::string(what),
                                   .fields = std::move(fields),
                                   .text = std::move(text)}) +
                           '\n';
  if (write(file_.get(), line.data(), line.size()) != static_cast<ssize_t>(line.size())) {
    throw std::runtime_error("cannot write " + path_);
  }
}

std::vector<Event> ReadJournals(const std::string& directory) {
  std::vector<Event> events;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    std::ifstream in(entry.path());
    for (std::string line; std::getline(in, line) && !in.eof();) events.push_back(ParseEvent(line));
  }
  std::stable_sort(events.begin(), events.end(),
                   [](const Event& a, const Event& b) { return a.at < b.at; });
  return events;
}

void WriteHistory(const std::string& path, const std::vector<Event>& events) {
  std::ofstream out(path);
  for (const Event& event : events) out << Format(event) << '\n';
  out.close();
  if (!out) throw std::runtime_error("cannot write " + path);
}

}  // namespace redlockd::test::faults
