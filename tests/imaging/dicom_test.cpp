#include "imaging/dicom.h"

#include <gtest/gtest.h>

#include <cmath>
#include <iostream>

#include "core/files.h"
#include "imaging/dicom_write.h"
#include "imaging/io.h"
#include "imaging/orient.h"
#include "imaging/transform.h"
#include "tests/support/errors.h"
#include "tests/support/golden.h"

namespace larmor::imaging {
namespace {

namespace fs = std::filesystem;

Image turned_to_lps(const Image& image) { return reorder_axes(image, order_to_lps(image.geometry)); }

double largest_difference(const Image& a, const Image& b) {
  const Image x = convert(a, PixelType::f32), y = convert(b, PixelType::f32);
  double most = 0;
  for (int64_t i = 0; i < x.elements(); ++i) most = std::max(most, std::abs(double{x.data<float>()[i]} - double{y.data<float>()[i]}));
  return most;
}

double largest_place_error_mm(const Image& a, const Image& b) {
  double most = 0;
  for (int corner = 0; corner < 8; ++corner) {
    Point index;
    for (size_t i = 0; i < 3; ++i) index[i] = (corner >> i & 1) != 0 ? static_cast<double>(a.size[i] - 1) : 0;
    const Point p = map_point(index_to_point(a.geometry), index), q = map_point(index_to_point(b.geometry), index);
    most = std::max(most, std::hypot(p[0] - q[0], p[1] - q[1], p[2] - q[2]));
  }
  return most;
}

double largest_value(const Image& image) {
  const Image values = convert(image, PixelType::f32);
  double most = 0;
  for (int64_t i = 0; i < values.elements(); ++i) most = std::max(most, std::abs(double{values.data<float>()[i]}));
  return most;
}

/// Every folder beside a NAME_ground_truth.nii.gz, but not those that must fail.
TEST(DicomDataTest, EverySeriesMatchesItsGroundTruth) {
  const fs::path data = testing::dicom_data();
  LARMOR_NEEDS(data, "dicom.tar.xz");
  int compared = 0;
  for (const auto& entry : fs::recursive_directory_iterator(data)) {
    constexpr std::string_view kSuffix = "_ground_truth.nii.gz";
    std::string name = entry.path().string();
    if (!name.ends_with(kSuffix) || name.find("/failing/") != std::string::npos) continue;
    name.resize(name.size() - kSuffix.size());
    SCOPED_TRACE(name);
    const Image read = read_dicom(name);
    const Image truth = turned_to_lps(read_image(entry.path())), image = turned_to_lps(read);
    ASSERT_EQ(image.size, truth.size);
    ASSERT_EQ(image.channels, truth.channels);
    const double values = largest_difference(image, truth), place_mm = largest_place_error_mm(image, truth);
    std::cout << fs::path(name).lexically_relative(data).string() << ": " << read.size[0] << " x " << read.size[1] << " x " << read.size[2]
              << " x " << read.channels << " " << to_string(read.type) << ", voxels differ by " << values << ", places by " << place_mm
              << " mm\n";
    EXPECT_LE(values, 1e-6 * largest_value(truth));  // scaled values are rounded to float once here and once there
    EXPECT_LE(place_mm, 1e-3);                       // NIfTI keeps float32
    ++compared;
  }
  EXPECT_GT(compared, 0);
}

TEST(DicomDataTest, EveryFailingSeriesSaysWhy) {
  const fs::path data = testing::dicom_data();
  LARMOR_NEEDS(data, "dicom.tar.xz");
  for (const auto& entry : fs::directory_iterator(data / "failing")) {
    for (const auto& folder : fs::directory_iterator(entry.path())) {
      if (!folder.is_directory()) continue;
      const std::string error = testing::data_error([&] { read_dicom(folder.path()); });
      std::cout << error.substr(std::min(error.size(), data.string().size() + 1)) << "\n";
      EXPECT_TRUE(error.starts_with(folder.path().string() + ": series ")) << error;
    }
  }
}

DicomSeries some_series() {
  DicomSeries series;
  series.uid = "1.2.3";
  series.study_uid = "1.2";
  series.number = 7;
  series.description = "t1_vibe_tra_iso_hires";
  series.protocol = "head";
  series.modality = "MR";
  series.manufacturer = "phantom";
  series.patient_id = "P1";
  series.contrast_agent = "gadodiamide";
  series.study_date = "20200102";
  series.acquisition_time = "101530.25";
  series.repetition_time_ms = 6.16;
  series.echo_time_ms = 2.39;
  series.slice_thickness_mm = 1;
  return series;
}

Image some_volume() {
  Image volume = Image::make({5, 4, 6}, 1, PixelType::i16);
  for (int64_t i = 0; i < volume.voxels(); ++i) volume.data<int16_t>()[i] = static_cast<int16_t>(i * 37 - 900);
  volume.geometry = {{0.75, 0.5, 2}, {-10, 20, 30}, rigid_transform({5, 15, -25}, {}, {}).matrix, true};
  return volume;
}

/// The slices of some_volume() as files, changed by `change(slice, series, z)`, which may say false to leave one out.
template <class Change>
fs::path folder_of(Change change) {
  const fs::path folder = testing::make_temporary_folder("dicom");
  const Image volume = some_volume();
  for (int64_t z = 0; z < volume.depth(); ++z) {
    Image slice = slice_of(volume, z);
    DicomSeries series = some_series();
    if (change(slice, series, z))
      write_file_atomically(folder / (std::to_string(99 - z) + ".dcm"), encode_dicom_slice(slice, series, z + 1));
  }
  return folder;
}

void move_along(Image& slice, size_t axis, double mm) {
  for (size_t i = 0; i < 3; ++i) slice.geometry.origin_mm[i] += mm * slice.geometry.direction[3 * i + axis];
}

TEST(DicomTest, ReadsBackWhatItWrites) {
  const fs::path folder = testing::make_temporary_folder("dicom") / "t1";
  const Image volume = some_volume();
  write_dicom_series(folder, volume, some_series());
  write_file_atomically(folder / "README.txt", "no picture");
  const DicomFolder found = list_dicom(folder);
  EXPECT_EQ(found.other_files, 1);
  EXPECT_TRUE(found.unreadable.empty());
  ASSERT_EQ(found.series.size(), 1u);
  const DicomSeries& series = found.series[0];
  const DicomSeries expected = some_series();
  EXPECT_EQ(series.uid, expected.uid);
  EXPECT_EQ(series.study_uid, expected.study_uid);
  EXPECT_EQ(series.number, expected.number);
  EXPECT_EQ(series.description, expected.description);
  EXPECT_EQ(series.protocol, expected.protocol);
  EXPECT_EQ(series.modality, expected.modality);
  EXPECT_EQ(series.manufacturer, expected.manufacturer);
  EXPECT_EQ(series.patient_id, expected.patient_id);
  EXPECT_EQ(series.contrast_agent, expected.contrast_agent);
  EXPECT_EQ(series.study_date, expected.study_date);
  EXPECT_EQ(series.acquisition_time, expected.acquisition_time);
  EXPECT_EQ(series.repetition_time_ms, expected.repetition_time_ms);
  EXPECT_EQ(series.echo_time_ms, expected.echo_time_ms);
  EXPECT_EQ(series.inversion_time_ms, std::nullopt);
  EXPECT_EQ(series.slice_thickness_mm, expected.slice_thickness_mm);
  EXPECT_EQ(series.identity_tags, std::vector<std::string>{"PatientID"});
  EXPECT_EQ(series.files.size(), 6u);
  const Image back = read_dicom_series(series);
  EXPECT_EQ(back.size, volume.size);
  EXPECT_EQ(back.type, volume.type);
  EXPECT_EQ(back.bytes, volume.bytes);
  EXPECT_LT(largest_place_error_mm(back, volume), 1e-6);
}

/// File names run against the slices in folder_of: order comes from positions alone.
TEST(DicomTest, OrderComesFromPositions) {
  const fs::path folder = folder_of([](Image&, DicomSeries&, int64_t) { return true; });
  EXPECT_EQ(read_dicom(folder).bytes, some_volume().bytes);
}

TEST(DicomTest, ImagesAtOnePlaceBecomeChannelsInOrderOfTheirNumber) {
  const fs::path folder = testing::make_temporary_folder("dicom");
  const Image volume = some_volume();
  for (int64_t time = 0; time < 2; ++time) {
    for (int64_t z = 0; z < volume.depth(); ++z) {
      Image slice = slice_of(volume, z);
      for (int64_t i = 0; i < slice.voxels(); ++i) slice.data<int16_t>()[i] = static_cast<int16_t>(slice.data<int16_t>()[i] + 5000 * time);
      const std::string name = std::to_string(9 - time) + std::to_string(z) + ".dcm";
      write_file_atomically(folder / name, encode_dicom_slice(slice, some_series(), 1 + z + 10 * time));
    }
  }
  const Image read = read_dicom(folder);
  EXPECT_EQ(read.size, volume.size);
  ASSERT_EQ(read.channels, 2);
  for (int64_t i = 0; i < volume.voxels(); ++i) {
    EXPECT_EQ(read.data<int16_t>()[2 * i], volume.data<int16_t>()[i]);
    EXPECT_EQ(read.data<int16_t>()[2 * i + 1], volume.data<int16_t>()[i] + 5000);
  }
}

TEST(DicomTest, SeriesOfOneNameAreToldApart) {
  const fs::path folder = testing::make_temporary_folder("dicom");
  DicomSeries before = some_series(), after = some_series();
  before.contrast_agent = "";
  before.acquisition_time = "095959";
  after.uid = "1.2.1";
  after.acquisition_time = "103000";
  write_dicom_series(folder / "b", some_volume(), before);
  write_dicom_series(folder / "a", some_volume(), after);
  const DicomFolder found = list_dicom(folder);
  ASSERT_EQ(found.series.size(), 2u);
  EXPECT_EQ(found.series[0].contrast_agent, "");
  EXPECT_EQ(found.series[1].contrast_agent, "gadodiamide");
  EXPECT_EQ(testing::data_error([&] { read_dicom(folder); }),
            folder.string() + ": 2 DICOM series, name the folder of one: 7 't1_vibe_tra_iso_hires', 7 't1_vibe_tra_iso_hires'");
}

/// Cut off, a slice at the end of a series would only make the volume shorter; cut in front of its pixels, it is a file without any.
TEST(DicomError, FilesThatAreNoImages) {
  const fs::path folder = testing::make_temporary_folder("dicom");
  write_dicom_series(folder, some_volume(), some_series());
  const DicomFolder whole = list_dicom(folder);
  ASSERT_EQ(whole.series.size(), 1u);
  const fs::path last = whole.series[0].files.back();
  const std::string bytes = read_file(last);
  write_file_atomically(last, bytes.substr(0, bytes.size() - 1));
  ASSERT_EQ(list_dicom(folder).unreadable.size(), 1u);
  const std::string cut = testing::data_error([&] { read_dicom(folder); });
  EXPECT_EQ(cut, list_dicom(folder).unreadable[0]);
  EXPECT_EQ(cut.find(last.string() + ": "), 0u) << cut;
  EXPECT_TRUE(cut.ends_with(": the file is cut off")) << cut;
  write_file_atomically(last, "");
  EXPECT_EQ(testing::data_error([&] { read_dicom(folder); }), last.string() + ": is empty");
  const size_t pixels = bytes.find(std::string_view("\xE0\x7F\x10\x00", 4));
  ASSERT_NE(pixels, std::string::npos);
  write_file_atomically(last, bytes.substr(0, pixels));
  const DicomFolder without = list_dicom(folder);
  EXPECT_EQ(without.without_pixels, std::vector<fs::path>{last});
  EXPECT_TRUE(without.unreadable.empty());
  for (const fs::path& file : whole.series[0].files) fs::remove(file);
  write_file_atomically(last, bytes.substr(0, pixels));
  EXPECT_EQ(testing::data_error([&] { read_dicom(folder); }), last.string() + ": has no pixels");
}

TEST(DicomError, SlicesThatAreNoVolume) {
  using Change = bool (*)(Image&, DicomSeries&, int64_t);
  const std::pair<Change, std::string> cases[] = {
      {[](Image&, DicomSeries&, int64_t z) { return z < 2; }, "2 slices; a volume needs at least 3"},
      {[](Image&, DicomSeries&, int64_t z) { return z != 2; },
       "a slice is missing between 25.14 mm and 29.14 mm: slices elsewhere are 2.00 mm apart"},
      {[](Image&, DicomSeries&, int64_t z) { return z != 2 && z != 3; },
       "2 slices are missing between 25.14 mm and 31.14 mm: slices elsewhere are 2.00 mm apart"},
      {[](Image& slice, DicomSeries&, int64_t z) { return move_along(slice, 2, z == 5 ? 0.7 : 0), true; },
       "slices are not evenly spaced: 2.70 mm between 31.14 mm and 33.84 mm, 2.00 mm elsewhere"},
      {[](Image& slice, DicomSeries&, int64_t z) { return move_along(slice, 1, 0.5 * static_cast<double>(z)), true; },
       "slices are shifted sideways by up to 2.50 mm (gantry tilt of 14.0 degrees): no rectangular volume"},
      {[](Image& slice, DicomSeries&, int64_t z) { return move_along(slice, 2, -2 * static_cast<double>(z)), true; },
       "its 6 images all lie at one position: no volume"},
      {[](Image& slice, DicomSeries&, int64_t z) { return move_along(slice, 2, z == 5 ? -2 : 0), true; },
       "from 1 to 2 images at its 5 positions: images are missing, or it is no volume"},
      {[](Image& slice, DicomSeries&, int64_t z) {
         if (z > 3) slice.geometry.direction = {1, 0, 0, 0, 1, 0, 0, 0, 1};
         return true;
       },
       "its 6 images have 2 orientations, as those of a localiser: no volume"},
      {[](Image& slice, DicomSeries&, int64_t z) {
         if (z == 3) slice.geometry.spacing_mm[0] = 1;
         return true;
       },
       "images of different pixel spacing: no volume"},
      {[](Image& slice, DicomSeries&, int64_t z) {
         if (z == 3) slice.size = {4, 5, 1};
         return true;
       },
       "images of 5 x 4 and 4 x 5 pixels: no volume"},
      {[](Image& slice, DicomSeries&, int64_t z) {
         if (z == 3) slice.type = PixelType::u16;
         return true;
       },
       "images of different pixel types: no volume"},
  };
  for (const auto& [change, message] : cases) {
    const fs::path folder = folder_of(change);
    EXPECT_EQ(testing::data_error([&, at = folder] { read_dicom(at); }),
              folder.string() + ": series 7 't1_vibe_tra_iso_hires': " + message);
  }
}

/// Replaces the one place where `from` stands in a file; both of one length.
std::string replaced(std::string content, const std::string& from, const std::string& to) {
  const size_t at = content.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return content.replace(at, from.size(), to);
}

TEST(DicomError, FilesThatCannotBeRead) {
  const std::string whole = encode_dicom_slice(slice_of(some_volume(), 0), some_series(), 1);
  const std::string samples("\x28\x00\x02\x00US\x02\x00\x01\x00", 10), three("\x28\x00\x02\x00US\x02\x00\x03\x00", 10);
  const std::string bits("\x28\x00\x00\x01US\x02\x00\x10\x00", 10), odd("\x28\x00\x00\x01US\x02\x00\x0c\x00", 10);
  const std::pair<std::string, std::string> cases[] = {
      {whole.substr(0, whole.size() - 7), std::to_string(whole.size() - 7) + " bytes, but its header promises at least " +
                                              std::to_string(whole.size()) + ": the file is cut off"},
      {replaced(whole, "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.9"),
       "DICOM transfer syntax '1.2.840.10008.1.2.9' is not supported; allowed: uncompressed, RLE, JPEG, JPEG-LS, JPEG 2000"},
      {replaced(whole, samples, three), "3 samples of 'MONOCHROME2' are not supported; allowed: 1 of 'MONOCHROME2'"},
      {replaced(whole, bits, odd), "12 bits per pixel are not supported; allowed: 8, 16, 32"},
      {replaced(whole, "-10\\20\\30", "-10\\20\\xx"), "ImagePositionPatient is missing or damaged"},
      {replaced(whole, "0.5\\0.75", "0.5\\-.75"), "PixelSpacing is missing or damaged"},
      {replaced(whole, "MONOCHROME2", "MONOCHROME1"), "1 samples of 'MONOCHROME1' are not supported; allowed: 1 of 'MONOCHROME2'"},
  };
  for (const auto& [content, message] : cases) {
    const fs::path file = testing::make_temporary_folder("dicom") / "a.dcm";
    write_file_atomically(file, content);
    EXPECT_EQ(testing::data_error([&, at = file] { read_dicom(at); }), file.string() + ": " + message);
  }
  const fs::path folder = testing::make_temporary_folder("dicom");
  EXPECT_EQ(testing::data_error([&] { read_dicom(folder); }), folder.string() + ": holds no DICOM file");
  EXPECT_EQ(testing::data_error([&] { read_dicom(folder / "no"); }), (folder / "no").string() + ": no such file or folder");
  EXPECT_EQ(testing::usage_error([&] {
              write_dicom_series(folder, Image::make({2, 2, 2}, 1, PixelType::f32), some_series());
            }),
            folder.string() + ": DICOM is written from one channel of i16 or u16, not 1 of f32");
}

}  // namespace
}  // namespace larmor::imaging
