// A drawing of so many pixels, element by element.
#pragma once

#include <string>
#include <string_view>

namespace redlockd::test::faults {

class Svg {
 public:
  // `title`: shown where the pointer is; "" for none.
  void Box(double x, double y, double width, double height, std::string_view colour,
           std::string_view title = {}, double opacity = 1);
  void Line(double x1, double y1, double x2, double y2, std::string_view colour);
  // A triangle that points down to (x, y), or a cross at it.
  void Arrow(double x, double y, std::string_view colour, std::string_view title);
  void Cross(double x, double y, std::string_view colour, std::string_view title);
  enum class Align { kLeft, kMiddle, kRight };
  void Text(double x, double y, double size, std::string_view text,
            std::string_view colour = "#333333", Align align = Align::kLeft);

  std::string Finish(double width, double height) const;

 private:
  std::string body_;
};

}  // namespace redlockd::test::faults
