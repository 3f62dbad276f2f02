#include "imaging/nifti.h"

#include <gtest/gtest.h>
#include <itkNiftiImageIO.h>
#include <rapidcheck/gtest.h>

#include <cmath>
#include <optional>

#include "core/files.h"
#include "imaging/gzip.h"
#include "tests/imaging/support.h"
#include "tests/support/golden.h"

namespace larmor::imaging {
namespace {

namespace fs = std::filesystem;

/// A NIfTI-1 file made field by field; voxels count 1, 2, 3, … in the file's order.
class HandmadeNifti {
 public:
  explicit HandmadeNifti(std::vector<int16_t> sides, int16_t datatype = 2, int16_t bits = 8, bool big_endian = false)
      : head_(352, '\0'), big_endian_(big_endian) {
    put<int32_t>(0, 348);
    put<int16_t>(40, static_cast<int16_t>(sides.size()));
    for (size_t i = 0; i < sides.size(); ++i) put<int16_t>(42 + 2 * i, sides[i]);
    put<int16_t>(70, datatype).put<int16_t>(72, bits);
    for (size_t i = 0; i < 8; ++i) put<float>(76 + 4 * i, 1);
    put<float>(108, 352);
    head_.replace(344, 3, "n+1");
  }
  template <class T>
  HandmadeNifti& put(size_t offset, T value) {
    std::string bytes(sizeof(T), '\0');
    std::memcpy(bytes.data(), &value, sizeof(T));
    if (big_endian_) std::reverse(bytes.begin(), bytes.end());
    head_.replace(offset, sizeof(T), bytes);
    return *this;
  }
  HandmadeNifti& put_floats(size_t offset, const std::vector<float>& values) {
    for (size_t i = 0; i < values.size(); ++i) put<float>(offset + 4 * i, values[i]);
    return *this;
  }
  template <class T>
  HandmadeNifti& voxels(const std::vector<T>& values) {
    for (const T value : values) {
      std::string bytes(sizeof(T), '\0');
      std::memcpy(bytes.data(), &value, sizeof(T));
      if (big_endian_) std::reverse(bytes.begin(), bytes.end());
      voxels_ += bytes;
    }
    return *this;
  }
  std::string bytes() const { return head_ + voxels_; }

