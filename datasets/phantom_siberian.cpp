#include "datasets/phantom_siberian.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <thread>

#include "core/csv.h"
#include "core/error.h"
#include "core/files.h"
#include "core/random.h"
#include "core/thread_pool.h"
#include "datasets/fresh_folder.h"
#include "datasets/normal_stream.h"
#include "datasets/phantom_brain.h"
#include "datasets/second_reader.h"
#include "imaging/dicom_write.h"
#include "imaging/io.h"
#include "imaging/resample.h"
#include "imaging/transform.h"

namespace larmor::datasets {

namespace {

namespace fs = std::filesystem;
using imaging::AffineTransform;
using imaging::Grid;
using imaging::Image;
using imaging::PixelType;

constexpr double kFieldMm = 256;
constexpr double kHeightMm = 0.635 * kFieldMm;  // what the brain's slices span (datasets/phantom_brain.h)
constexpr double kThickMm = 5;
constexpr double kThickFieldMm = 230;
constexpr double kThickHeightMm = 185;
constexpr double kReaderMm = 2;          // by how much a second reader draws another line
constexpr int64_t kMostSubjects = 9999;  // four digits in the name
const std::array<PhantomTumourType, 4> kTypes{PhantomTumourType::meningioma, PhantomTumourType::neurinoma, PhantomTumourType::glioblastoma,
                                              PhantomTumourType::astrocytoma};
const std::vector<std::string> kFormats{"nifti", "nrrd", "dicom"};

/// One sequence of the protocol.
struct Scan {
  std::string name;
  int64_t channel = 0;  ///< of PhantomSignals
  bool is_thick = false;
  std::array<double, 2> plane{1, 1};  ///< voxel in the plane, in parts of voxel_mm
  double noise = 1;                   ///< in parts of the head's noise
  std::string description, time;
  bool has_contrast_agent = false;
  double repetition_time_ms = 0, echo_time_ms = 0;
};

const std::array<Scan, 4>& protocol() {
  static const std::array<Scan, 4> scans{{
      {"T2", 3, true, {0.6, 0.8}, 0.8, "t2_tse_tra", "100000", false, 5000, 91},
      {"T1", 0, false, {1, 1}, 1, "t1_vibe_tra_iso_hires", "101200", false, 6.16, 2.39},
      {"FLAIR", 1, true, {0.9, 0.9}, 0.8, "t2_tirm_tra_dark-fluid", "102000", true, 7500, 92},
      {"T1CE", 2, false, {1, 1}, 1, "t1_vibe_tra_iso_hires", "102500", true, 6.16, 2.39},
  }};
  return scans;
}

void require(const char* option, double value, double low, double high) {
  if (!(value >= low && value <= high))
    throw_usage_error(fmt::format("phantom: {} {} is out of range; must be in [{}, {}]", option, value, low, high));
}

PhantomTumourType type_of(const std::string& name) {
  std::vector<std::string> names;
  for (const PhantomTumourType type : kTypes) {
    if (to_string(type) == name) return type;
    names.push_back(to_string(type));
  }
  throw_usage_error("phantom: " + unknown_name_message("tumour type", name, names, ""));
}

void check(const SiberianPhantomOptions& options) {
  require("subjects", static_cast<double>(options.subjects), 1, kMostSubjects);
  require("voxel_mm", options.voxel_mm, 1, 6);
  require("shift_mm", options.shift_mm, 0, 30);
  require("angle_deg", options.angle_deg, 0, 20);
  require("threads", static_cast<double>(options.threads), 0, 1024);
  if (std::find(kFormats.begin(), kFormats.end(), options.format) == kFormats.end())
    throw_usage_error("phantom: " + unknown_name_message("format", options.format, kFormats, ""));
  for (const std::string& type : options.types) type_of(type);
}

std::string subject_name(int64_t subject) { return fmt::format("SBT_PH_{:04}", subject + 1); }

RandomKey key_of(const SiberianPhantomOptions& options, int64_t subject) {
  return RandomKey(static_cast<uint64_t>(options.seed)).with("siberian phantom").with(static_cast<uint64_t>(subject));
}

PhantomTumourType type_of(const SiberianPhantomOptions& options, int64_t subject) {
  if (options.types.empty()) return kTypes[static_cast<size_t>(subject) % kTypes.size()];
  return type_of(options.types[static_cast<size_t>(subject) % options.types.size()]);
}

/// A grid around the middle of the scanner.
Grid centred_grid(std::array<int64_t, 3> size, const std::array<double, 3>& spacing_mm) {
  Grid grid{size, {}};
  grid.geometry.spacing_mm = spacing_mm;
  grid.geometry.has_spacing = true;
  for (size_t i = 0; i < 3; ++i) grid.geometry.origin_mm[i] = -0.5 * spacing_mm[i] * static_cast<double>(size[i] - 1);
  return grid;
}

int64_t count_of(double length_mm, double step_mm) { return static_cast<int64_t>(std::lround(length_mm / step_mm)); }

Grid head_grid(double voxel_mm) {
  const int64_t side = count_of(kFieldMm, voxel_mm);
  return centred_grid({side, side, count_of(kHeightMm, voxel_mm) + 1}, {voxel_mm, voxel_mm, voxel_mm});
}

Grid grid_of(const Scan& scan, double voxel_mm) {
  if (!scan.is_thick) return head_grid(voxel_mm);
  const double x_mm = scan.plane[0] * voxel_mm, y_mm = scan.plane[1] * voxel_mm, z_mm = std::max(kThickMm, voxel_mm);
  return centred_grid({count_of(kThickFieldMm, x_mm), count_of(kThickFieldMm, y_mm), count_of(kThickHeightMm, z_mm)}, {x_mm, y_mm, z_mm});
}

/// A head at rest: what all its scans are made from.
struct Head {
  Image signal;   ///< f32, 4 channels
  Image classes;  ///< u8
};

Head render(const PhantomBrain& brain, double voxel_mm, ThreadPool& pool) {
  const Grid grid = head_grid(voxel_mm);
  Head head{Image::make(grid.size, 4, PixelType::f32), Image::make(grid.size, 1, PixelType::u8)};
  head.signal.geometry = head.classes.geometry = grid.geometry;
  pool.for_each(static_cast<size_t>(brain.slices()), [&](size_t z) {
    const PhantomSignals slice = brain.signals(static_cast<int64_t>(z));
    std::copy(slice.signal.bytes.begin(), slice.signal.bytes.end(),
              head.signal.bytes.begin() + static_cast<int64_t>(z * slice.signal.bytes.size()));
    std::copy(slice.classes.bytes.begin(), slice.classes.bytes.end(),
              head.classes.bytes.begin() + static_cast<int64_t>(z * slice.classes.bytes.size()));
  });
  return head;
}

/// What a slice of its thickness sees: the mean of planes no further apart than the head's voxels.
Image sample(const Image& still, const Grid& grid, const AffineTransform& grid_to_head, int threads) {
  const auto planes = std::max<int64_t>(1, std::llround(grid.geometry.spacing_mm[2] / still.geometry.spacing_mm[2]));
  Grid fine = grid;
  fine.size[2] *= planes;
  fine.geometry.spacing_mm[2] /= static_cast<double>(planes);
  fine.geometry.origin_mm[2] -= 0.5 * (grid.geometry.spacing_mm[2] - fine.geometry.spacing_mm[2]);
  const Image sampled = resample(still, fine, grid_to_head, {.threads = threads});
  if (planes == 1) return sampled;
  Image image = Image::make(grid.size, 1, PixelType::f32);
  image.geometry = grid.geometry;
  const int64_t plane = grid.size[0] * grid.size[1];
  for (int64_t z = 0; z < grid.size[2]; ++z) {
    for (int64_t i = 0; i < plane; ++i) {
      float sum = 0;
      for (int64_t k = 0; k < planes; ++k) sum += sampled.data<float>()[(z * planes + k) * plane + i];
      image.data<float>()[z * plane + i] = sum / static_cast<float>(planes);
    }
  }
  return image;
}

/// The magnitude of a complex signal with noise in both parts, times the scanner's arbitrary gain.
Image with_noise(const Image& clean, double noise_sd, double gain, RandomKey key, ThreadPool& pool) {
  Image image = Image::make(clean.size, 1, PixelType::i16);
  image.geometry = clean.geometry;
  const int64_t plane = clean.size[0] * clean.size[1];
  pool.for_each(static_cast<size_t>(clean.depth()), [&](size_t slice) {
    std::vector<float> noise(static_cast<size_t>(2 * plane));
    NormalStream(key.with(slice)).fill(noise);
    const int64_t first = static_cast<int64_t>(slice) * plane;
    const auto sd = static_cast<float>(noise_sd);
    for (int64_t i = 0; i < plane; ++i) {
      const float real = clean.data<float>()[first + i] + sd * noise[static_cast<size_t>(2 * i)];
      const float imaginary = sd * noise[static_cast<size_t>(2 * i + 1)];
      const double value = gain * std::hypot(real, imaginary);
      image.data<int16_t>()[first + i] = static_cast<int16_t>(std::clamp(std::lround(value), 0L, 32767L));
    }
  });
  return image;
}

/// Where the patient lay during a scan, seen from T1CE.
AffineTransform motion_of(const Scan& scan, const SiberianPhantomOptions& options, RandomKey key) {
  if (scan.name == "T1CE") return {};
  const double part = scan.is_thick ? 1 : 0.15;  // T1 follows the same protocol without moving the table
  Random random(key.with("motion").with(scan.name));
  std::array<double, 3> angles_deg{}, shift_mm{};
  for (double& angle : angles_deg) angle = part * random.uniform(-options.angle_deg, options.angle_deg);
  for (double& shift : shift_mm) shift = part * random.uniform(-options.shift_mm, options.shift_mm);
  return imaging::rigid_transform(angles_deg, shift_mm, {});
}

/// A UID below the root that anyone may use.
std::string uid_of(RandomKey key) { return fmt::format("2.25.{}", key.value()); }

void write_volume(const fs::path& folder, const Scan& scan, const Image& volume, const SiberianPhantomOptions& options,
                  const std::string& subject, RandomKey key) {
  if (options.format == "nifti") return imaging::write_image(folder / (scan.name + ".nii.gz"), volume);
  if (options.format == "nrrd") return imaging::write_image(folder / (scan.name + ".nrrd"), volume);
  imaging::DicomSeries series;
  series.uid = uid_of(key.with("series").with(scan.name));
  series.study_uid = uid_of(key.with("study"));
  series.number = 1 + (&scan - protocol().data());
  series.description = series.protocol = scan.description;
  series.modality = "MR";
  series.manufacturer = "Larmor phantom";
  series.patient_id = subject;
  series.study_date = "20000101";
  series.acquisition_time = scan.time;
  if (scan.has_contrast_agent) series.contrast_agent = "gadodiamide";
  series.repetition_time_ms = scan.repetition_time_ms;
  series.echo_time_ms = scan.echo_time_ms;
  series.slice_thickness_mm = volume.geometry.spacing_mm[2];
  imaging::write_dicom_series(folder / fmt::format("series_{}", series.number), volume, series);
}

std::string label_name(const SiberianPhantomOptions& options) { return options.format == "nrrd" ? "label.nrrd" : "label.nii.gz"; }

void write_second_reading(const fs::path& root, const std::string& subject, const Image& classes, const SiberianPhantomOptions& options,
                          RandomKey key) {
  make_folder(root / subject);
  const SecondReader reader(key.with("second reader"), std::max(1.0, kReaderMm / options.voxel_mm));
  imaging::write_image(root / subject / label_name(options), reader.read(classes));
}

/// `second`: the second reader's folder, if there is one.
std::vector<std::string> write_subject(const fs::path& root, const FreshFolder* second, int64_t number,
                                       const SiberianPhantomOptions& options, ThreadPool& pool) {
  const std::string subject = subject_name(number);
  const fs::path folder = root / subject;
  make_folder(folder);
  const RandomKey key = key_of(options, number);
  const PhantomTumourType type = type_of(options, number);
  const Grid grid = head_grid(options.voxel_mm);
  const PhantomBrain brain(key.with("brain"), grid.size[2], grid.size[0], type);
  const Head head = render(brain, options.voxel_mm, pool);
  for (const Scan& scan : protocol()) {
    if (scan.name == "T2" && !options.has_t2) continue;
    const AffineTransform motion = motion_of(scan, options, key);
    const std::array<int64_t, 1> channel{scan.channel};
    const Image clean = sample(imaging::select_channels(head.signal, channel), grid_of(scan, options.voxel_mm), inverse_of(motion),
                               static_cast<int>(pool.threads()));
    const double gain = Random(key.with("gain").with(scan.name)).uniform(1.5, 6);
    const Image volume = with_noise(clean, scan.noise * brain.noise_sd(), gain, key.with("noise").with(scan.name), pool);
    write_volume(folder, scan, volume, options, subject, key);
    if (scan.name != "T1CE") imaging::write_transform(folder / (scan.name + ".tfm"), motion);
  }
  imaging::write_image(folder / label_name(options), head.classes);
  if (second != nullptr) write_second_reading(second->path(), subject, head.classes, options, key);
  Random random(key.with("table"));
  return {subject, to_string(type), random.chance(0.5) ? "F" : "M", std::to_string(20 + random.integer(60))};
}

std::string marker_text(const SiberianPhantomOptions& options) {
  return fmt::format(
      "Synthetic brains in the layout of the Siberian brain tumour set. No patient's data; every table made from them is marked phantom.\n"
      "subjects {}, voxel {} mm, T2 {}, format {}, shift {} mm, angle {} degrees, seed {}\n",
      options.subjects, options.voxel_mm, options.has_t2 ? "yes" : "no", options.format, options.shift_mm, options.angle_deg, options.seed);
}

}  // namespace

void write_siberian_phantom(const fs::path& folder, const SiberianPhantomOptions& options) {
  check(options);
  const bool has_second = !options.second_reader.empty();
  if (has_second) require_apart(folder, options.second_reader, "phantom");
  FreshFolder fresh(folder, "phantom");
  std::optional<FreshFolder> second;
  if (has_second) second.emplace(options.second_reader, "phantom");
  const int64_t threads = options.threads > 0 ? options.threads : std::max<int64_t>(1, std::thread::hardware_concurrency());
  ThreadPool pool(static_cast<size_t>(threads));
  CsvTable table{{"subject", "tumour_type", "sex", "age"}, {}};
  for (int64_t subject = 0; subject < options.subjects; ++subject) {
    table.rows.push_back(write_subject(fresh.path(), second ? &*second : nullptr, subject, options, pool));
  }
  write_file_atomically(fresh.path() / "subjects.csv", to_csv(table));
  write_file_atomically(fresh.path() / "PHANTOM.txt", marker_text(options));
  if (second) write_file_atomically(second->path() / "PHANTOM.txt", "A second reader's labels.\n" + marker_text(options));
  fresh.keep();
  if (second) second->keep();
}

}  // namespace larmor::datasets
