#include "imaging/nifti.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <optional>

#include "core/error.h"
#include "core/files.h"
#include "imaging/gzip.h"

namespace larmor::imaging {

namespace {

constexpr size_t kHeaderSize = 348;
constexpr size_t kVoxelStart = 352;  // the header and four bytes that tell of extensions
constexpr int64_t kLongestSide = 32767;
constexpr int kPackLevel = 1;  // MRI hardly packs better at higher levels, but much slower

/// Byte offsets in the header.
namespace at {
constexpr size_t kSizeOfHeader = 0, kRegular = 38, kDim = 40, kDatatype = 70, kBitpix = 72, kPixdim = 76, kVoxOffset = 108, kSlope = 112,
                 kInter = 116, kUnits = 123, kQformCode = 252, kSformCode = 254, kQuaternion = 256, kQoffset = 268, kSrow = 280,
                 kMagic = 344;
}  // namespace at

constexpr int16_t kRgb24 = 128;

struct Datatype {
  int16_t code;
  int16_t bits;
  StoredType stored;
};
constexpr Datatype kDatatypes[] = {
    {2, 8, StoredType::u8},     {4, 16, StoredType::i16},     {8, 32, StoredType::i32},    {16, 32, StoredType::f32},
    {64, 64, StoredType::f64},  {kRgb24, 24, StoredType::u8}, {256, 8, StoredType::i8},    {512, 16, StoredType::u16},
    {768, 32, StoredType::u32}, {1024, 64, StoredType::i64},  {1280, 64, StoredType::u64},
};

/// What a header says, checked in itself.
struct NiftiHeader {
  ImageHeader image;
  StoredType stored = StoredType::u8;
  bool is_interleaved = false;  ///< RGB24: the channels of a voxel lie together
  double slope = 1;
  double inter = 0;
  bool is_scaled = false;
  uint64_t voxel_start = kVoxelStart;
  bool big_endian = false;

