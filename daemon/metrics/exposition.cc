#include "daemon/metrics/exposition.h"

#include <charconv>
#include <chrono>

namespace redlockd::metrics {
namespace {

// The format ends a line at a newline, and a label's value at a quote.
void AppendEscaped(std::string_view text, bool is_label, std::string& out) {
  for (const char c : text) {
    if (c == '\\') {
      out += "\\\\";
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '"' && is_label) {
      out += "\\\"";
    } else {
      out += c;
    }
  }
}

std::string Number(double value) {
  char text[400];  // the greatest double has 309 digits
  const auto end = std::to_chars(text, text + sizeof text, value, std::chars_format::fixed);
  return {text, end.ptr};
}

std::string Seconds(engine::Duration duration) {
  return Number(std::chrono::duration<double>(duration).count());
}

std::string_view Word(Exposition::Type type) {
  switch (type) {
    case Exposition::Type::kGauge:
      return "gauge";
    case Exposition::Type::kCounter:
      return "counter";
    case Exposition::Type::kHistogram:
      return "histogram";
  }
  return "untyped";
}

}  // namespace

void Exposition::Family(std::string_view name, Type type, std::string_view help) {
  family_ = name;
  text_.append("# HELP ").append(name).append(" ");
  AppendEscaped(help, false, text_);
  text_.append("\n# TYPE ").append(name).append(" ").append(Word(type)).append("\n");
}

void Exposition::Sample(std::uint64_t value, const Labels& labels) {
  Line("", labels, std::to_string(value));
}

void Exposition::Sample(engine::Duration seconds, const Labels& labels) {
  Line("", labels, Seconds(seconds));
}

// Each bucket counts all that is at most as long as its bound.
void Exposition::Sample(const engine::Histogram& histogram, const Labels& labels) {
  Labels bounded = labels;
  bounded.emplace_back("le", "");
  std::uint64_t within = 0;
  for (std::size_t i = 0; i < engine::Histogram::kBounds.size(); ++i) {
    within += histogram.Within(i);
    bounded.back().second = Seconds(engine::Histogram::kBounds[i]);
    Line("_bucket", bounded, std::to_string(within));
  }
  bounded.back().second = "+Inf";
  Line("_bucket", bounded, std::to_string(histogram.count()));
  Line("_sum", labels, Number(histogram.sum()));
  Line("_count", labels, std::to_string(histogram.count()));
}

void Exposition::Line(std::string_view suffix, const Labels& labels, const std::string& value) {
  text_.append(family_).append(suffix);
  char before = '{';
  for (const auto& [label, text] : labels) {
    text_.append(1, before).append(label).append("=\"");
    AppendEscaped(text, true, text_);
    text_.append("\"");
    before = ',';
  }
  if (!labels.empty()) text_ += '}';
  text_.append(" ").append(value).append("\n");
}

}  // namespace redlockd::metrics
