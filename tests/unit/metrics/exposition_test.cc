#include "daemon/metrics/exposition.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace redlockd::metrics {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using Type = Exposition::Type;

TEST(Exposition, FamiliesAndSamples) {
  Exposition out;
  out.Family("a_total", Type::kCounter, "how many");
  out.Sample(7);
  out.Family("b", Type::kGauge, "for each");
  out.Sample(1, {{"node", "1"}, {"address", "h:1"}});
  out.Sample(18446744073709551615u, {{"node", "2"}});
  EXPECT_EQ(out.text(),
            "# HELP a_total how many\n"
            "# TYPE a_total counter\n"
            "a_total 7\n"
            "# HELP b for each\n"
            "# TYPE b gauge\n"
            "b{node=\"1\",address=\"h:1\"} 1\n"
            "b{node=\"2\"} 18446744073709551615\n");
}

TEST(Exposition, SecondsAreExact) {
  Exposition out;
  out.Family("s", Type::kGauge, "time");
  for (const engine::Duration time : {engine::Duration(0s), engine::Duration(1500ms),
                                      engine::Duration(-3us), engine::Duration(1h)}) {
    out.Sample(time);
  }
  EXPECT_THAT(out.text(), HasSubstr("\ns 0\ns 1.5\ns -0.000003\ns 3600\n"));
}

TEST(Exposition, WhatWouldEndALineOrALabelIsEscaped) {
  Exposition out;
  out.Family("a", Type::kGauge, "one\\two\nthree \"four\"");
  out.Sample(1, {{"rule", "x\\y\nz\"{}"}});
  EXPECT_EQ(out.text(),
            "# HELP a one\\\\two\\nthree \"four\"\n"
            "# TYPE a gauge\n"
            "a{rule=\"x\\\\y\\nz\\\"{}\"} 1\n");
}

TEST(Exposition, BucketsOfAHistogramAddUp) {
  engine::Histogram histogram;
  histogram.Add(50us);
  histogram.Add(200us);
  histogram.Add(2h);
  Exposition out;
  out.Family("h", Type::kHistogram, "times");
  out.Sample(histogram, {{"rule", ""}});
  EXPECT_THAT(out.text(), HasSubstr("h_bucket{rule=\"\",le=\"0.0001\"} 1\n"
                                    "h_bucket{rule=\"\",le=\"0.0003\"} 2\n"
                                    "h_bucket{rule=\"\",le=\"0.001\"} 2\n"));
  EXPECT_THAT(out.text(), HasSubstr("h_bucket{rule=\"\",le=\"3600\"} 2\n"
                                    "h_bucket{rule=\"\",le=\"+Inf\"} 3\n"
                                    "h_sum{rule=\"\"} 7200.00025\n"
                                    "h_count{rule=\"\"} 3\n"));
}

}  // namespace
}  // namespace redlockd::metrics