 private:
  std::string head_;
  std::string voxels_;
  bool big_endian_;
};

std::string packed(const std::string& content) {
  std::string result;
  GzipWriter writer(1, [&](const void* data, size_t size) { result.append(static_cast<const char*>(data), size); });
  writer.write(content.data(), content.size());
  writer.finish();
  return result;
}

Image read(const std::string& content, bool is_gzipped = false) { return read_nifti({bytes_of(content), "a.nii"}, is_gzipped); }

/// What ITK reads from a file.
struct ItkImage {
  std::vector<int64_t> size;
  std::array<double, 3> spacing{1, 1, 1};
  std::array<double, 3> origin{0, 0, 0};
  std::array<double, 9> direction{1, 0, 0, 0, 1, 0, 0, 0, 1};
  std::vector<double> values;  ///< in the file's order
};

template <class T>
std::vector<double> as_doubles(const std::vector<char>& buffer) {
  std::vector<double> values(buffer.size() / sizeof(T));
  for (size_t i = 0; i < values.size(); ++i) {
    T value;
    std::memcpy(&value, buffer.data() + i * sizeof(T), sizeof(T));
    values[i] = static_cast<double>(value);
  }
  return values;
}

ItkImage read_with_itk(const fs::path& file) {
  const auto io = itk::NiftiImageIO::New();
  io->SetFileName(file.string());
  io->ReadImageInformation();
  ItkImage image;
  const unsigned dimensions = io->GetNumberOfDimensions();
  itk::ImageIORegion region(dimensions);
  for (unsigned i = 0; i < dimensions; ++i) {
    image.size.push_back(static_cast<int64_t>(io->GetDimensions(i)));
    region.SetSize(i, io->GetDimensions(i));
    if (i >= 3) continue;
    image.spacing[i] = io->GetSpacing(i);
    image.origin[i] = io->GetOrigin(i);
    for (unsigned row = 0; row < std::min(dimensions, 3U); ++row) image.direction[3 * row + i] = io->GetDirection(i)[row];
  }
  io->SetIORegion(region);
  std::vector<char> buffer(static_cast<size_t>(io->GetImageSizeInBytes()));
  io->Read(buffer.data());
  switch (io->GetComponentType()) {
    case itk::IOComponentEnum::UCHAR:
      image.values = as_doubles<uint8_t>(buffer);
      break;
    case itk::IOComponentEnum::SHORT:
      image.values = as_doubles<int16_t>(buffer);
      break;
    case itk::IOComponentEnum::USHORT:
      image.values = as_doubles<uint16_t>(buffer);
      break;
    case itk::IOComponentEnum::INT:
      image.values = as_doubles<int32_t>(buffer);
      break;
    case itk::IOComponentEnum::FLOAT:
      image.values = as_doubles<float>(buffer);
      break;
    case itk::IOComponentEnum::DOUBLE:
      image.values = as_doubles<double>(buffer);
      break;
    default:
      ADD_FAILURE() << "component type " << io->GetComponentTypeAsString(io->GetComponentType());
  }
  return image;
}

void expect_near(const auto& ours, const auto& theirs, double tolerance, const char* what) {
  ASSERT_EQ(ours.size(), theirs.size()) << what;
  for (size_t i = 0; i < ours.size(); ++i) EXPECT_NEAR(ours[i], theirs[i], tolerance) << what << " " << i;
}

/// Voxels exactly, geometry to `tolerance` (ITK rounds at other places; millimetres).
void expect_as_itk(const fs::path& file, double tolerance) {
  SCOPED_TRACE(file.filename().string());
  const std::string content = read_file(file);
  const Image image = read_nifti({bytes_of(content), file.string()}, file.extension() == ".gz");
  const ItkImage expected = read_with_itk(file);
  for (size_t i = 0; i < 3; ++i) EXPECT_EQ(image.size[i], i < expected.size.size() ? expected.size[i] : 1);
  expect_near(image.geometry.spacing_mm, expected.spacing, tolerance, "spacing");
  expect_near(image.geometry.origin_mm, expected.origin, tolerance, "origin");
  expect_near(image.geometry.direction, expected.direction, tolerance, "direction");
  const Image floats = convert(image, PixelType::f32);
  ASSERT_EQ(static_cast<size_t>(image.elements()), expected.values.size());
  for (int64_t c = 0; c < image.channels; ++c) {
    for (int64_t i = 0; i < image.voxels(); ++i) {
      const auto theirs = static_cast<float>(expected.values[static_cast<size_t>(c * image.voxels() + i)]);
      ASSERT_EQ(floats.data<float>()[i * image.channels + c], theirs) << "voxel " << i << ", channel " << c;
    }
  }
}

void expect_as_itk(const std::string& content, double tolerance = 1e-5) {
  const fs::path file = testing::make_temporary_folder("nifti") / "a.nii";
  write_file_atomically(file, content);
  expect_as_itk(file, tolerance);
}

HandmadeNifti small_volume() { return HandmadeNifti({2, 3, 2}, 4, 16).voxels<int16_t>({1, -2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}); }

TEST(NiftiTest, ReadsVoxelsOfEveryDatatype) {
  const std::vector<std::pair<std::string, PixelType>> cases = {
      {HandmadeNifti({2}, 2, 8).voxels<uint8_t>({1, 200}).bytes(), PixelType::u8},
      {HandmadeNifti({2}, 256, 8).voxels<int8_t>({1, -2}).bytes(), PixelType::i16},
      {HandmadeNifti({2}, 4, 16).voxels<int16_t>({1, -2}).bytes(), PixelType::i16},
      {HandmadeNifti({2}, 512, 16).voxels<uint16_t>({1, 65535}).bytes(), PixelType::u16},
      {HandmadeNifti({2}, 8, 32).voxels<int32_t>({1, -70000}).bytes(), PixelType::i32},
      {HandmadeNifti({2}, 768, 32).voxels<uint32_t>({1, 4000000000U}).bytes(), PixelType::f32},
      {HandmadeNifti({2}, 16, 32).voxels<float>({1, -2.5}).bytes(), PixelType::f32},
      {HandmadeNifti({2}, 64, 64).voxels<double>({1, -2.5}).bytes(), PixelType::f32},
      {HandmadeNifti({2}, 1024, 64).voxels<int64_t>({1, -2}).bytes(), PixelType::f32},
      {HandmadeNifti({2}, 1280, 64).voxels<uint64_t>({1, 2}).bytes(), PixelType::f32},
  };
  const std::vector<float> second = {200, -2, -2, 65535, -70000, 4e9F, -2.5, -2.5, -2, 2};
  for (size_t i = 0; i < cases.size(); ++i) {
    const Image image = read(cases[i].first);
    EXPECT_EQ(image.type, cases[i].second) << i;
    EXPECT_EQ(values_of<float>(convert(image, PixelType::f32)), (std::vector<float>{1, second[i]})) << i;
    EXPECT_EQ(read_nifti_header({bytes_of(cases[i].first), "a.nii"}, false).type, cases[i].second) << i;
  }
}

TEST(NiftiTest, BothByteOrders) {
  const std::vector<int16_t> values = {1, -2, 300, 4, 5, 6};
  const Image little = read(HandmadeNifti({3, 2}, 4, 16).voxels(values).bytes());
  const Image big = read(HandmadeNifti({3, 2}, 4, 16, true).voxels(values).bytes());
  EXPECT_EQ(values_of<int16_t>(little), values);
  EXPECT_EQ(values_of<int16_t>(big), values);
  EXPECT_EQ(little.size, (std::array<int64_t, 3>{3, 2, 1}));
}

TEST(NiftiTest, TheAxisAfterZBecomesChannels) {
  const std::vector<uint8_t> values = {1, 2, 3, 4, 11, 12, 13, 14};
  const std::vector<uint8_t> interleaved = {1, 11, 2, 12, 3, 13, 4, 14};
  for (const std::vector<int16_t>& sides : std::vector<std::vector<int16_t>>{{2, 1, 2, 2}, {2, 1, 2, 1, 2}, {2, 1, 2, 1, 1, 1, 2}}) {
    const Image image = read(HandmadeNifti(sides).voxels(values).bytes());
    EXPECT_EQ(image.size, (std::array<int64_t, 3>{2, 1, 2}));
    EXPECT_EQ(image.channels, 2);
    EXPECT_EQ(values_of<uint8_t>(image), interleaved);
  }
}

TEST(NiftiTest, Rgb24IsThreeChannels) {
  const Image image = read(HandmadeNifti({2, 1, 1}, 128, 24).voxels<uint8_t>({1, 2, 3, 4, 5, 6}).bytes());
  EXPECT_EQ(image.channels, 3);
  EXPECT_EQ(values_of<uint8_t>(image), (std::vector<uint8_t>{1, 2, 3, 4, 5, 6}));
}

TEST(NiftiTest, AppliesSlopeAndIntercept) {
  const float nan = std::nanf("");
  struct Case {
    float slope, inter;
    PixelType type;
    std::vector<float> values;
  };
  const std::vector<Case> cases = {
      {0, 5, PixelType::i16, {1, -2}},   {1, 0, PixelType::i16, {1, -2}},  {2, 0.5, PixelType::f32, {2.5, -3.5}},
      {1, 10, PixelType::f32, {11, 8}},  {-1, 0, PixelType::f32, {-1, 2}}, {nan, 3, PixelType::i16, {1, -2}},
      {2, nan, PixelType::f32, {2, -4}},
  };
  for (const Case& one : cases) {
    const std::string content = HandmadeNifti({2}, 4, 16).put_floats(112, {one.slope, one.inter}).voxels<int16_t>({1, -2}).bytes();
    const Image image = read(content);
    EXPECT_EQ(image.type, one.type);
    EXPECT_EQ(values_of<float>(convert(image, PixelType::f32)), one.values) << one.slope << " " << one.inter;
    EXPECT_EQ(read_nifti_header({bytes_of(content), "a.nii"}, false).type, one.type);
  }
}

TEST(NiftiTest, SkipsExtensionsBeforeTheVoxels) {
  HandmadeNifti file({2});
  file.put<float>(108, 368).voxels<uint8_t>(std::vector<uint8_t>(16, 9)).voxels<uint8_t>({1, 2});
  EXPECT_EQ(values_of<uint8_t>(read(file.bytes())), (std::vector<uint8_t>{1, 2}));
  EXPECT_EQ(values_of<uint8_t>(read(packed(file.bytes()), true)), (std::vector<uint8_t>{1, 2}));
}

TEST(NiftiTest, GeometryOfTheSform) {
  const Image image = read(small_volume().put<int16_t>(254, 2).put_floats(280, {0, 0, 4, 10, 2, 0, 0, 20, 0, 3, 0, 30}).bytes());
  EXPECT_EQ(image.geometry, (Geometry{{2, 3, 4}, {-10, -20, 30}, {0, 0, -1, -1, 0, 0, 0, 1, 0}, true}));
}

TEST(NiftiTest, GeometryOfTheQform) {
  // A quarter turn about z (a = d = sqrt(1/2)): the first axis runs along +y, the second along -x of RAS.
  const float half = std::sqrt(0.5F);
  const Image image =
      read(small_volume().put<int16_t>(252, 1).put_floats(76, {-1, 2, 3, 4}).put_floats(256, {0, 0, half, 5, 6, 7}).bytes());
  EXPECT_EQ(image.geometry.spacing_mm, (std::array<double, 3>{2, 3, 4}));
  EXPECT_EQ(image.geometry.origin_mm, (std::array<double, 3>{-5, -6, 7}));
  expect_near(image.geometry.direction, std::array<double, 9>{0, 1, 0, -1, 0, 0, 0, 0, -1}, 1e-7, "direction");
}

TEST(NiftiTest, SpacingWithoutOrientation) {
  const Geometry identity{{2, 3, 4}, {0, 0, 0}, {1, 0, 0, 0, 1, 0, 0, 0, 1}, true};
  EXPECT_EQ(read(small_volume().put_floats(80, {2, 3, 4}).bytes()).geometry, identity);
  EXPECT_EQ(read(small_volume().put_floats(80, {-2, 3, 4}).bytes()).geometry, identity);
  EXPECT_TRUE(read(small_volume().put<uint8_t>(123, 2).bytes()).geometry.has_spacing);
  EXPECT_FALSE(read(small_volume().bytes()).geometry.has_spacing);
  EXPECT_FALSE(read(small_volume().put_floats(80, {0, 3, 4}).bytes()).geometry.has_spacing);
  EXPECT_FALSE(read(small_volume().put_floats(80, {2, std::nanf(""), 4}).bytes()).geometry.has_spacing);
}

TEST(NiftiTest, UnitsBecomeMillimetres) {
  const std::vector<float> rows = {2, 0, 0, 10, 0, 3, 0, 20, 0, 0, 4, 30};
  const auto with_units = [&](uint8_t units) {
    return read(small_volume().put(123, units).put<int16_t>(254, 1).put_floats(280, rows).bytes()).geometry;
  };
  EXPECT_EQ(with_units(1).spacing_mm, (std::array<double, 3>{2000, 3000, 4000}));
  EXPECT_EQ(with_units(1).origin_mm, (std::array<double, 3>{-10000, -20000, 30000}));
  EXPECT_DOUBLE_EQ(with_units(3).spacing_mm[0], 0.002);
  EXPECT_EQ(with_units(2 + 8).spacing_mm, (std::array<double, 3>{2, 3, 4}));
}

TEST(NiftiTest, AUselessSformIsPassedOver) {
  HandmadeNifti file = small_volume().put<int16_t>(252, 1).put_floats(80, {2, 3, 4});
  const std::vector<std::vector<float>> rows = {
      std::vector<float>(12, 0), {1, 1, 0, 0, 1, 1, 0, 0, 0, 0, 1, 0}, std::vector<float>(12, std::nanf(""))};
  for (const auto& one : rows) {
    const Image image = read(HandmadeNifti(file).put<int16_t>(254, 1).put_floats(280, one).bytes());
    EXPECT_EQ(image.geometry.direction, (std::array<double, 9>{-1, 0, 0, 0, -1, 0, 0, 0, 1}));
  }
}

TEST(NiftiTest, AgreesWithItk) {
  const std::vector<float> turned = {0, 0, 4, 10, 2, 0, 0, 20, 0, 3, 0, 30};
  expect_as_itk(small_volume().put_floats(80, {2, 3, 4}).bytes());
  expect_as_itk(small_volume().put_floats(80, {2, 3, 4}).put<int16_t>(254, 1).put_floats(280, turned).bytes());
  for (const float handedness : {1.0F, -1.0F}) {
    for (const std::vector<float>& quaternion :
         std::vector<std::vector<float>>{{0, 0, 0}, {1, 0, 0}, {0.5, 0.5, 0.5}, {0.1F, -0.3F, 0.7F}, {0, 0.6F, 0.8F}}) {
      HandmadeNifti file = small_volume().put<int16_t>(252, 1).put_floats(76, {handedness, 2, 3, 4});
      expect_as_itk(file.put_floats(256, quaternion).put_floats(268, {-12, 34, 56}).bytes());
    }
  }
  expect_as_itk(
      HandmadeNifti({2, 2, 1, 3}, 16, 32).put_floats(80, {2, 3, 4}).voxels<float>({1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}).bytes());
  expect_as_itk(small_volume().put_floats(80, {2, 3, 4}).put_floats(112, {2.5, -1}).bytes());
  expect_as_itk(HandmadeNifti({2, 2}, 512, 16, true).put_floats(80, {2, 3, 1}).voxels<uint16_t>({1, 2, 3, 65535}).bytes());
}

rc::Gen<Geometry> any_geometry() {
  const auto number = rc::gen::map(rc::gen::inRange(-1000, 1001), [](int value) { return value / 1000.0; });
  return rc::gen::map(rc::gen::container<std::array<double, 10>>(number), [](std::array<double, 10> v) {
    const double length = std::sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2] + v[3] * v[3]);
    std::array<double, 4> q = {1, 0, 0, 0};
    if (length > 0) q = {v[0] / length, v[1] / length, v[2] / length, v[3] / length};
    const auto [a, b, c, d] = q;
    Geometry geometry;
    geometry.has_spacing = true;
    geometry.spacing_mm = {0.1 + 3 * std::abs(v[4]), 0.1 + 3 * std::abs(v[5]), 0.1 + 3 * std::abs(v[6])};
    geometry.origin_mm = {300 * v[7], 300 * v[8], 300 * v[9]};
    const double mirror = v[4] < 0 ? -1 : 1;
    geometry.direction = {1 - 2 * (c * c + d * d), 2 * (b * c - a * d),     mirror * 2 * (b * d + a * c),
                          2 * (b * c + a * d),     1 - 2 * (b * b + d * d), mirror * 2 * (c * d - a * b),
                          2 * (b * d - a * c),     2 * (c * d + a * b),     mirror * (1 - 2 * (b * b + c * c))};
    return geometry;
  });
}

