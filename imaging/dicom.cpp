#include "imaging/dicom.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <numbers>
#include <set>
#include <tuple>

#include "core/error.h"
#include "core/files.h"
#include "imaging/dicom_file.h"
#include "imaging/dicom_pixels.h"
#include "imaging/transform.h"

namespace larmor::imaging {

namespace fs = std::filesystem;

namespace {

/// Element tags, by their keywords in PS3.6.
namespace tag {
constexpr DicomTag kImageType = 0x00080008, kStudyDate = 0x00080020, kSeriesTime = 0x00080031, kAcquisitionTime = 0x00080032,
                   kContentTime = 0x00080033, kAcquisitionDateTime = 0x0008002A, kModality = 0x00080060, kManufacturer = 0x00080070,
                   kSeriesDescription = 0x0008103E, kPatientId = 0x00100020, kContrastAgent = 0x00180010, kContrastAgents = 0x00180012,
                   kSliceThickness = 0x00180050, kRepetitionTime = 0x00180080, kEchoTime = 0x00180081, kInversionTime = 0x00180082,
                   kProtocol = 0x00181030, kEffectiveEchoTime = 0x00189082, kTiming = 0x00189112, kEcho = 0x00189114,
                   kContrastUsage = 0x00189341, kStudyUid = 0x0020000D, kSeriesUid = 0x0020000E, kSeriesNumber = 0x00200011,
                   kAcquisitionNumber = 0x00200012, kInstanceNumber = 0x00200013, kPosition = 0x00200032, kOrientation = 0x00200037,
                   kTemporalPosition = 0x00200100, kFrameContent = 0x00209111, kPlanePosition = 0x00209113, kPlaneOrientation = 0x00209116,
                   kTemporalIndex = 0x00209128, kPixelSpacing = 0x00280030, kIntercept = 0x00281052, kSlope = 0x00281053,
                   kPixelMeasures = 0x00289110, kValueTransformation = 0x00289145, kSharedGroups = 0x52009229, kFrameGroups = 0x52009230,
                   kPixelData = 0x7FE00010;
}  // namespace tag

struct Identity {
  DicomTag tag;
  const char* keyword;
};
constexpr Identity kIdentities[] = {
    {0x00080050, "AccessionNumber"},         {0x00080080, "InstitutionName"},    {0x00080081, "InstitutionAddress"},
    {0x00080090, "ReferringPhysicianName"},  {0x00081048, "PhysiciansOfRecord"}, {0x00081050, "PerformingPhysicianName"},
    {0x00081070, "OperatorsName"},           {0x00100010, "PatientName"},        {0x00100020, "PatientID"},
    {0x00100030, "PatientBirthDate"},        {0x00101000, "OtherPatientIDs"},    {0x00101001, "OtherPatientNames"},
    {0x00101005, "PatientBirthName"},        {0x00101040, "PatientAddress"},     {0x00101060, "PatientMotherBirthName"},
    {0x00102154, "PatientTelephoneNumbers"},
};

/// Functional groups of one frame; of a classic image: the image itself.
class FrameGroups {
 public:
  FrameGroups(const DicomDataSet& data, int64_t frame) : data_(data), shared_(data.item(tag::kSharedGroups)) {
    const DicomElement* frames = data.find(tag::kFrameGroups);
    if (frames != nullptr && frame < static_cast<int64_t>(frames->items.size())) frame_ = &frames->items[static_cast<size_t>(frame)];
  }
  /// The group of the frame, else the shared one, else the image's own elements.
  const DicomDataSet& group(DicomTag sequence) const {
    for (const DicomDataSet* one : {frame_, shared_}) {
      const DicomDataSet* item = one == nullptr ? nullptr : one->item(sequence);
      if (item != nullptr) return *item;
    }
    return data_;
  }

