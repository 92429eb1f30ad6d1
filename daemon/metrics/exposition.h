#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "daemon/engine/histogram.h"

namespace redlockd::metrics {

// Writes Prometheus' text format, version 0.0.4
// (https://prometheus.io/docs/instrumenting/exposition_formats/). The caller keeps to its rules for
// names: [a-zA-Z_:][a-zA-Z0-9_:]*, and for labels without the colon.
class Exposition {
 public:
  static constexpr std::string_view kContentType = "text/plain; version=0.0.4; charset=utf-8";
  enum class Type : std::uint8_t { kGauge, kCounter, kHistogram };
  using Labels = std::vector<std::pair<std::string_view, std::string>>;

  // Begins a family: the samples that follow are of it. Each name once.
  void Family(std::string_view name, Type type, std::string_view help);
  void Sample(std::uint64_t value, const Labels& labels = {});
  void Sample(engine::Duration seconds, const Labels& labels = {});
  void Sample(const engine::Histogram& histogram, const Labels& labels);

  const std::string& text() const { return text_; }

 private:
  void Line(std::string_view suffix, const Labels& labels, const std::string& value);

  std::string family_;
  std::string text_;
};

}  // namespace redlockd::metrics