double largest_difference(const auto& a, const auto& b) {
  double largest = 0;
  for (size_t i = 0; i < a.size(); ++i) largest = std::max(largest, std::abs(a[i] - b[i]));
  return largest;
}

RC_GTEST_PROP(NiftiTest, ReadsBackWhatItWrites, ()) {
  const PixelType type = *rc::gen::element(PixelType::u8, PixelType::i16, PixelType::u16, PixelType::i32, PixelType::f32);
  Image image = *any_image(type, *rc::gen::inRange<int64_t>(1, 5), 4);
  const bool is_gzipped = *rc::gen::arbitrary<bool>();
  if (*rc::gen::arbitrary<bool>()) image.geometry = *any_geometry();
  const fs::path file = testing::make_temporary_folder("nifti") / "a.nii";
  write_nifti(file, image, is_gzipped);
  const Image back = read(read_file(file), is_gzipped);
  RC_ASSERT(back.size == image.size);
  RC_ASSERT(back.channels == image.channels);
  RC_ASSERT(back.type == image.type);
  RC_ASSERT(back.bytes == image.bytes);
  RC_ASSERT(back.geometry.has_spacing == image.geometry.has_spacing);
  // The header holds float32: 300 mm are rounded to 3e-5 mm, a direction to 1e-6.
  RC_ASSERT(largest_difference(back.geometry.spacing_mm, image.geometry.spacing_mm) < 1e-6);
  RC_ASSERT(largest_difference(back.geometry.origin_mm, image.geometry.origin_mm) < 2e-5);
  RC_ASSERT(largest_difference(back.geometry.direction, image.geometry.direction) < 1e-6);
}

