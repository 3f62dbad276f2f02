#include "imaging/dicom_write.h"

#include <fmt/format.h>

#include <cstring>
#include <map>

#include "core/error.h"
#include "core/files.h"
#include "imaging/dicom_file.h"

namespace larmor::imaging {

namespace {

constexpr const char* kMrImage = "1.2.840.10008.5.1.4.1.1.4";
constexpr const char* kExplicitLittleEndian = "1.2.840.10008.1.2.1";
constexpr DicomTag kPixelData = 0x7FE00010;

/// Elements in ascending order of their tags, as a file has them.
class Elements {
 public:
  void text(DicomTag tag, const char* vr, const std::string& value) {
    const bool is_uid = std::strcmp(vr, "UI") == 0;
    put(tag, vr, value.size() % 2 == 0 ? value : value + (is_uid ? '\0' : ' '));
  }
  void text_if_any(DicomTag tag, const char* vr, const std::string& value) {
    if (!value.empty()) text(tag, vr, value);
  }
  void decimal_if_any(DicomTag tag, const std::optional<double>& value) {
    if (value) text(tag, "DS", fmt::format("{:.10g}", *value));
  }
  void u16(DicomTag tag, int64_t value) { put(tag, "US", little(static_cast<uint64_t>(value), 2)); }
  void put(DicomTag tag, const char* vr, std::string value) { all_[tag] = {vr, std::move(value)}; }

  std::string encoded() const {
    std::string out;
    for (const auto& [tag, element] : all_) {
      const auto& [vr, value] = element;
      out += little(tag >> 16, 2) + little(tag & 0xFFFF, 2) + vr;
      const bool is_long = vr == "OW" || vr == "OB";
      out += is_long ? std::string(2, '\0') + little(value.size(), 4) : little(value.size(), 2);
      out += value;
    }
    return out;
  }

  static std::string little(uint64_t value, size_t bytes) {
    std::string out;
    for (size_t i = 0; i < bytes; ++i) out += static_cast<char>(value >> 8 * i & 0xFF);
    return out;
  }

 private:
  std::map<DicomTag, std::pair<std::string, std::string>> all_;
};

/// A DS holds 16 characters.
std::string decimals(std::initializer_list<double> values) {
  std::string text;
  for (const double value : values) text += fmt::format("{}{:.9g}", text.empty() ? "" : "\\", value);
  return text;
}

std::string meta_information(const std::string& instance_uid) {
  Elements meta;
  meta.put(0x00020001, "OB", std::string("\0\1", 2));
  meta.text(0x00020002, "UI", kMrImage);
  meta.text(0x00020003, "UI", instance_uid);
  meta.text(0x00020010, "UI", kExplicitLittleEndian);
  meta.text(0x00020012, "UI", "2.25.211743950012");
  const std::string rest = meta.encoded();
  Elements length;
  length.put(0x00020000, "UL", Elements::little(rest.size(), 4));
  return length.encoded() + rest;
}

void add_description(Elements& elements, const DicomSeries& series) {
  elements.text(0x00080020, "DA", series.study_date);
  elements.text_if_any(0x00080032, "TM", series.acquisition_time);
  elements.text(0x00080060, "CS", series.modality);
  elements.text_if_any(0x00080070, "LO", series.manufacturer);
  elements.text_if_any(0x0008103E, "LO", series.description);
  elements.text(0x00100020, "LO", series.patient_id);
  elements.text_if_any(0x00180010, "LO", series.contrast_agent);
  elements.decimal_if_any(0x00180050, series.slice_thickness_mm);
  elements.decimal_if_any(0x00180080, series.repetition_time_ms);
  elements.decimal_if_any(0x00180081, series.echo_time_ms);
  elements.decimal_if_any(0x00180082, series.inversion_time_ms);
  elements.text_if_any(0x00181030, "LO", series.protocol);
  elements.text(0x0020000D, "UI", series.study_uid);
  elements.text(0x0020000E, "UI", series.uid);
  elements.text(0x00200011, "IS", fmt::format("{}", series.number));
}

void add_geometry(Elements& elements, const Geometry& geometry) {
  const auto& d = geometry.direction;
  elements.text(0x00200032, "DS", decimals({geometry.origin_mm[0], geometry.origin_mm[1], geometry.origin_mm[2]}));
  elements.text(0x00200037, "DS", decimals({d[0], d[3], d[6], d[1], d[4], d[7]}));
  elements.text(0x00280030, "DS", decimals({geometry.spacing_mm[1], geometry.spacing_mm[0]}));
}

void add_pixels(Elements& elements, const Image& slice) {
  elements.u16(0x00280002, 1);
  elements.text(0x00280004, "CS", "MONOCHROME2");
  elements.u16(0x00280010, slice.height());
  elements.u16(0x00280011, slice.width());
  elements.u16(0x00280100, 16);
  elements.u16(0x00280101, 16);
  elements.u16(0x00280102, 15);
  elements.u16(0x00280103, slice.type == PixelType::i16 ? 1 : 0);
  elements.put(kPixelData, "OW", {reinterpret_cast<const char*>(slice.bytes.data()), slice.bytes.size()});
}

}  // namespace

std::string encode_dicom_slice(const Image& slice, const DicomSeries& series, int64_t image_number) {
  LARMOR_ASSERT(slice.depth() == 1 && slice.channels == 1 && (slice.type == PixelType::i16 || slice.type == PixelType::u16));
  LARMOR_ASSERT(slice.width() <= 65535 && slice.height() <= 65535);
  const std::string instance_uid = fmt::format("{}.{}", series.uid, image_number);
  Elements elements;
  elements.text(0x00080016, "UI", kMrImage);
  elements.text(0x00080018, "UI", instance_uid);
  add_description(elements, series);
  elements.text(0x00200013, "IS", fmt::format("{}", image_number));
  add_geometry(elements, slice.geometry);
  add_pixels(elements, slice);
  return std::string(128, '\0') + "DICM" + meta_information(instance_uid) + elements.encoded();
}

void write_dicom_series(const std::filesystem::path& folder, const Image& volume, const DicomSeries& series) {
  if (volume.channels != 1 || (volume.type != PixelType::i16 && volume.type != PixelType::u16)) {
    throw_usage_error(fmt::format("{}: DICOM is written from one channel of i16 or u16, not {} of {}", folder.string(), volume.channels,
                                  to_string(volume.type)));
  }
  make_folder(folder);
  for (int64_t z = 0; z < volume.depth(); ++z) {
    write_file_atomically(folder / fmt::format("{:04}.dcm", z + 1), encode_dicom_slice(slice_of(volume, z), series, z + 1));
  }
}

}  // namespace larmor::imaging
