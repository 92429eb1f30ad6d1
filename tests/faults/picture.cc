#include "tests/faults/picture.h"

#include <algorithm>
#include <map>

#include "tests/faults/client.h"
#include "tests/faults/fleet.h"
#include "tests/faults/svg.h"

namespace redlockd::test::faults {
namespace {

constexpr double kLeft = 110, kRight = 30, kTop = 92;
constexpr double kLockRow = 34, kRow = 22, kThinRow = 9, kGap = 14;

constexpr std::string_view kDaemonColours[] = {"#4477aa", "#228833", "#ee8866", "#aa3377",
                                               "#66aacc"};
constexpr std::string_view kRed = "#cc3311", kGrey = "#777777", kAmber = "#ddaa33",
                           kPurple = "#8866bb", kPink = "#f3c6bd";

std::string_view DaemonColour(const std::string& who) {
  return kDaemonColours[(std::stoul(who.substr(1)) - 1) % std::size(kDaemonColours)];
}

// What it does to its target: takes memory or life, time, connections, or the right time.
std::string_view ColourOf(const std::string& kind) {
  if (kind.starts_with("kill") || kind == "flushall" || kind == "drain-daemon") return kRed;
  if (kind.starts_with("clock")) return kPurple;
  if (kind == "hang" || kind == "client-pause" || kind.starts_with("stop")) return kGrey;
  return kAmber;
}

class Picture {
 public:
  Picture(const Plan& plan, const Story& story)
      : plan_(plan),
        story_(story),
        seconds_(Seconds(story.end - story.begin)),
        scale_(std::clamp(12000 / std::max(seconds_, 1.0), 8.0, 60.0)),
        right_(kLeft + seconds_ * scale_) {}

  std::string Draw(const std::string& verdict) {
    const double width = right_ + kRight;
    DrawHeader(verdict);
    for (const std::string_view lock : kContended) DrawLock(std::string(lock));
    for (std::size_t c = 1; c < Fleet::kPerDaemon; ++c) DrawLock("kept-" + std::to_string(c));
    y_ += kGap;
    for (std::size_t node = 1; node <= plan_.nodes; ++node) DrawNode("node" + std::to_string(node));
    y_ += kGap;
    for (std::size_t d = 1; d <= plan_.daemons; ++d) DrawDaemon("d" + std::to_string(d));
    DrawAxis();
    return svg_.Finish(std::max(width, 900.0), y_ + 30);
  }

 private:
  static double Seconds(Duration time) { return static_cast<double>(time.count()) / 1e9; }
  double X(Duration at) const {
    return std::clamp(kLeft + Seconds(at - story_.begin) * scale_, kLeft, right_);
  }

  void DrawHeader(const std::string& verdict) {
    svg_.Text(16, 26, 17, "redlockd under faults, seed " + std::to_string(plan_.seed), "#111111");
    svg_.Text(16, 46, 12, verdict, verdict.find("FAIL") == std::string::npos ? "#228833" : kRed);
    double x = 16;
    const auto legend = [&](std::string_view colour, std::string_view text) {
      svg_.Box(x, 60, 12, 12, colour);
      svg_.Text(x + 17, 70, 11, text);
      x += 32 + 6.6 * static_cast<double>(text.size());
    };
    for (std::size_t d = 0; d < plan_.daemons; ++d) {
      legend(kDaemonColours[d % std::size(kDaemonColours)], "held by d" + std::to_string(d + 1));
    }
    legend(kRed, "killed, memory taken");
    legend(kPink, "quarantine");
    legend(kGrey, "stopped");
    legend(kAmber, "connections");
    legend(kPurple, "clock");
    const auto mark = [&](std::string_view text) {
      svg_.Text(x + 10, 70, 11, text);
      x += 30 + 6.6 * static_cast<double>(text.size());
    };
    svg_.Arrow(x + 2, 70, kRed, "");
    mark("LOST");
    svg_.Arrow(x + 2, 70, kAmber, "");
    mark("JEOPARDY");
    svg_.Cross(x + 2, 66, kRed, "");
    mark("stale write refused");
    y_ = kTop;
  }

  void Label(const std::string& text, double height) {
    svg_.Text(kLeft - 10, y_ + height / 2 + 4, 12, text, "#333333", Svg::Align::kRight);
  }

  // The holders from left to right. What is too short to be seen is not drawn twice at one place.
  void DrawLock(const std::string& lock) {
    Label(lock, kLockRow);
    svg_.Box(kLeft, y_ + 10, right_ - kLeft, kLockRow - 14, "#f4f4f4");
    std::map<std::string, double> drawn;  // by daemon, up to where
    for (const Hold& hold : story_.holds) {
      if (hold.lock != lock || hold.until() < hold.from) continue;
      const double from = X(hold.from), to = std::max(X(hold.until()), from + 0.7);
      double& already = drawn[DaemonOf(hold.who)];
      if (to <= already) continue;
      already = to;
      svg_.Box(from, y_ + 10, to - from, kLockRow - 14, DaemonColour(hold.who),
               to - from < 2 ? "" : hold.who + ", fence " + std::to_string(hold.fence));
    }
    std::map<char, double> marked;  // by kind, up to where
    for (const Span& mark : story_.marks) {
      if (!mark.what.ends_with(' ' + lock)) continue;
      if (X(mark.from) < marked[mark.what[0]]) continue;
      marked[mark.what[0]] = X(mark.from) + 5;
      const std::string title = mark.who + ": " + mark.what + " at " + ToText(mark.from);
      if (mark.what.starts_with("LOST")) svg_.Arrow(X(mark.from), y_ + 9, kRed, title);
      if (mark.what.starts_with("JEOPARDY")) svg_.Arrow(X(mark.from), y_ + 9, kAmber, title);
      if (mark.what.starts_with("REFUSED")) {
        svg_.Cross(X(mark.from), y_ + kLockRow - 6, kRed, title);
      }
    }
    y_ += kLockRow;
  }