RC_GTEST_PROP(NiftiTest, ItkReadsWhatItWrites, ()) {
  Image image = *any_image(PixelType::i16, *rc::gen::inRange<int64_t>(1, 3), 4);
  image.size[2] = std::max<int64_t>(image.size[2], 2);  // ITK drops the third direction of single slices
  image.bytes.resize(static_cast<size_t>(image.elements()) * 2);
  image.geometry = *any_geometry();
  const fs::path file = testing::make_temporary_folder("nifti") / "a.nii";
  write_nifti(file, image, false);
  const ItkImage itk = read_with_itk(file);
  // ITK takes the direction from the quaternion.
  RC_ASSERT(largest_difference(itk.spacing, image.geometry.spacing_mm) < 1e-5);
  RC_ASSERT(largest_difference(itk.origin, image.geometry.origin_mm) < 1e-4);
  RC_ASSERT(largest_difference(itk.direction, image.geometry.direction) < 2e-3);
}

RC_GTEST_PROP(NiftiTest, TheQformSaysTheSameAsTheSform, ()) {
  Image image = Image::make({1, 2, 2}, 1, PixelType::u8);
  image.geometry = *any_geometry();
  const fs::path file = testing::make_temporary_folder("nifti") / "a.nii";
  write_nifti(file, image, false);
  std::string content = read_file(file);
  content[254] = 0;  // no sform
  const Geometry geometry = read(content).geometry;
  RC_ASSERT(largest_difference(geometry.spacing_mm, image.geometry.spacing_mm) < 1e-6);
  RC_ASSERT(largest_difference(geometry.origin_mm, image.geometry.origin_mm) < 2e-5);
  // A quaternion of float32 digits loses half of them near half a turn.
  RC_ASSERT(largest_difference(geometry.direction, image.geometry.direction) < 2e-3);
}

