#include "imaging/transform.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cmath>

#include "tests/imaging/support.h"
#include "tests/support/golden.h"

namespace larmor::imaging {
namespace {

rc::Gen<double> between(double low, double high) {
  return rc::gen::map(rc::gen::inRange(0, 1000001), [=](int i) { return low + (high - low) * i / 1e6; });
}

rc::Gen<Point> any_point(double most) {
  return rc::gen::map(rc::gen::tuple(between(-most, most), between(-most, most), between(-most, most)), [](const auto& t) {
    return Point{std::get<0>(t), std::get<1>(t), std::get<2>(t)};
  });
}

double distance(const Point& a, const Point& b) { return std::hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]); }

RC_GTEST_PROP(TransformTest, InverseAndCompositionUndo, ()) {
  AffineTransform transform = rigid_transform(*any_point(180), *any_point(100), *any_point(100));
  for (size_t i = 0; i < 9; ++i) transform.matrix[i] *= *between(0.9, 1.1);
  RC_PRE(std::abs(determinant_of(transform)) > 0.05);
  const Point point = *any_point(200);
  RC_ASSERT(distance(map_point(inverse_of(transform), map_point(transform, point)), point) < 1e-8);
  const AffineTransform both = compose(inverse_of(transform), transform);
  RC_ASSERT(distance(map_point(both, point), point) < 1e-8);
}

RC_GTEST_PROP(TransformTest, FilesKeepRigidAndAffine, (bool rigid)) {
  AffineTransform transform = rigid_transform(*any_point(180), *any_point(100), *any_point(100));
  if (!rigid) transform.matrix[1] += 0.3;
  RC_PRE(std::abs(determinant_of(transform)) > 0.05);
  const std::string text = format_transform(transform);
  RC_ASSERT((text.find("Euler3DTransform_double_3_3") != std::string::npos) == rigid);
  const AffineTransform back = parse_transform(text, "a.tfm");
  const Point point = *any_point(200);
  RC_ASSERT(distance(map_point(back, point), map_point(transform, point)) < 1e-6);
  RC_ASSERT(back.centre_mm == transform.centre_mm);
}

TEST(TransformTest, AnglesOfRotations) {
  EXPECT_EQ(rotation_angle_deg({}), 0);
  for (const double angle : {1e-6, 0.3, 45.0, 90.0, 179.0}) {
    EXPECT_NEAR(rotation_angle_deg(rigid_transform({0, angle, 0}, {}, {})), angle, 1e-9) << angle;
  }
  EXPECT_TRUE(is_rigid(rigid_transform({10, 20, 30}, {1, 2, 3}, {})));
  EXPECT_FALSE(is_rigid({{-1, 0, 0, 0, 1, 0, 0, 0, 1}, {}, {}}));
}

TEST(TransformTest, IndicesToPoints) {
  const Geometry geometry{{0.5, 2, 4}, {-10, 20, 30}, {0, 0, -1, -1, 0, 0, 0, 1, 0}, true};
  const Point expected = {-10 - 3 * 4, 20 - 1 * 0.5, 30 + 2 * 2};
  EXPECT_EQ(map_point(index_to_point(geometry), {1, 2, 3}), expected);
}