 private:
  const DicomDataSet& data_;
  const DicomDataSet* shared_;
  const DicomDataSet* frame_ = nullptr;
};

/// One image of a series.
struct Slice {
  Point position{};
  std::array<double, 6> orientation{};  ///< direction of a row, then of a column
  double spacing_x_mm = 0, spacing_y_mm = 0;
  double slope = 1, inter = 0;
  std::array<double, 3> order{};  ///< temporal position, acquisition, image number
  double along_normal_mm = 0;
  std::vector<std::byte> pixels;
};

double dot(const double* a, const double* b) { return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]; }

Point normal_of(const std::array<double, 6>& o) {
  return {o[1] * o[5] - o[2] * o[4], o[2] * o[3] - o[0] * o[5], o[0] * o[4] - o[1] * o[3]};
}

void read_place(const FrameGroups& groups, Slice& slice, const std::string& name) {
  const auto position = groups.group(tag::kPlanePosition).decimals(tag::kPosition);
  const auto orientation = groups.group(tag::kPlaneOrientation).decimals(tag::kOrientation);
  const auto spacing = groups.group(tag::kPixelMeasures).decimals(tag::kPixelSpacing);
  if (position.size() != 3) throw_data_error(fmt::format("{}: ImagePositionPatient is missing or damaged", name));
  if (orientation.size() != 6) throw_data_error(fmt::format("{}: ImageOrientationPatient is missing or damaged", name));
  if (spacing.size() != 2 || !(spacing[0] > 0) || !(spacing[1] > 0)) {
    throw_data_error(fmt::format("{}: PixelSpacing is missing or damaged", name));
  }
  std::copy_n(position.begin(), 3, slice.position.begin());
  std::copy_n(orientation.begin(), 6, slice.orientation.begin());
  slice.spacing_y_mm = spacing[0];
  slice.spacing_x_mm = spacing[1];
  const double* row = slice.orientation.data();
  const double* column = row + 3;
  constexpr double kTolerance = 1e-3;  // directions are written with few digits
  const bool is_plane =
      std::abs(dot(row, row) - 1) < kTolerance && std::abs(dot(column, column) - 1) < kTolerance && std::abs(dot(row, column)) < kTolerance;
  if (!is_plane) throw_data_error(fmt::format("{}: ImageOrientationPatient is no pair of perpendicular directions", name));
}

void read_scaling(const FrameGroups& groups, Slice& slice, const std::string& name) {
  const DicomDataSet& group = groups.group(tag::kValueTransformation);
  slice.slope = group.decimal(tag::kSlope).value_or(1);
  slice.inter = group.decimal(tag::kIntercept).value_or(0);
  if (slice.slope == 0) throw_data_error(fmt::format("{}: RescaleSlope is 0", name));
}

Slice read_slice(const DicomDataSet& data, int64_t frame, const std::string& name) {
  const FrameGroups groups(data, frame);
  Slice slice;
  read_place(groups, slice, name);
  read_scaling(groups, slice, name);
  const DicomElement* index = groups.group(tag::kFrameContent).find(tag::kTemporalIndex);
  const double temporal = index != nullptr && index->value.size() == 4
                              ? static_cast<double>(ByteReader({index->value, name}, data.big_endian).u32(0))
                              : data.decimal(tag::kTemporalPosition).value_or(0);
  const double image = data.decimal(tag::kInstanceNumber).value_or(0);
  slice.order = {temporal, data.decimal(tag::kAcquisitionNumber).value_or(0), image + static_cast<double>(frame) * 1e-7};
  return slice;
}

/// All images of a series and what they have in common.
struct Stack {
  std::string name;
  DicomPixelLayout layout;
  std::vector<Slice> slices;
};

[[noreturn]] void refuse(const Stack& stack, const std::string& message) { throw_data_error(fmt::format("{}: {}", stack.name, message)); }

void check_kind(const DicomDataSet& data, const DicomPixelLayout& layout, const std::string& name) {
  if (data.text(tag::kImageType).find("MOSAIC") != std::string::npos) {
    throw_data_error(fmt::format("{}: is a Siemens mosaic, which holds many slices in one picture; not supported", name));
  }
  const DicomElement* groups = data.find(tag::kFrameGroups);
  const size_t described = groups == nullptr ? 0 : groups->items.size();
  if (layout.frames > 1 && described != static_cast<size_t>(layout.frames)) {
    throw_data_error(fmt::format("{}: {} frames, but the places of {} frames: no volume", name, layout.frames, described));
  }
}

void add_file(Stack& stack, const fs::path& path) {
  const std::string content = read_file(path);
  const FileBytes bytes{std::as_bytes(std::span(content)), path.string()};
  const DicomFile file = parse_dicom(bytes);
  const DicomPixelLayout layout = dicom_pixel_layout(file.data, bytes.name);
  check_kind(file.data, layout, bytes.name);
  if (!stack.slices.empty() && (layout.width != stack.layout.width || layout.height != stack.layout.height)) {
    refuse(stack, fmt::format("images of {} x {} and {} x {} pixels: no volume", stack.layout.width, stack.layout.height, layout.width,
                              layout.height));
  }
  if (!stack.slices.empty() && layout.type != stack.layout.type) refuse(stack, "images of different pixel types: no volume");
  stack.layout = layout;
  const std::vector<std::byte> pixels = decode_dicom_pixels(file, bytes, layout);
  for (int64_t frame = 0; frame < layout.frames; ++frame) {
    Slice slice = read_slice(file.data, frame, bytes.name);
    const auto start = pixels.begin() + static_cast<int64_t>(layout.frame_bytes()) * frame;
    slice.pixels.assign(start, start + static_cast<int64_t>(layout.frame_bytes()));
    stack.slices.push_back(std::move(slice));
  }
}

void check_parallel(const Stack& stack) {
  constexpr double kTolerance = 1e-3;  // 0.06 degrees
  std::vector<std::array<double, 6>> orientations;
  for (const Slice& slice : stack.slices) {
    const bool is_known = std::any_of(orientations.begin(), orientations.end(), [&](const auto& one) {
      return std::equal(one.begin(), one.end(), slice.orientation.begin(), [](double a, double b) { return std::abs(a - b) < kTolerance; });
    });
    if (!is_known) orientations.push_back(slice.orientation);
  }
  if (orientations.size() > 1) {
    refuse(stack,
           fmt::format("its {} images have {} orientations, as those of a localiser: no volume", stack.slices.size(), orientations.size()));
  }
  const Slice& first = stack.slices.front();
  for (const Slice& slice : stack.slices) {
    const bool is_same =
        std::abs(slice.spacing_x_mm - first.spacing_x_mm) < 1e-4 && std::abs(slice.spacing_y_mm - first.spacing_y_mm) < 1e-4;
    if (!is_same) refuse(stack, "images of different pixel spacing: no volume");
  }
}

/// Sorts along the normal, then by time; returns how many images lie at each position.
size_t sort_slices(Stack& stack, std::vector<size_t>& starts) {
  const Point normal = normal_of(stack.slices.front().orientation);
  for (Slice& slice : stack.slices) slice.along_normal_mm = dot(slice.position.data(), normal.data());
  std::stable_sort(stack.slices.begin(), stack.slices.end(),
                   [](const Slice& a, const Slice& b) { return a.along_normal_mm < b.along_normal_mm; });
  constexpr double kSamePlace_mm = 1e-3;
  for (size_t i = 0; i < stack.slices.size(); ++i) {
    if (i == 0 || stack.slices[i].along_normal_mm - stack.slices[i - 1].along_normal_mm > kSamePlace_mm) starts.push_back(i);
  }
  starts.push_back(stack.slices.size());
  std::set<size_t> counts;
  for (size_t i = 0; i + 1 < starts.size(); ++i) {
    counts.insert(starts[i + 1] - starts[i]);
    std::stable_sort(stack.slices.begin() + static_cast<int64_t>(starts[i]), stack.slices.begin() + static_cast<int64_t>(starts[i + 1]),
                     [](const Slice& a, const Slice& b) { return a.order < b.order; });
  }
  if (counts.size() > 1) {
    refuse(stack, fmt::format("from {} to {} images at its {} positions: images are missing, or it is no volume", *counts.begin(),
                              *counts.rbegin(), starts.size() - 1));
  }
  return *counts.begin();
}

/// Slices lie at equal steps along their normal and straight above each other. Returns the step.
double check_spacing(const Stack& stack, const std::vector<size_t>& starts) {
  const size_t count = starts.size() - 1;
  constexpr size_t kLeastSlices = 3;
  if (count == 1 && stack.slices.size() > 1) {
    refuse(stack, fmt::format("its {} images all lie at one position: no volume", stack.slices.size()));
  }
  if (count < kLeastSlices) {
    refuse(stack, fmt::format("{} slice{}; a volume needs at least {}", count, count == 1 ? "" : "s", kLeastSlices));
  }
  std::vector<double> gaps;
  for (size_t i = 0; i + 1 < count; ++i) {
    gaps.push_back(stack.slices[starts[i + 1]].along_normal_mm - stack.slices[starts[i]].along_normal_mm);
  }
  std::vector<double> sorted = gaps;
  std::sort(sorted.begin(), sorted.end());
  const double usual = sorted[sorted.size() / 2 - (sorted.size() % 2 == 0 ? 1 : 0)];
  const double tolerance = std::max(0.01 * usual, 0.002);  // positions are written with few digits
  for (size_t i = 0; i < gaps.size(); ++i) {
    if (std::abs(gaps[i] - usual) <= tolerance) continue;
    const double steps = std::round(gaps[i] / usual);
    const double from = stack.slices[starts[i]].along_normal_mm, to = stack.slices[starts[i + 1]].along_normal_mm;
    if (steps >= 2 && std::abs(gaps[i] - steps * usual) <= steps * tolerance) {
      refuse(stack, fmt::format("{} missing between {:.2f} mm and {:.2f} mm: slices elsewhere are {:.2f} mm apart",
                                steps == 2 ? "a slice is" : fmt::format("{:.0f} slices are", steps - 1), from, to, usual));
    }
    refuse(stack, fmt::format("slices are not evenly spaced: {:.2f} mm between {:.2f} mm and {:.2f} mm, {:.2f} mm elsewhere", gaps[i], from,
                              to, usual));
  }
  return (stack.slices[starts[count - 1]].along_normal_mm - stack.slices[0].along_normal_mm) / static_cast<double>(count - 1);
}

/// A tilted gantry shifts each slice against the one below it: a sheared volume, which no direction matrix can hold.
void check_straight(const Stack& stack, double step_mm) {
  const Slice& first = stack.slices.front();
  const Point normal = normal_of(first.orientation);
  double most_shift = 0, at_height = 1;
  for (const Slice& slice : stack.slices) {
    const double height = slice.along_normal_mm - first.along_normal_mm;
    double squares = 0;
    for (size_t i = 0; i < 3; ++i) squares += std::pow(slice.position[i] - first.position[i] - height * normal[i], 2);
    if (std::sqrt(squares) <= most_shift) continue;
    most_shift = std::sqrt(squares);
    at_height = std::max(height, step_mm);
  }
  constexpr double kMostShift = 0.1;  // of a pixel
  if (most_shift <= kMostShift * std::min(first.spacing_x_mm, first.spacing_y_mm)) return;
  refuse(stack, fmt::format("slices are shifted sideways by up to {:.2f} mm (gantry tilt of {:.1f} degrees): no rectangular volume",
                            most_shift, std::atan2(most_shift, at_height) * 180 / std::numbers::pi));
}

Geometry geometry_of(const Stack& stack, double step_mm) {
  const Slice& first = stack.slices.front();
  Geometry geometry;
  geometry.has_spacing = true;
  geometry.spacing_mm = {first.spacing_x_mm, first.spacing_y_mm, step_mm};
  geometry.origin_mm = first.position;
  const Point normal = normal_of(first.orientation);
  for (size_t i = 0; i < 3; ++i) {
    geometry.direction[3 * i] = first.orientation[i];
    geometry.direction[3 * i + 1] = first.orientation[3 + i];
    geometry.direction[3 * i + 2] = normal[i];
  }
  return geometry;
}

Image scaled(const Image& image, const std::vector<Slice>& slices) {
  Image result = convert(image, PixelType::f32);
  float* value = result.data<float>();
  for (int64_t z = 0; z < result.size[2]; ++z) {
    for (int64_t i = 0; i < result.size[0] * result.size[1]; ++i) {
      for (int64_t c = 0; c < result.channels; ++c, ++value) {
        const Slice& slice = slices[static_cast<size_t>(z * result.channels + c)];
        *value = static_cast<float>(double{*value} * slice.slope + slice.inter);
      }
    }
  }
  return result;
}

/// Slices in order, `times` of them at each position, to a volume whose channels are the times.
Image assemble(const Stack& stack, size_t times, double step_mm) {
  ImageHeader header;
  header.size = {stack.layout.width, stack.layout.height, static_cast<int64_t>(stack.slices.size() / times)};
  header.channels = static_cast<int64_t>(times);
  header.geometry = geometry_of(stack, step_mm);
  check_size(stack.name, header.size, header.channels);
  const size_t element = size_of(stack.layout.type);
  const size_t pixels = static_cast<size_t>(stack.layout.width * stack.layout.height);
  std::vector<std::byte> elements(stack.slices.size() * pixels * element);
  for (size_t s = 0; s < stack.slices.size(); ++s) {
    std::byte* out = elements.data() + (s / times * pixels * times + s % times) * element;
    const std::byte* in = stack.slices[s].pixels.data();
    for (size_t i = 0; i < pixels; ++i, out += times * element, in += element) std::memcpy(out, in, element);
  }
  const Image image = from_stored(std::move(elements), stack.layout.type, header);
  const bool is_scaled =
      std::any_of(stack.slices.begin(), stack.slices.end(), [](const Slice& slice) { return slice.slope != 1 || slice.inter != 0; });
  return is_scaled ? scaled(image, stack.slices) : image;
}

std::string time_of(const DicomDataSet& data) {
  for (const DicomTag one : {tag::kAcquisitionTime, tag::kContentTime, tag::kSeriesTime}) {
    std::string time = data.text(one);
    if (!time.empty() && one != tag::kContentTime) return time;
    const std::string both = data.text(tag::kAcquisitionDateTime);
    if (one == tag::kAcquisitionTime && both.size() >= 14) return both.substr(8);
    if (!time.empty()) return time;
  }
  return "";
}

std::string contrast_of(const DicomDataSet& data) {
  std::string agent = data.text(tag::kContrastAgent);
  if (!agent.empty()) return agent;
  const FrameGroups groups(data, 0);
  const bool is_used = data.item(tag::kContrastAgents) != nullptr || &groups.group(tag::kContrastUsage) != &data;
  return is_used ? "yes" : "";
}

DicomSeries describe(const DicomDataSet& data) {
  const FrameGroups groups(data, 0);
  DicomSeries series;
  series.uid = data.text(tag::kSeriesUid);
  series.study_uid = data.text(tag::kStudyUid);
  series.number = static_cast<int64_t>(std::clamp(data.decimal(tag::kSeriesNumber).value_or(0), -1e9, 1e9));
  series.description = data.text(tag::kSeriesDescription);
  series.protocol = data.text(tag::kProtocol);
  series.modality = data.text(tag::kModality);
  series.manufacturer = data.text(tag::kManufacturer);
  series.patient_id = data.text(tag::kPatientId);
  series.contrast_agent = contrast_of(data);
  series.study_date = data.text(tag::kStudyDate);
  series.acquisition_time = time_of(data);
  series.repetition_time_ms = groups.group(tag::kTiming).decimal(tag::kRepetitionTime);
  series.echo_time_ms = groups.group(tag::kEcho).f64(tag::kEffectiveEchoTime);
  if (!series.echo_time_ms) series.echo_time_ms = data.decimal(tag::kEchoTime);
  series.inversion_time_ms = data.decimal(tag::kInversionTime);
  series.slice_thickness_mm = groups.group(tag::kPixelMeasures).decimal(tag::kSliceThickness);
  for (const Identity& identity : kIdentities) {
    if (!data.text(identity.tag).empty()) series.identity_tags.emplace_back(identity.keyword);
  }
  return series;
}

void add_to_folder(const fs::path& path, std::map<std::string, DicomSeries>& by_uid, DicomFolder& folder) {
  try {
    const MappedFile map(path);
    if (map.bytes().empty() && path.extension() == ".dcm") throw_data_error(path.string() + ": is empty");
    if (!is_dicom(map.bytes())) {
      ++folder.other_files;
      return;
    }
    const DicomFile file = parse_dicom({map.bytes(), path.string()});
    if (file.data.find(tag::kPixelData) == nullptr) {
      folder.without_pixels.push_back(path);
      return;
    }
    DicomSeries series = describe(file.data);
    auto [found, is_new] = by_uid.try_emplace(series.uid, series);
    if (!is_new && series.acquisition_time < found->second.acquisition_time) {
      series.files = std::move(found->second.files);
      found->second = std::move(series);
    }
    found->second.files.push_back(path);
  } catch (const Error& error) {
    folder.unreadable.emplace_back(error.what());
  }
}

std::vector<fs::path> files_below(const fs::path& path) {
  std::error_code failed;
  if (!fs::exists(path, failed)) throw_data_error(fmt::format("{}: no such file or folder", path.string()));
  if (!fs::is_directory(path, failed)) return {path};
  std::vector<fs::path> files;
  auto entry = fs::recursive_directory_iterator(path, fs::directory_options::skip_permission_denied, failed);
  for (; !failed && entry != fs::recursive_directory_iterator(); entry.increment(failed)) {
    std::error_code ignored;
    if (entry->is_regular_file(ignored)) files.push_back(entry->path());
  }
  if (failed) throw_data_error(fmt::format("{}: cannot be listed: {}", path.string(), failed.message()));
  std::sort(files.begin(), files.end());
  return files;
}

std::string name_of(const DicomSeries& series) {
  const std::string folder = series.files.empty() ? "" : series.files.front().parent_path().string();
  return fmt::format("{}: series {} {}", folder, series.number, in_quotes(series.description));
}

}  // namespace