TEST(NiftiTest, AShearedDirectionIsKept) {
  Image image = image_of<uint8_t>({1, 1, 1}, {1});
  image.geometry = {{1, 1, 1}, {0, 0, 0}, {1, 0.6, 0, 0, 0.8, 0, 0, 0, 1}, true};
  const fs::path file = testing::make_temporary_folder("nifti") / "a.nii";
  write_nifti(file, image, false);
  const Image back = read(read_file(file));
  expect_near(back.geometry.direction, image.geometry.direction, 1e-6, "direction");
}

TEST(NiftiError, NamesWhatIsWrong) {
  const auto make = [] { return HandmadeNifti({2, 3, 2}).voxels<uint8_t>(std::vector<uint8_t>(12, 1)); };
  std::string pair = make().bytes();
  pair.replace(344, 3, "ni1");
  std::string other_magic = make().bytes();
  other_magic.replace(344, 3, "abc");
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"abc", "3 bytes, but its header promises at least 4: the file is cut off"},
      {"some text that is no image", "is not a NIfTI file"},
      {other_magic, "is not a NIfTI file"},
      {make().bytes().substr(0, 100), "100 bytes, but its header promises at least 348: the file is cut off"},
      {make().bytes().substr(0, 360), "360 bytes, but its header promises at least 364: the file is cut off"},
      {make().put<int32_t>(0, 540).bytes(), "is a NIfTI-2 file; allowed: NIfTI-1"},
      {pair, "is half of a .hdr and .img pair; allowed: one file with both"},
      {make().put<int16_t>(40, 0).bytes(), "its header is damaged: 0 dimensions"},
      {make().put<int16_t>(40, 8).bytes(), "its header is damaged: 8 dimensions"},
      {make().put<int16_t>(42, -2).bytes(), "size -2 x 3 x 2, 1 channels: every side must be at least 1"},
      {HandmadeNifti({32767, 32767, 32767}).bytes(), "size 32767 x 32767 x 32767, 1 channels: over 2^31 values"},
      {HandmadeNifti({32767, 32767, 1}, 128, 24).bytes(), "size 32767 x 32767 x 1, 3 channels: over 2^31 values"},
      {HandmadeNifti({2, 1, 1, 2, 3}).bytes(), "size 2 x 1 x 1 x 2 x 3 x 1 x 1: only one axis after z may be longer than 1"},
      {HandmadeNifti({2, 1, 1, 2}, 128, 24).bytes(), "2 volumes of RGB voxels are not supported"},
      {make().put<int16_t>(70, 32).bytes(), "NIfTI datatype 32 is not supported; allowed: 2, 4, 8, 16, 64, 128, 256, 512, 768, 1024, 1280"},
      {make().put<int16_t>(72, 16).bytes(), "its header is damaged: 16 bits per voxel of datatype 2, which has 8"},
      {make().put<float>(108, 0).bytes(), "its header is damaged: voxels start at byte 0"},
      {make().put<float>(108, std::nanf("")).bytes(), "its header is damaged: voxels start at byte nan"},
      {make().put<float>(108, 1e30F).bytes(), "its header is damaged: voxels start at byte 1e+30"},
  };
  for (const auto& [content, message] : cases) EXPECT_EQ(testing::data_error([&] { read(content); }), "a.nii: " + message);
}

