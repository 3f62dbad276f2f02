// Numbers as tables print them. Internal to report/.
#pragma once
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "core/csv.h"

namespace larmor::report {

inline constexpr const char* kNothing = "–";

/// ".774", "1.000", "−.003": as papers print numbers below 1; "–" for what is not finite.
inline std::string short_number(double value, int digits = 3) {
  if (!std::isfinite(value)) return kNothing;
  std::string text = fmt::format("{:.{}f}", std::abs(value), digits);
  const bool is_zero = text.find_first_not_of("0.") == std::string::npos;
  if (text.starts_with("0.")) text.erase(0, 1);
  return value < 0 && !is_zero ? "−" + text : text;
}

/// ".70", ".975": with two digits after the point, or as many as tell it from every other number.
inline std::string exact_number(double value) {
  std::string shortest = fmt::format("{}", value);
  if (shortest.find('e') != std::string::npos) return shortest;
  const size_t point = shortest.find('.');
  const size_t digits = point == std::string::npos ? 0 : shortest.size() - point - 1;
  return short_number(value, static_cast<int>(std::max<size_t>(2, digits)));
}

/// In full for machines, "" for what is not finite.
inline std::string number_or_empty(double value) { return std::isfinite(value) ? csv_number(value) : ""; }

}  // namespace larmor::report