  uint64_t elements() const { return static_cast<uint64_t>(image.size[0] * image.size[1] * image.size[2] * image.channels); }
  uint64_t voxel_bytes() const { return elements() * size_of(stored); }
};

using Matrix = std::array<double, 9>;  // row-major

double determinant(const Matrix& m) {
  return m[0] * (m[4] * m[8] - m[5] * m[7]) - m[1] * (m[3] * m[8] - m[5] * m[6]) + m[2] * (m[3] * m[7] - m[4] * m[6]);
}

double to_millimetres(uint8_t units) {
  switch (units & 7) {
    case 1:
      return 1000;  // metre
    case 3:
      return 0.001;  // micrometre
    default:
      return 1;
  }
}

/// RAS to LPS: x and y change sign; the sum turns -0 into 0.
double to_lps(size_t row, double value) { return (row < 2 ? -value : value) + 0.0; }

/// Directions and spacing from the columns of an invertible matrix, RAS to LPS.
Geometry geometry_of(const Matrix& affine, const std::array<double, 3>& offset) {
  Geometry geometry;
  geometry.has_spacing = true;
  for (size_t column = 0; column < 3; ++column) {
    const double length = std::hypot(affine[column], affine[3 + column], affine[6 + column]);
    geometry.spacing_mm[column] = length;
    for (size_t row = 0; row < 3; ++row) geometry.direction[3 * row + column] = to_lps(row, affine[3 * row + column] / length);
  }
  for (size_t row = 0; row < 3; ++row) geometry.origin_mm[row] = to_lps(row, offset[row]);
  return geometry;
}

bool is_usable(const Matrix& affine, const std::array<double, 3>& offset) {
  const auto is_finite = [](double value) { return std::isfinite(value); };
  if (!std::all_of(affine.begin(), affine.end(), is_finite) || !std::all_of(offset.begin(), offset.end(), is_finite)) return false;
  double volume = 1;
  for (size_t column = 0; column < 3; ++column) volume *= std::hypot(affine[column], affine[3 + column], affine[6 + column]);
  constexpr double kFlat = 1e-6;  // columns closer to one plane than this give no orientation
  return volume > 0 && std::isfinite(volume) && std::abs(determinant(affine)) > kFlat * volume;
}

std::optional<Geometry> read_sform(const ByteReader& reader, double scale) {
  if (reader.i16(at::kSformCode) <= 0) return {};
  Matrix affine;
  std::array<double, 3> offset;
  for (size_t row = 0; row < 3; ++row) {
    for (size_t column = 0; column < 3; ++column) affine[3 * row + column] = scale * double{reader.f32(at::kSrow + 16 * row + 4 * column)};
    offset[row] = scale * double{reader.f32(at::kSrow + 16 * row + 12)};
  }
  if (!is_usable(affine, offset)) return {};
  return geometry_of(affine, offset);
}

/// The rotation of a quaternion (nifti1.h, "QUATERNION REPRESENTATION OF ROTATION MATRIX").
Matrix rotation_of(double b, double c, double d) {
  double a = 1 - (b * b + c * c + d * d);
  if (a < 1e-7) {  // half a turn: a is 0 up to rounding
    const double length = std::sqrt(b * b + c * c + d * d);
    b /= length, c /= length, d /= length;
    a = 0;
  }
  a = std::sqrt(a);
  return {a * a + b * b - c * c - d * d, 2 * (b * c - a * d),           2 * (b * d + a * c),  //
          2 * (b * c + a * d),           a * a + c * c - b * b - d * d, 2 * (c * d - a * b),  //
          2 * (b * d - a * c),           2 * (c * d + a * b),           a * a + d * d - b * b - c * c};
}

std::optional<Geometry> read_qform(const ByteReader& reader, const std::array<double, 3>& spacing, double scale) {
  if (reader.i16(at::kQformCode) <= 0) return {};
  Matrix affine =
      rotation_of(double{reader.f32(at::kQuaternion)}, double{reader.f32(at::kQuaternion + 4)}, double{reader.f32(at::kQuaternion + 8)});
  const double handedness = reader.f32(at::kPixdim) < 0 ? -1 : 1;
  std::array<double, 3> offset;
  for (size_t row = 0; row < 3; ++row) {
    for (size_t column = 0; column < 3; ++column) affine[3 * row + column] *= spacing[column] * (column == 2 ? handedness : 1);
    offset[row] = scale * double{reader.f32(at::kQoffset + 4 * row)};
  }
  if (!is_usable(affine, offset)) return {};
  Geometry geometry = geometry_of(affine, offset);
  geometry.spacing_mm = spacing;
  return geometry;
}

Geometry read_geometry(const ByteReader& reader, const ImageHeader& header) {
  const auto units = static_cast<uint8_t>(reader.number(at::kUnits, 1));
  const double scale = to_millimetres(units);
  Geometry plain;
  plain.has_spacing = true;
  bool is_unit = true;
  for (size_t i = 0; i < 3; ++i) {
    const double size = std::abs(double{reader.f32(at::kPixdim + 4 * (i + 1))});
    const bool is_size = std::isfinite(size) && size > 0;
    if (is_size) plain.spacing_mm[i] = size * scale;
    if (!is_size && header.size[i] > 1) plain.has_spacing = false;
    if (is_size && size != 1) is_unit = false;
  }
  if (const auto geometry = read_sform(reader, scale)) return *geometry;
  if (const auto geometry = read_qform(reader, plain.spacing_mm, scale)) return *geometry;
  if (is_unit && (units & 7) == 0) plain.has_spacing = false;
  return plain;
}

/// Width, height, depth and channels from dim[].
void read_dimensions(const ByteReader& reader, ImageHeader& header) {
  const std::string& name = reader.file().name;
  const int count = reader.i16(at::kDim);
  if (count < 1 || count > 7) throw_damaged(name, fmt::format("its header is damaged: {} dimensions", count));
  std::vector<int64_t> sides;
  for (int i = 1; i <= count; ++i) sides.push_back(reader.i16(at::kDim + 2 * static_cast<size_t>(i)));
  sides.resize(7, 1);
  std::copy_n(sides.begin(), 3, header.size.begin());
  if (std::count_if(sides.begin() + 3, sides.end(), [](int64_t side) { return side != 1; }) > 1) {
    throw_damaged(name, fmt::format("size {}: only one axis after z may be longer than 1", fmt::join(sides, " x ")));
  }
  for (size_t i = 3; i < sides.size(); ++i) {
    if (sides[i] != 1) header.channels = sides[i];
  }
}

void read_datatype(const ByteReader& reader, NiftiHeader& header) {
  const std::string& name = reader.file().name;
  const int16_t code = reader.i16(at::kDatatype);
  const auto* found = std::find_if(std::begin(kDatatypes), std::end(kDatatypes), [&](const Datatype& one) { return one.code == code; });
  if (found == std::end(kDatatypes)) {
    std::vector<int16_t> codes;
    for (const Datatype& one : kDatatypes) codes.push_back(one.code);
    throw_damaged(name, fmt::format("NIfTI datatype {} is not supported; allowed: {}", code, fmt::join(codes, ", ")));
  }
  const int16_t bits = reader.i16(at::kBitpix);
  if (bits != found->bits) {
    throw_damaged(name, fmt::format("its header is damaged: {} bits per voxel of datatype {}, which has {}", bits, code, found->bits));
  }
  header.stored = found->stored;
  if (code != kRgb24) return;
  if (header.image.channels != 1) throw_damaged(name, fmt::format("{} volumes of RGB voxels are not supported", header.image.channels));
  header.image.channels = 3;
  header.is_interleaved = true;
}

void read_scaling(const ByteReader& reader, NiftiHeader& header) {
  const double slope = reader.f32(at::kSlope);
  const double inter = reader.f32(at::kInter);
  if (header.is_interleaved || !std::isfinite(slope) || slope == 0) return;
  header.slope = slope;
  header.inter = std::isfinite(inter) ? inter : 0;
  header.is_scaled = header.slope != 1 || header.inter != 0;
}

/// Parses and checks the first 352 bytes.
NiftiHeader parse(const FileBytes& head) {
  const ByteReader little(head, false);
  const ByteReader big(head, true);
  const bool big_endian = big.i32(at::kSizeOfHeader) == kHeaderSize;
  const ByteReader& reader = big_endian ? big : little;
  if (reader.i32(at::kSizeOfHeader) == 540 || big.i32(at::kSizeOfHeader) == 540)
    throw_damaged(head.name, "is a NIfTI-2 file; allowed: NIfTI-1");
  if (reader.i32(at::kSizeOfHeader) != kHeaderSize) throw_damaged(head.name, "is not a NIfTI file");
  const auto magic = reader.range(at::kMagic, 4);
  if (std::memcmp(magic.data(), "ni1", 4) == 0) throw_damaged(head.name, "is half of a .hdr and .img pair; allowed: one file with both");
  if (std::memcmp(magic.data(), "n+1", 4) != 0) throw_damaged(head.name, "is not a NIfTI file");

  NiftiHeader header;
  header.big_endian = big_endian;
  read_dimensions(reader, header.image);
  check_size(head.name, header.image.size, header.image.channels);
  read_datatype(reader, header);
  check_size(head.name, header.image.size, header.image.channels);
  read_scaling(reader, header);
  header.image.type = header.is_scaled ? PixelType::f32 : pixel_type_of(header.stored);
  header.image.geometry = read_geometry(reader, header.image);
  const float start = reader.f32(at::kVoxOffset);
  constexpr float kFarthest = 1e9F;
  if (!(start >= kVoxelStart && start <= kFarthest))
    throw_damaged(head.name, fmt::format("its header is damaged: voxels start at byte {}", start));
  header.voxel_start = static_cast<uint64_t>(start);
  return header;
}

NiftiHeader parse_file(const FileBytes& file, bool is_gzipped) {
  if (!is_gzipped) {
    const NiftiHeader header = parse(file);
    const uint64_t end = header.voxel_start + header.voxel_bytes();
    if (end > file.bytes.size()) throw_cut_off(file, end);
    return header;
  }
  if (file.bytes.size() < 2 || file.bytes[0] != std::byte{0x1F} || file.bytes[1] != std::byte{0x8B}) {
    throw_damaged(file.name, "is not a gzip file");
  }
  std::array<std::byte, kVoxelStart> head;
  const size_t size = GzipReader(file).read(head.data(), head.size());
  const NiftiHeader header = parse({std::span(head).first(size), file.name});
  if (header.voxel_start + header.voxel_bytes() > file.bytes.size() * kLargestGzipRatio)
    throw_cut_off(file, header.voxel_bytes() / kLargestGzipRatio);
  return header;
}

/// The voxels as they are stored.
std::vector<std::byte> read_voxels(const FileBytes& file, const NiftiHeader& header, bool is_gzipped) {
  std::vector<std::byte> voxels(header.voxel_bytes());
  if (!is_gzipped) {
    std::memcpy(voxels.data(), file.bytes.data() + header.voxel_start, voxels.size());
    return voxels;
  }
  GzipReader reader(file);
  std::vector<std::byte> skipped(header.voxel_start);
  const size_t size = reader.read(skipped.data(), skipped.size()) + reader.read(voxels.data(), voxels.size());
  if (size < skipped.size() + voxels.size()) {
    throw_damaged(file.name, fmt::format("{} bytes unpacked, but its header promises at least {}: the file is cut off", size,
                                         skipped.size() + voxels.size()));
  }
  reader.finish();
  return voxels;
}

/// Channel after channel to channel fastest, or back.
std::vector<std::byte> transposed(const std::vector<std::byte>& from, size_t rows, size_t columns, size_t element) {
  std::vector<std::byte> to(from.size());
  for (size_t row = 0; row < rows; ++row) {
    const std::byte* source = from.data() + row * columns * element;
    std::byte* target = to.data() + row * element;
    for (size_t column = 0; column < columns; ++column) std::memcpy(target + column * rows * element, source + column * element, element);
  }
  return to;
}

template <class T>
void scale_values(const Image& from, double slope, double inter, float* to) {
  const T* values = from.data<T>();
  std::transform(values, values + from.elements(), to, [=](T value) { return static_cast<float>(double(value) * slope + inter); });
}

Image scaled(const Image& image, double slope, double inter) {
  Image result = Image::make(image.size, image.channels, PixelType::f32);
  result.geometry = image.geometry;
  float* to = result.data<float>();
  switch (image.type) {
    case PixelType::u8:
      scale_values<uint8_t>(image, slope, inter, to);
      break;
    case PixelType::i16:
      scale_values<int16_t>(image, slope, inter, to);
      break;
    case PixelType::u16:
      scale_values<uint16_t>(image, slope, inter, to);
      break;
    case PixelType::i32:
      scale_values<int32_t>(image, slope, inter, to);
      break;
    case PixelType::f32:
      scale_values<float>(image, slope, inter, to);
      break;
  }
  return result;
}

template <class T>
void put(std::vector<std::byte>& head, size_t offset, T value) {
  std::memcpy(head.data() + offset, &value, sizeof value);
}

/// The RAS affine of a geometry: rows of direction times spacing, then the offset.
std::array<double, 12> affine_of(const Geometry& geometry) {
  std::array<double, 12> affine;
  for (size_t row = 0; row < 3; ++row) {
    const double sign = row < 2 ? -1 : 1;
    for (size_t column = 0; column < 3; ++column)
      affine[4 * row + column] = sign * geometry.direction[3 * row + column] * geometry.spacing_mm[column];
    affine[4 * row + 3] = sign * geometry.origin_mm[row];
  }
  return affine;
}

bool is_orthonormal(const Matrix& m) {
  constexpr double kTolerance = 1e-4;  // directions from float32 headers are a little off
  for (size_t i = 0; i < 3; ++i) {
    for (size_t j = 0; j < 3; ++j) {
      const double dot = m[i] * m[j] + m[3 + i] * m[3 + j] + m[6 + i] * m[6 + j];
      if (std::abs(dot - (i == j ? 1 : 0)) > kTolerance) return false;
    }
  }
  return true;
}

/// a, b, c, d of a proper rotation; a ≥ 0.
std::array<double, 4> quaternion_of(const Matrix& r) {
  const double trace = r[0] + r[4] + r[8];
  std::array<double, 4> q;
  if (trace > 0) {
    const double s = 2 * std::sqrt(1 + trace);
    q = {s / 4, (r[7] - r[5]) / s, (r[2] - r[6]) / s, (r[3] - r[1]) / s};
  } else if (r[0] >= r[4] && r[0] >= r[8]) {
    const double s = 2 * std::sqrt(1 + r[0] - r[4] - r[8]);
    q = {(r[7] - r[5]) / s, s / 4, (r[1] + r[3]) / s, (r[2] + r[6]) / s};
  } else if (r[4] >= r[8]) {
    const double s = 2 * std::sqrt(1 + r[4] - r[0] - r[8]);
    q = {(r[2] - r[6]) / s, (r[1] + r[3]) / s, s / 4, (r[5] + r[7]) / s};
  } else {
    const double s = 2 * std::sqrt(1 + r[8] - r[0] - r[4]);
    q = {(r[3] - r[1]) / s, (r[2] + r[6]) / s, (r[5] + r[7]) / s, s / 4};
  }
  const double length = std::sqrt(q[0] * q[0] + q[1] * q[1] + q[2] * q[2] + q[3] * q[3]);
  const double divisor = q[0] < 0 ? -length : length;
  for (double& value : q) value /= divisor;
  return q;
}

void put_geometry(std::vector<std::byte>& head, const Geometry& geometry) {
  put(head, at::kPixdim, 1.0F);
  for (size_t i = 0; i < 3; ++i)
    put(head, at::kPixdim + 4 * (i + 1), geometry.has_spacing ? static_cast<float>(geometry.spacing_mm[i]) : 1.0F);
  for (size_t i = 4; i < 8; ++i) put(head, at::kPixdim + 4 * i, 1.0F);
  if (!geometry.has_spacing) return;
  put(head, at::kUnits, uint8_t{2});  // millimetres
  const std::array<double, 12> affine = affine_of(geometry);
  put(head, at::kSformCode, int16_t{1});  // scanner coordinates
  for (size_t i = 0; i < 12; ++i) put(head, at::kSrow + 4 * i, static_cast<float>(affine[i]));
  if (!is_orthonormal(geometry.direction)) return;

  Matrix rotation = geometry.direction;
  for (size_t i = 0; i < 6; ++i) rotation[i] = -rotation[i];
  const bool is_mirrored = determinant(rotation) < 0;
  if (is_mirrored) {
    for (size_t row = 0; row < 3; ++row) rotation[3 * row + 2] = -rotation[3 * row + 2];
    put(head, at::kPixdim, -1.0F);
  }
  const std::array<double, 4> q = quaternion_of(rotation);
  put(head, at::kQformCode, int16_t{1});
  for (size_t i = 0; i < 3; ++i) {
    put(head, at::kQuaternion + 4 * i, static_cast<float>(q[i + 1]));
    put(head, at::kQoffset + 4 * i, static_cast<float>(affine[4 * i + 3]));
  }
}

const Datatype& datatype_of(PixelType type) {
  for (const Datatype& one : kDatatypes) {
    if (one.code != kRgb24 && pixel_type_of(one.stored) == type && size_of(one.stored) == size_of(type)) return one;
  }
  LARMOR_ASSERT(false);
}

std::vector<std::byte> head_of(const Image& image) {
  std::vector<std::byte> head(kVoxelStart);
  const Datatype& datatype = datatype_of(image.type);
  put(head, at::kSizeOfHeader, static_cast<int32_t>(kHeaderSize));
  put(head, at::kRegular, 'r');
  put(head, at::kDim, static_cast<int16_t>(image.channels > 1 ? 4 : 3));
  const std::array<int64_t, 7> sides = {image.width(), image.height(), image.depth(), image.channels, 1, 1, 1};
  for (size_t i = 0; i < sides.size(); ++i) put(head, at::kDim + 2 * (i + 1), static_cast<int16_t>(sides[i]));
  put(head, at::kDatatype, datatype.code);
  put(head, at::kBitpix, datatype.bits);
  put(head, at::kVoxOffset, static_cast<float>(kVoxelStart));
  put(head, at::kSlope, 1.0F);
  put_geometry(head, image.geometry);
  std::memcpy(head.data() + at::kMagic, "n+1", 4);
  return head;
}

}  // namespace

ImageHeader read_nifti_header(const FileBytes& file, bool is_gzipped) { return parse_file(file, is_gzipped).image; }

Image read_nifti(const FileBytes& file, bool is_gzipped) {
  const NiftiHeader header = parse_file(file, is_gzipped);
  std::vector<std::byte> voxels = read_voxels(file, header, is_gzipped);
  if (header.big_endian) swap_bytes(voxels, size_of(header.stored));
  const auto channels = static_cast<size_t>(header.image.channels);
  if (channels > 1 && !header.is_interleaved) voxels = transposed(voxels, channels, header.elements() / channels, size_of(header.stored));
  Image image = from_stored(std::move(voxels), header.stored, header.image);
  return header.is_scaled ? scaled(image, header.slope, header.inter) : image;
}

void write_nifti(const std::filesystem::path& file, const Image& image, bool is_gzipped) {
  for (const int64_t side : {image.width(), image.height(), image.depth(), image.channels}) {
    if (side <= kLongestSide) continue;
    throw_usage_error(fmt::format("{}: a side of {}; NIfTI-1 holds at most {}", file.string(), side, kLongestSide));
  }
  const std::vector<std::byte> head = head_of(image);
  const auto channels = static_cast<size_t>(image.channels);
  std::vector<std::byte> planar;
  if (channels > 1) planar = transposed(image.bytes, static_cast<size_t>(image.voxels()), channels, size_of(image.type));
  const std::vector<std::byte>& voxels = channels > 1 ? planar : image.bytes;
  write_file_atomically(file, [&](const std::function<void(const void*, size_t)>& write) {
    if (!is_gzipped) {
      write(head.data(), head.size());
      write(voxels.data(), voxels.size());
      return;
    }
    GzipWriter packed(kPackLevel, write);
    packed.write(head.data(), head.size());
    packed.write(voxels.data(), voxels.size());
    packed.finish();
  });
}

}  // namespace larmor::imaging