TEST(NiftiError, DamagedGzipIsNeverTakenForZeros) {
  const std::string whole = small_volume().bytes();
  const std::string content = packed(whole);
  EXPECT_EQ(testing::data_error([&] { read(whole, true); }), "a.nii: is not a gzip file");
  EXPECT_EQ(testing::data_error([&] { read(packed(whole.substr(0, 360)), true); }),
            "a.nii: 360 bytes unpacked, but its header promises at least 376: the file is cut off");
  EXPECT_EQ(testing::data_error([&] { read(packed(HandmadeNifti({30000, 30000, 1}).bytes()), true); }).find("a.nii: "), 0U);
  for (size_t size = 2; size < content.size(); ++size) {
    EXPECT_EQ(testing::data_error([&] { read(content.substr(0, size), true); }),
              "a.nii: " + std::to_string(size) + " bytes, but its compressed data go on: the file is cut off");
  }
}

TEST(NiftiError, SidesOverTheFormatsLimit) {
  const Image wide = Image::make({40000, 1, 1}, 1, PixelType::u8);
  EXPECT_EQ(testing::usage_error([&] { write_nifti("wide.nii", wide, false); }), "wide.nii: a side of 40000; NIfTI-1 holds at most 32767");
}

RC_GTEST_PROP(NiftiError, SurvivesDamagedFiles, ()) {
  const Image image = *any_image(PixelType::i16, *rc::gen::inRange<int64_t>(1, 3), 3);
  const bool is_gzipped = *rc::gen::arbitrary<bool>();
  const fs::path file = testing::make_temporary_folder("nifti") / "a.nii";
  write_nifti(file, image, is_gzipped);
  const int whole = read_damaged_copies(read_file(file), [&](std::span<const std::byte> bytes) {
    read_nifti_header({bytes, "a.nii"}, is_gzipped);
    read_nifti({bytes, "a.nii"}, is_gzipped);
  });
  RC_ASSERT(whole == 0);
}

TEST(NiftiData, RealVolumesAgreeWithItk) {
  const fs::path data = testing::test_data();
  LARMOR_NEEDS(data, "the test data");
  int volumes = 0;
  for (const char* folder : {"t1", "lesion4"}) {
    if (!fs::exists(data / folder)) continue;
    for (const auto& entry : fs::recursive_directory_iterator(data / folder)) {
      if (!entry.path().string().ends_with(".nii.gz")) continue;
      expect_as_itk(entry.path(), 2e-4);
      ++volumes;
    }
  }
  if (volumes == 0) GTEST_SKIP() << "no NIfTI volume in the test data";
  std::cout << volumes << " volumes compared\n";
}

}  // namespace
}  // namespace larmor::imaging
