// Affine maps of space (LPS, millimetres) and their files.
//
// A registration maps a point of the fixed image to the point of the moving image that shows the same tissue, as ITK and 3D Slicer do.
// Files are ITK's text format (.tfm), which both of them read and write.
#pragma once
#include <array>
#include <filesystem>
#include <string>
#include <string_view>

#include "imaging/image.h"

namespace larmor::imaging {

using Point = std::array<double, 3>;

/// x -> matrix (x - centre) + centre + translation; `matrix` is row-major. The centre changes nothing but how a file reads.
struct AffineTransform {
  std::array<double, 9> matrix{1, 0, 0, 0, 1, 0, 0, 0, 1};
  Point translation_mm{0, 0, 0};
  Point centre_mm{0, 0, 0};
  bool operator==(const AffineTransform&) const = default;
};

Point map_point(const AffineTransform& transform, const Point& point);
/// The point that the transform maps the origin to: its translation when it is written without a centre.
Point offset_of(const AffineTransform& transform);
/// `outer` after `inner`; the centre is the origin.
AffineTransform compose(const AffineTransform& outer, const AffineTransform& inner);
/// The centre is the origin. The matrix must be invertible (assertion).
AffineTransform inverse_of(const AffineTransform& transform);
double determinant_of(const AffineTransform& transform);

/// Voxel indices to points: direction times spacing, then the origin.
AffineTransform index_to_point(const Geometry& geometry);

/// Rotation about x, then y, then z (Rz Ry Rx) by angles in degrees, about a centre, then a shift.
AffineTransform rigid_transform(const std::array<double, 3>& angles_deg, const Point& translation_mm, const Point& centre_mm);
bool is_rigid(const AffineTransform& transform);
/// The one angle of a rigid transform's rotation, 0 … 180.
double rotation_angle_deg(const AffineTransform& transform);

/// The text of a .tfm file: Euler3DTransform where the transform is rigid, else AffineTransform, both of double. Reading it back gives the
/// same up to rounding in the last digits.
std::string format_transform(const AffineTransform& transform);
/// One linear transform: AffineTransform, MatrixOffsetTransformBase, Euler3DTransform, VersorRigid3DTransform or TranslationTransform, of
/// double or float. Error (data) for anything else, for several transforms and for a matrix that cannot be inverted.
AffineTransform parse_transform(std::string_view text, const std::string& name);

void write_transform(const std::filesystem::path& file, const AffineTransform& transform);  ///< atomically; Error (run) when it fails
AffineTransform read_transform(const std::filesystem::path& file);

}  // namespace larmor::imaging