  void DrawNode(const std::string& node) {
    Label(node, kRow);
    svg_.Box(kLeft, y_ + 3, right_ - kLeft, kRow - 6, "#f4f4f4");
    for (const Span& fault : story_.faults) {
      const bool memory = fault.what.starts_with("kill") || fault.what == "flushall" ||
                          fault.what == "clock-far-back";
      if (fault.who != node || !memory) continue;
      const double from = X(fault.to);
      svg_.Box(from, y_ + 3, X(fault.to + kQuarantine) - from, kRow - 6, kPink);
    }
    DrawFaults(node, y_ + 3, kRow - 6);
    y_ += kRow;
  }

  void DrawFaults(const std::string& who, double y, double height) {
    for (const Span& fault : story_.faults) {
      if (fault.who != who) continue;
      const Duration to = std::min(fault.to, story_.end);
      const double from = X(fault.from), width = std::max(X(to) - from, 2.0);
      svg_.Box(from, y, width, height, ColourOf(fault.what),
               fault.what + ' ' + ToText(fault.from) + " .. " + ToText(to));
      const double text = 6.2 * static_cast<double>(fault.what.size());
      const bool inside = text + 6 < width;
      if (height < 12 || (!inside && X(NextFault(who, fault.from)) < from + width + text)) continue;
      svg_.Text(inside ? from + 4 : from + width + 2, y + height - 4, 9.5, fault.what,
                inside ? "white" : "#555555");
    }
  }

  Duration NextFault(const std::string& who, Duration behind) const {
    for (const Span& fault : story_.faults) {
      if (fault.who == who && fault.from > behind) return fault.from;
    }
    return Duration::max() / 2;
  }

  // The daemon's own faults; under it its clients, each a thin row, and its links, likewise.
  void DrawDaemon(const std::string& daemon) {
    Label(daemon, kRow);
    svg_.Box(kLeft, y_ + 3, right_ - kLeft, kRow - 6, "#f4f4f4");
    DrawFaults(daemon, y_ + 3, kRow - 6);
    y_ += kRow;
    for (std::size_t c = 1; c < Fleet::kPerDaemon; ++c) {
      ThinRow("client " + std::to_string(c),
              [&](double y) { DrawFaults(daemon + 'c' + std::to_string(c), y, kThinRow - 2); });
    }
    ThinRow("redlock run", [&](double y) { DrawFaults(daemon + "run", y, kThinRow - 2); });
    for (std::size_t node = 1; node <= plan_.nodes; ++node) {
      const std::string to = "node" + std::to_string(node);
      ThinRow("to " + to, [&](double y) { DrawLink(daemon + '-' + to, y); });
    }
    y_ += kGap;
  }

  template <typename Content>
  void ThinRow(const std::string& label, Content content) {
    svg_.Text(kLeft - 10, y_ + kThinRow - 1.5, 8, label, "#777777", Svg::Align::kRight);
    svg_.Line(kLeft, y_ + kThinRow / 2, right_, y_ + kThinRow / 2, "#eeeeee");
    content(y_ + 1);
    y_ += kThinRow;
  }

  void DrawLink(const std::string& link, double y) {
    for (const Span& fault : story_.faults) {
      if ((',' + fault.who + ',').find(',' + link + ',') == std::string::npos) continue;
      const double from = X(fault.from), to = X(std::min(fault.to, story_.end));
      svg_.Box(from, y, std::max(to - from, 2.0), kThinRow - 2, kAmber,
               fault.what + ' ' + ToText(fault.from) + " .. " + ToText(fault.to));
    }
  }

  void DrawAxis() {
    const std::chrono::seconds step(scale_ >= 30 ? 1 : scale_ >= 15 ? 5 : 10);
    // The first that is a multiple of the step; in the history's time.
    Duration at = (story_.begin + step - 1ns) / step * step;
    for (; at <= story_.end; at += step) {
      svg_.Line(X(at), kTop, X(at), y_, "#00000018");
      svg_.Text(X(at), y_ + 14, 10, std::to_string(at / 1s) + " s", "#777777", Svg::Align::kMiddle);
    }
  }

  const Plan& plan_;
  const Story& story_;
  const double seconds_, scale_, right_;
  double y_ = 0;
  Svg svg_;
};

}  // namespace

std::string MakeSvg(const Plan& plan, const Story& story, const std::string& verdict) {
  return Picture(plan, story).Draw(verdict);
}

}  // namespace redlockd::test::faults
