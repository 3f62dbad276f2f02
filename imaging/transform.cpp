#include "imaging/transform.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <numbers>
#include <vector>

#include "core/error.h"
#include "core/files.h"

namespace larmor::imaging {

namespace {

using Matrix = std::array<double, 9>;

Point rotated(const Matrix& m, const Point& p) {
  return {m[0] * p[0] + m[1] * p[1] + m[2] * p[2], m[3] * p[0] + m[4] * p[1] + m[5] * p[2], m[6] * p[0] + m[7] * p[1] + m[8] * p[2]};
}

Matrix times(const Matrix& a, const Matrix& b) {
  Matrix product{};
  for (size_t i = 0; i < 3; ++i) {
    for (size_t j = 0; j < 3; ++j) product[3 * i + j] = a[3 * i] * b[j] + a[3 * i + 1] * b[3 + j] + a[3 * i + 2] * b[6 + j];
  }
  return product;
}

/// Rz Ry Rx, or Rz Rx Ry as ITK's Euler transform has it without its flag.
Matrix rotation_of(double x, double y, double z, bool is_zyx) {
  const Matrix about_x = {1, 0, 0, 0, std::cos(x), -std::sin(x), 0, std::sin(x), std::cos(x)};
  const Matrix about_y = {std::cos(y), 0, std::sin(y), 0, 1, 0, -std::sin(y), 0, std::cos(y)};
  const Matrix about_z = {std::cos(z), -std::sin(z), 0, std::sin(z), std::cos(z), 0, 0, 0, 1};
  return is_zyx ? times(about_z, times(about_y, about_x)) : times(about_z, times(about_x, about_y));
}

/// The angles of Rz Ry Rx in radians; at its pole z is taken as 0.
std::array<double, 3> angles_of(const Matrix& m) {
  const double y = std::asin(std::clamp(-m[6], -1.0, 1.0));
  if (std::abs(std::cos(y)) < 1e-9) return {std::atan2(-m[5], m[4]), y, 0};
  return {std::atan2(m[7], m[8]), y, std::atan2(m[3], m[0])};
}

/// From the vector part of a unit quaternion.
Matrix rotation_of_versor(double x, double y, double z) {
  const double w = std::sqrt(std::max(0.0, 1 - x * x - y * y - z * z));
  return {1 - 2 * (y * y + z * z), 2 * (x * y - z * w),     2 * (x * z + y * w),  //
          2 * (x * y + z * w),     1 - 2 * (x * x + z * z), 2 * (y * z - x * w),  //
          2 * (x * z - y * w),     2 * (y * z + x * w),     1 - 2 * (x * x + y * y)};
}

/// What a .tfm file says of its one transform.
struct Stored {
  std::string type;
  std::vector<double> parameters;
  std::vector<double> fixed;
};

[[noreturn]] void refuse(const std::string& name, const std::string& message) { throw_data_error(fmt::format("{}: {}", name, message)); }

std::string_view trimmed(std::string_view text) {
  const auto is_blank = [](char c) { return c == ' ' || c == '\t' || c == '\r'; };
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

std::vector<double> parse_numbers(std::string_view text, const std::string& name) {
  constexpr size_t kMost = 16;  // 12 parameters are the most of any transform that is read
  std::vector<double> numbers;
  for (text = trimmed(text); !text.empty(); text = trimmed(text)) {
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    const std::string_view word = text.substr(0, text.find_first_of(" \t\r"));
    if (error != std::errc() || end != word.data() + word.size() || !std::isfinite(value)) {
      refuse(name, fmt::format("{} is no number", in_quotes(word)));
    }
    numbers.push_back(value);
    if (numbers.size() > kMost) refuse(name, fmt::format("more than {} parameters; allowed: one linear transform", kMost));
    text.remove_prefix(word.size());
  }
  return numbers;
}

Stored parse_lines(std::string_view text, const std::string& name) {
  constexpr std::string_view kTitle = "#Insight Transform File V1.0";
  if (!text.starts_with(kTitle)) refuse(name, fmt::format("is not an ITK transform file: its first line is not '{}'", kTitle));
  Stored stored;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    const std::string_view line = trimmed(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    const size_t colon = line.find(':');
    if (line.empty() || line.front() == '#') continue;
    if (colon == std::string_view::npos) refuse(name, fmt::format("{} is no line of a transform file", in_quotes(line)));
    const std::string_view key = trimmed(line.substr(0, colon));
    const std::string_view value = trimmed(line.substr(colon + 1));
    if (key == "Transform") {
      if (!stored.type.empty()) refuse(name, "holds several transforms; allowed: one linear transform");
      stored.type = value;
    } else if (key == "Parameters") {
      stored.parameters = parse_numbers(value, name);
    } else if (key == "FixedParameters") {
      stored.fixed = parse_numbers(value, name);
    } else {
      refuse(name, fmt::format("unknown key {}; allowed: Transform, Parameters, FixedParameters", in_quotes(key)));
    }
  }
  return stored;
}

void check_counts(const Stored& stored, size_t parameters, size_t fixed_least, size_t fixed_most, const std::string& name) {
  if (stored.parameters.size() != parameters) {
    refuse(name, fmt::format("{} needs {} parameters, not {}", stored.type, parameters, stored.parameters.size()));
  }
  if (stored.fixed.size() < fixed_least || stored.fixed.size() > fixed_most) {
    refuse(name, fmt::format("{} needs {} fixed parameters, not {}", stored.type, fixed_least, stored.fixed.size()));
  }
}

AffineTransform transform_of(const Stored& stored, const std::string& name) {
  std::string_view type = stored.type;
  for (const std::string_view suffix : {"_double_3_3", "_float_3_3"}) {
    if (type.ends_with(suffix)) type.remove_suffix(suffix.size());
  }
  const std::vector<double>& p = stored.parameters;
  AffineTransform transform;
  const auto take_rest = [&](size_t first) {
    std::copy_n(p.begin() + static_cast<int64_t>(first), 3, transform.translation_mm.begin());
    std::copy_n(stored.fixed.begin(), 3, transform.centre_mm.begin());
  };
  if (type == "AffineTransform" || type == "MatrixOffsetTransformBase") {
    check_counts(stored, 12, 3, 3, name);
    std::copy_n(p.begin(), 9, transform.matrix.begin());
    take_rest(9);
  } else if (type == "Euler3DTransform") {
    check_counts(stored, 6, 3, 4, name);
    transform.matrix = rotation_of(p[0], p[1], p[2], stored.fixed.size() == 4 && stored.fixed[3] != 0);
    take_rest(3);
  } else if (type == "VersorRigid3DTransform") {
    check_counts(stored, 6, 3, 3, name);
    if (std::hypot(p[0], p[1], p[2]) > 1 + 1e-6) refuse(name, "its versor is longer than 1");
    transform.matrix = rotation_of_versor(p[0], p[1], p[2]);
    take_rest(3);
  } else if (type == "TranslationTransform") {
    check_counts(stored, 3, 0, 3, name);
    std::copy_n(p.begin(), 3, transform.translation_mm.begin());
  } else {
    refuse(name, fmt::format("transform {} is not supported; allowed: AffineTransform, MatrixOffsetTransformBase, Euler3DTransform, "
                             "VersorRigid3DTransform, TranslationTransform of double or float in 3 dimensions",
                             in_quotes(stored.type)));
  }
  return transform;
}

}  // namespace

Point map_point(const AffineTransform& transform, const Point& point) {
  const Point& c = transform.centre_mm;
  Point moved = rotated(transform.matrix, {point[0] - c[0], point[1] - c[1], point[2] - c[2]});
  for (size_t i = 0; i < 3; ++i) moved[i] += c[i] + transform.translation_mm[i];
  return moved;
}

Point offset_of(const AffineTransform& transform) { return map_point(transform, {0, 0, 0}); }

AffineTransform compose(const AffineTransform& outer, const AffineTransform& inner) {
  return {times(outer.matrix, inner.matrix), map_point(outer, offset_of(inner)), {}};
}

double determinant_of(const AffineTransform& transform) {
  const Matrix& m = transform.matrix;
  return m[0] * (m[4] * m[8] - m[5] * m[7]) - m[1] * (m[3] * m[8] - m[5] * m[6]) + m[2] * (m[3] * m[7] - m[4] * m[6]);
}

AffineTransform inverse_of(const AffineTransform& transform) {
  const Matrix& m = transform.matrix;
  const double d = determinant_of(transform);
  LARMOR_ASSERT(d != 0);
  AffineTransform inverse;
  inverse.matrix = {(m[4] * m[8] - m[5] * m[7]) / d, (m[2] * m[7] - m[1] * m[8]) / d, (m[1] * m[5] - m[2] * m[4]) / d,
                    (m[5] * m[6] - m[3] * m[8]) / d, (m[0] * m[8] - m[2] * m[6]) / d, (m[2] * m[3] - m[0] * m[5]) / d,
                    (m[3] * m[7] - m[4] * m[6]) / d, (m[1] * m[6] - m[0] * m[7]) / d, (m[0] * m[4] - m[1] * m[3]) / d};
  const Point offset = rotated(inverse.matrix, offset_of(transform));
  for (size_t i = 0; i < 3; ++i) inverse.translation_mm[i] = -offset[i];
  return inverse;
}

AffineTransform index_to_point(const Geometry& geometry) {
  AffineTransform transform;
  for (size_t i = 0; i < 9; ++i) transform.matrix[i] = geometry.direction[i] * geometry.spacing_mm[i % 3];
  transform.translation_mm = geometry.origin_mm;
  return transform;
}

AffineTransform rigid_transform(const std::array<double, 3>& angles_deg, const Point& translation_mm, const Point& centre_mm) {
  constexpr double kRadians = std::numbers::pi / 180;
  return {rotation_of(angles_deg[0] * kRadians, angles_deg[1] * kRadians, angles_deg[2] * kRadians, true), translation_mm, centre_mm};
}

bool is_rigid(const AffineTransform& transform) {
  constexpr double kTolerance = 1e-9;  // of a rotation that was computed, not read from a rounded file
  const Matrix& m = transform.matrix;
  for (size_t i = 0; i < 3; ++i) {
    for (size_t j = 0; j < 3; ++j) {
      const double dot = m[i] * m[j] + m[3 + i] * m[3 + j] + m[6 + i] * m[6 + j];
      if (std::abs(dot - (i == j ? 1 : 0)) > kTolerance) return false;
    }
  }
  return determinant_of(transform) > 0;
}

double rotation_angle_deg(const AffineTransform& transform) {
  const Matrix& m = transform.matrix;
  const double sine = std::hypot(m[7] - m[5], m[2] - m[6], m[3] - m[1]);  // exact for small angles, where the cosine is flat
  return std::atan2(sine, m[0] + m[4] + m[8] - 1) * 180 / std::numbers::pi;
}

std::string format_transform(const AffineTransform& transform) {
  std::vector<double> parameters(transform.matrix.begin(), transform.matrix.end());
  std::vector<double> fixed(transform.centre_mm.begin(), transform.centre_mm.end());
  const bool rigid = is_rigid(transform);
  if (rigid) {
    const auto angles = angles_of(transform.matrix);
    parameters.assign(angles.begin(), angles.end());
    fixed.push_back(1);  // the order of the angles: Rz Ry Rx
  }
  parameters.insert(parameters.end(), transform.translation_mm.begin(), transform.translation_mm.end());
  return fmt::format("#Insight Transform File V1.0\n#Transform 0\nTransform: {}_double_3_3\nParameters: {}\nFixedParameters: {}\n",
                     rigid ? "Euler3DTransform" : "AffineTransform", fmt::join(parameters, " "), fmt::join(fixed, " "));
}

AffineTransform parse_transform(std::string_view text, const std::string& name) {
  const Stored stored = parse_lines(text, name);
  if (stored.type.empty()) refuse(name, "holds no transform");
  const AffineTransform transform = transform_of(stored, name);
  const double determinant = determinant_of(transform);
  if (!std::isfinite(determinant) || std::abs(determinant) < 1e-12) refuse(name, "its matrix cannot be inverted");
  return transform;
}

void write_transform(const std::filesystem::path& file, const AffineTransform& transform) {
  write_file_atomically(file, format_transform(transform));
}

AffineTransform read_transform(const std::filesystem::path& file) { return parse_transform(read_file(file), file.string()); }

}  // namespace larmor::imaging