/// Values that ITK's own classes give for the same parameters (Euler3DTransform without its flag turns y first, then x).
TEST(TransformTest, ReadsWhatOthersWrite) {
  const std::string head = "#Insight Transform File V1.0\n#Transform 0\n";
  struct Case {
    const char* body;
    Point expected;  ///< of the point (1, 2, 3)
  };
  const double h = std::sqrt(0.5);
  const Case cases[] = {
      {"Transform: AffineTransform_double_3_3\nParameters: 0 -1 0 1 0 0 0 0 2 10 20 30\nFixedParameters: 0 0 0\n", {8, 21, 36}},
      {"Transform: MatrixOffsetTransformBase_float_3_3\r\nParameters: 2 0 0 0 2 0 0 0 2 0 0 0\r\nFixedParameters: 1 1 1\r\n", {1, 3, 5}},
      {"Transform: Euler3DTransform_double_3_3\nParameters: 0 0 1.5707963267948966 1 0 0\nFixedParameters: 0 0 0 0\n", {-1, 1, 3}},
      {"Transform: Euler3DTransform_double_3_3\nParameters: 1.5707963267948966 1.5707963267948966 0 0 0 0\nFixedParameters: 0 0 0\n",
       {3, 1, 2}},
      {"Transform: Euler3DTransform_double_3_3\nParameters: 1.5707963267948966 1.5707963267948966 0 0 0 0\nFixedParameters: 0 0 0 1\n",
       {2, -3, -1}},
      {"Transform: TranslationTransform_double_3_3\nParameters: 1 2 3\nFixedParameters:\n", {2, 4, 6}},
  };
  for (const Case& one : cases) {
    const Point point = map_point(parse_transform(head + one.body, "a.tfm"), {1, 2, 3});
    EXPECT_LT(distance(point, one.expected), 1e-12) << one.body << point[0] << " " << point[1] << " " << point[2];
  }
  const std::string versor =
      head + "Transform: VersorRigid3DTransform_double_3_3\nParameters: 0 0 " + std::to_string(h) + " 0 0 0\nFixedParameters: 0 0 0\n";
  EXPECT_LT(distance(map_point(parse_transform(versor, "a.tfm"), {1, 2, 3}), {-2, 1, 3}), 1e-5);
}

TEST(TransformTest, ReadsBackItsFile) {
  const auto file = testing::make_temporary_folder("transform") / "a.tfm";
  const AffineTransform transform = rigid_transform({1, 2, 3}, {4, 5, 6}, {7, 8, 9});
  write_transform(file, transform);
  EXPECT_LT(distance(map_point(read_transform(file), {10, 20, 30}), map_point(transform, {10, 20, 30})), 1e-12);
}

TEST(TransformError, NamesWhatIsWrong) {
  const std::string head = "#Insight Transform File V1.0\n";
  const std::pair<std::string, std::string> cases[] = {
      {"", "is not an ITK transform file: its first line is not '#Insight Transform File V1.0'"},
      {head, "holds no transform"},
      {head + "Transform: CompositeTransform_double_3_3\n",
       "transform 'CompositeTransform_double_3_3' is not supported; allowed: AffineTransform, MatrixOffsetTransformBase, Euler3DTransform, "
       "VersorRigid3DTransform, TranslationTransform of double or float in 3 dimensions"},
      {head + "Transform: Euler3DTransform_double_3_3\nParameters: 1 2\n", "Euler3DTransform_double_3_3 needs 6 parameters, not 2"},
      {head + "Transform: Euler3DTransform_double_3_3\nParameters: 1 2 3 4 5 6\nFixedParameters: 1\n",
       "Euler3DTransform_double_3_3 needs 3 fixed parameters, not 1"},
      {head + "Transform: AffineTransform_double_3_3\nParameters: 1 2 x\n", "'x' is no number"},
      {head + "Transform: AffineTransform_double_3_3\nParameters: 1 nan\n", "'nan' is no number"},
      {head + "Parameters: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17\n", "more than 16 parameters; allowed: one linear transform"},
      {head + "Transform: a\nTransform: b\n", "holds several transforms; allowed: one linear transform"},
      {head + "Colour: red\n", "unknown key 'Colour'; allowed: Transform, Parameters, FixedParameters"},
      {head + "red\n", "'red' is no line of a transform file"},
      {head + "Transform: AffineTransform_double_3_3\nParameters: 0 0 0 0 0 0 0 0 0 0 0 0\nFixedParameters: 0 0 0\n",
       "its matrix cannot be inverted"},
      {head + "Transform: VersorRigid3DTransform_double_3_3\nParameters: 1 1 0 0 0 0\nFixedParameters: 0 0 0\n",
       "its versor is longer than 1"},
  };
  for (const auto& [text, message] : cases) {
    EXPECT_EQ(testing::data_error([&, content = text] { parse_transform(content, "a.tfm"); }), "a.tfm: " + message);
  }
}

}  // namespace
}  // namespace larmor::imaging