DicomFolder list_dicom(const fs::path& path) {
  DicomFolder folder;
  std::map<std::string, DicomSeries> by_uid;
  for (const fs::path& file : files_below(path)) add_to_folder(file, by_uid, folder);
  for (auto& [uid, series] : by_uid) folder.series.push_back(std::move(series));
  std::stable_sort(folder.series.begin(), folder.series.end(), [](const DicomSeries& a, const DicomSeries& b) {
    return std::tie(a.study_date, a.acquisition_time, a.number) < std::tie(b.study_date, b.acquisition_time, b.number);
  });
  return folder;
}

Image read_dicom_series(const DicomSeries& series) {
  Stack stack;
  stack.name = name_of(series);
  for (const fs::path& file : series.files) add_file(stack, file);
  if (stack.slices.empty()) refuse(stack, "holds no image");
  check_parallel(stack);
  std::vector<size_t> starts;
  const size_t times = sort_slices(stack, starts);
  const double step_mm = check_spacing(stack, starts);
  check_straight(stack, step_mm);
  return assemble(stack, times, step_mm);
}

Image read_dicom(const fs::path& path) {
  const DicomFolder folder = list_dicom(path);
  // Without a damaged slice at its end a series would only be shorter.
  if (!folder.unreadable.empty()) throw_data_error(folder.unreadable.front());
  if (folder.series.empty()) {
    throw_data_error(folder.without_pixels.empty() ? fmt::format("{}: holds no DICOM file", path.string())
                                                   : fmt::format("{}: has no pixels", folder.without_pixels.front().string()));
  }
  if (folder.series.size() > 1) {
    std::string names;
    for (const DicomSeries& series : folder.series) {
      names += fmt::format("{}{} {}", names.empty() ? "" : ", ", series.number, in_quotes(series.description));
    }
    throw_data_error(fmt::format("{}: {} DICOM series, name the folder of one: {}", path.string(), folder.series.size(), names));
  }
  return read_dicom_series(folder.series.front());
}

}  // namespace larmor::imaging
