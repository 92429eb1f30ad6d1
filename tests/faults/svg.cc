#include "tests/faults/svg.h"

#include <cstdio>

namespace redlockd::test::faults {
namespace {

std::string N(double number) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f", number);
  return text;
}

std::string Escaped(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    escaped += c == '<' ? "&lt;" : c == '>' ? "&gt;" : c == '&' ? "&amp;" : std::string(1, c);
  }
  return escaped;
}

std::string End(std::string_view element, std::string_view title) {
  if (title.empty()) return "/>\n";
  return "><title>" + Escaped(title) + "</title></" + std::string(element) + ">\n";
}

}  // namespace

void Svg::Box(double x, double y, double width, double height, std::string_view colour,
              std::string_view title, double opacity) {
  body_ += "<rect x='" + N(x) + "' y='" + N(y) + "' width='" + N(width) + "' height='" + N(height) +
           "' fill='" + std::string(colour) + '\'';
  if (opacity < 1) body_ += " opacity='" + N(opacity) + '\'';
  body_ += End("rect", title);
}

void Svg::Line(double x1, double y1, double x2, double y2, std::string_view colour) {
  body_ += "<path d='M" + N(x1) + ' ' + N(y1) + 'L' + N(x2) + ' ' + N(y2) + "' stroke='" +
           std::string(colour) + "'/>\n";
}

void Svg::Arrow(double x, double y, std::string_view colour, std::string_view title) {
  body_ += "<path d='M" + N(x) + ' ' + N(y) + "l-4 -8h8z' fill='" + std::string(colour) + '\'' +
           End("path", title);
}

void Svg::Cross(double x, double y, std::string_view colour, std::string_view title) {
  body_ += "<path d='M" + N(x - 3.5) + ' ' + N(y - 3.5) +
           "l7 7m0 -7l-7 7' stroke-width='2' stroke='" + std::string(colour) + '\'' +
           End("path", title);
}

void Svg::Text(double x, double y, double size, std::string_view text, std::string_view colour,
               Align align) {
  constexpr std::string_view kAnchors[] = {"start", "middle", "end"};
  body_ += "<text x='" + N(x) + "' y='" + N(y) + "' font-size='" + N(size) + "' fill='" +
           std::string(colour) + "' text-anchor='" +
           std::string(kAnchors[static_cast<std::size_t>(align)]) + "'>" + Escaped(text) +
           "</text>\n";
}

std::string Svg::Finish(double width, double height) const {
  return "<svg xmlns='http://www.w3.org/2000/svg' width='" + N(width) + "' height='" + N(height) +
         "' font-family='DejaVu Sans, Helvetica, sans-serif'>\n<rect width='100%' height='100%' "
         "fill='white'/>\n" +
         body_ + "</svg>\n";
}

}  // namespace redlockd::test::faults
