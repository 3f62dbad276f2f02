#include "imaging/dicom_pixels.h"

#include <fmt/format.h>
#include <gdcmFragment.h>
#include <gdcmImage.h>
#include <gdcmSequenceOfFragments.h>
#include <gdcmTrace.h>

#include <algorithm>
#include <cstring>
#include <mutex>

#include "core/error.h"

namespace larmor::imaging {

namespace {

constexpr DicomTag kSamples = 0x00280002, kPhotometric = 0x00280004, kFrames = 0x00280008, kRows = 0x00280010, kColumns = 0x00280011,
                   kBitsAllocated = 0x00280100, kBitsStored = 0x00280101, kHighBit = 0x00280102, kIsSigned = 0x00280103,
                   kPixelData = 0x7FE00010;

StoredType stored_type(int bits, bool is_signed, const std::string& name) {
  const std::optional<StoredType> type = bits > 32 || bits < 0 ? std::nullopt : integer_of(static_cast<uint64_t>(bits), is_signed);
  if (!type) throw_damaged(name, fmt::format("{} bits per pixel are not supported; allowed: 8, 16, 32", bits));
  return *type;
}

uint16_t needed(const DicomDataSet& data, DicomTag tag, const char* keyword, const std::string& name) {
  const auto value = data.u16(tag);
  if (!value) throw_damaged(name, fmt::format("{} is missing", keyword));
  return *value;
}

/// One byte plane of a frame (PS3.5, annex G): runs and literals as in PackBits.
void unpack_plane(std::span<const std::byte> packed, std::byte* out, size_t step, size_t count, const std::string& name) {
  size_t at = 0, done = 0;
  while (done < count) {
    if (at >= packed.size()) throw_damaged(name, "its RLE pixels are cut off");
    const auto code = static_cast<int8_t>(packed[at++]);
    if (code == -128) continue;
    const bool is_run = code < 0;
    const size_t length = is_run ? static_cast<size_t>(1 - code) : static_cast<size_t>(code) + 1;
    const size_t taken = is_run ? 1 : length;
    if (taken > packed.size() - at) throw_damaged(name, "its RLE pixels are cut off");
    for (size_t i = 0; i < length && done < count; ++i, ++done) out[done * step] = packed[at + (is_run ? 0 : i)];
    at += taken;
  }
}

/// Planes come with the most significant byte first.
void unpack_rle(const FileBytes& fragment, size_t element, size_t count, std::byte* out) {
  const ByteReader reader(fragment, false);
  if (reader.u32(0) != element) throw_damaged(fragment.name, fmt::format("its RLE frame has {} planes, not {}", reader.u32(0), element));
  for (size_t plane = 0; plane < element; ++plane) {
    const uint32_t start = reader.u32(4 + 4 * plane);
    const uint64_t end = plane + 1 < element ? uint64_t{reader.u32(8 + 4 * plane)} : fragment.bytes.size();
    if (end < start || end > fragment.bytes.size()) throw_damaged(fragment.name, "its RLE frame is damaged");
    unpack_plane(fragment.bytes.subspan(start, end - start), out + (element - 1 - plane), element, count, fragment.name);
  }
}

/// What a compressed code stream says of itself.
struct CodeStream {
  uint64_t width = 0, height = 0, samples = 0, bits = 0;
};

/// JPEG and JPEG-LS: the start-of-frame segment.
CodeStream jpeg_size(const ByteReader& reader) {
  uint64_t at = 2;
  while (true) {
    const uint16_t marker = reader.u16(at);
    const uint8_t kind = marker & 0xFF;
    if (marker >> 8 != 0xFF) throw_damaged(reader.file().name, "its JPEG pixels are damaged");
    const bool is_fill = kind == 0xFF;
    const bool is_frame = (kind >= 0xC0 && kind <= 0xCF && kind != 0xC4 && kind != 0xC8 && kind != 0xCC) || kind == 0xF7;
    if (is_frame) return {reader.u16(at + 7), reader.u16(at + 5), reader.number(at + 9, 1), reader.number(at + 4, 1)};
    at += is_fill ? 1 : 2 + uint64_t{reader.u16(at + 2)};
  }
}

/// JPEG 2000: the SIZ segment, which comes first.
CodeStream jpeg_2000_size(const ByteReader& reader) {
  if (reader.u16(2) != 0xFF51) throw_damaged(reader.file().name, "its JPEG 2000 pixels are damaged");
  const uint64_t width = reader.u32(8), height = reader.u32(12), left = reader.u32(16), top = reader.u32(20);
  return {width - std::min(width, left), height - std::min(height, top), reader.u16(40), (reader.number(42, 1) & 0x7F) + 1};
}

/// A decoder sizes its memory by the code stream, so that must agree with the header before the decoder runs.
void check_code_streams(const DicomElement& pixels, DicomCoding coding, const DicomPixelLayout& layout, const std::string& name) {
  const uint16_t start = coding == DicomCoding::jpeg_2000 ? 0xFF4F : 0xFFD8;
  int64_t streams = 0;
  for (const auto& fragment : pixels.fragments) {
    const FileBytes bytes{fragment, name};
    const ByteReader reader(bytes, true);
    if (fragment.size() < 2 || reader.u16(0) != start) continue;
    const CodeStream stream = coding == DicomCoding::jpeg_2000 ? jpeg_2000_size(reader) : jpeg_size(reader);
    ++streams;
    const bool is_same = stream.width == static_cast<uint64_t>(layout.width) && stream.height == static_cast<uint64_t>(layout.height);
    if (is_same && stream.samples == 1 && stream.bits <= 8 * size_of(layout.type)) continue;
    throw_damaged(
        name, fmt::format("its compressed pixels are {} x {} with {} samples of {} bits, but its header says {} x {} with 1 of {}",
                          stream.width, stream.height, stream.samples, stream.bits, layout.width, layout.height, 8 * size_of(layout.type)));
  }
  if (streams < layout.frames) throw_damaged(name, fmt::format("{} compressed frames, but its header promises {}", streams, layout.frames));
}

void silence_gdcm() {
  static std::once_flag once;
  std::call_once(once, [] {
    gdcm::Trace::DebugOff();
    gdcm::Trace::WarningOff();
    gdcm::Trace::ErrorOff();
  });
}

gdcm::DataElement gdcm_fragments(const DicomElement& pixels) {
  gdcm::SmartPointer<gdcm::SequenceOfFragments> sequence = gdcm::SequenceOfFragments::New();
  for (const auto& bytes : pixels.fragments) {
    gdcm::Fragment fragment;
    fragment.SetByteValue(reinterpret_cast<const char*>(bytes.data()), gdcm::VL(static_cast<uint32_t>(bytes.size())));
    sequence->AddFragment(fragment);
  }
  gdcm::DataElement element(gdcm::Tag(kPixelData >> 16, kPixelData & 0xFFFF));
  element.SetVR(gdcm::VR::OB);
  element.SetValue(*sequence);
  return element;
}

/// GDCM gets the checked fragments alone: its own reader takes memory for whatever length the rest of a file claims.
gdcm::Image gdcm_image(const DicomElement& pixels, const DicomPixelLayout& layout, const std::string& syntax) {
  gdcm::Image image;
  image.SetNumberOfDimensions(layout.frames > 1 ? 3 : 2);
  image.SetDimension(0, static_cast<unsigned>(layout.width));
  image.SetDimension(1, static_cast<unsigned>(layout.height));
  if (layout.frames > 1) image.SetDimension(2, static_cast<unsigned>(layout.frames));
  const auto bits = static_cast<unsigned short>(8 * size_of(layout.type));
  const auto stored = static_cast<unsigned short>(layout.bits_stored);
  const bool is_signed = layout.type == StoredType::i8 || layout.type == StoredType::i16 || layout.type == StoredType::i32;
  image.SetPixelFormat(gdcm::PixelFormat(1, bits, stored, static_cast<unsigned short>(stored - 1), is_signed ? 1 : 0));
  image.SetPhotometricInterpretation(gdcm::PhotometricInterpretation::MONOCHROME2);
  image.SetTransferSyntax(gdcm::TransferSyntax::GetTSType(syntax.c_str()));
  image.SetDataElement(gdcm_fragments(pixels));
  return image;
}

std::vector<std::byte> decode_with_gdcm(const DicomFile& dicom, const DicomElement& pixels, const DicomPixelLayout& layout,
                                        const std::string& name) {
  silence_gdcm();
  std::vector<std::byte> out(layout.frame_bytes() * static_cast<size_t>(layout.frames));
  bool is_decoded = false;
  try {
    const gdcm::Image image = gdcm_image(pixels, layout, dicom.transfer_syntax);
    is_decoded = image.GetBufferLength() == out.size() && image.GetBuffer(reinterpret_cast<char*>(out.data()));
  } catch (const std::exception&) {
    is_decoded = false;
  }
  if (!is_decoded) throw_damaged(name, "its compressed pixels cannot be decoded");
  return out;
}

std::vector<std::byte> decode_rle(const DicomElement& pixels, const DicomPixelLayout& layout, const std::string& name) {
  if (pixels.fragments.size() != static_cast<size_t>(layout.frames)) {
    throw_damaged(name, fmt::format("{} RLE frames, but its header promises {}", pixels.fragments.size(), layout.frames));
  }
  std::vector<std::byte> out(layout.frame_bytes() * static_cast<size_t>(layout.frames));
  for (size_t i = 0; i < pixels.fragments.size(); ++i) {
    unpack_rle({pixels.fragments[i], name}, size_of(layout.type), static_cast<size_t>(layout.width * layout.height),
               out.data() + i * layout.frame_bytes());
  }
  return out;
}

template <class T>
void clean_high_bits(std::vector<std::byte>& pixels, int bits) {
  const int unused = 8 * static_cast<int>(sizeof(T)) - bits;
  if (unused == 0) return;
  using Unsigned = std::make_unsigned_t<T>;
  for (size_t at = 0; at < pixels.size(); at += sizeof(T)) {
    Unsigned value;
    std::memcpy(&value, pixels.data() + at, sizeof value);
    const auto cleaned = static_cast<T>(static_cast<T>(static_cast<Unsigned>(value << unused)) >> unused);
    std::memcpy(pixels.data() + at, &cleaned, sizeof cleaned);
  }
}

void clean_high_bits(std::vector<std::byte>& pixels, const DicomPixelLayout& layout) {
  switch (layout.type) {
    case StoredType::u8:
      return clean_high_bits<uint8_t>(pixels, layout.bits_stored);
    case StoredType::i8:
      return clean_high_bits<int8_t>(pixels, layout.bits_stored);
    case StoredType::u16:
      return clean_high_bits<uint16_t>(pixels, layout.bits_stored);
    case StoredType::i16:
      return clean_high_bits<int16_t>(pixels, layout.bits_stored);
    case StoredType::u32:
      return clean_high_bits<uint32_t>(pixels, layout.bits_stored);
    default:
      return clean_high_bits<int32_t>(pixels, layout.bits_stored);
  }
}

}  // namespace

DicomPixelLayout dicom_pixel_layout(const DicomDataSet& data, const std::string& name) {
  DicomPixelLayout layout;
  layout.height = needed(data, kRows, "Rows", name);
  layout.width = needed(data, kColumns, "Columns", name);
  const double frames = data.decimal(kFrames).value_or(1);
  constexpr double kMostFrames = 1e6;
  if (!(frames >= 1 && frames <= kMostFrames)) throw_damaged(name, fmt::format("its header is damaged: {} frames", frames));
  layout.frames = static_cast<int64_t>(frames);
  check_size(name, {layout.width, layout.height, layout.frames}, 1);
  const int samples = data.u16(kSamples).value_or(1);
  const std::string photometric = data.text(kPhotometric);
  if (samples != 1 || photometric != "MONOCHROME2") {
    throw_damaged(name, fmt::format("{} samples of {} are not supported; allowed: 1 of 'MONOCHROME2'", samples, in_quotes(photometric)));
  }
  const int allocated = needed(data, kBitsAllocated, "BitsAllocated", name);
  layout.type = stored_type(allocated, data.u16(kIsSigned).value_or(0) == 1, name);
  layout.bits_stored = data.u16(kBitsStored).value_or(static_cast<uint16_t>(allocated));
  const int high_bit = data.u16(kHighBit).value_or(static_cast<uint16_t>(layout.bits_stored - 1));
  if (layout.bits_stored < 1 || layout.bits_stored > allocated || high_bit != layout.bits_stored - 1) {
    throw_damaged(name, fmt::format("{} bits up to bit {} in {} are not supported", layout.bits_stored, high_bit, allocated));
  }
  return layout;
}

std::vector<std::byte> decode_dicom_pixels(const DicomFile& dicom, const FileBytes& file, const DicomPixelLayout& layout) {
  const DicomElement* pixels = dicom.data.find(kPixelData);
  if (pixels == nullptr) throw_damaged(file.name, "has no pixels");
  const size_t expected = layout.frame_bytes() * static_cast<size_t>(layout.frames);
  std::vector<std::byte> out;
  if (dicom.coding == DicomCoding::plain) {
    if (pixels->value.size() < expected) {
      throw_damaged(file.name, fmt::format("{} bytes of pixels, but its header promises {}", pixels->value.size(), expected));
    }
    out.assign(pixels->value.begin(), pixels->value.begin() + static_cast<int64_t>(expected));
    if (dicom.data.big_endian) swap_bytes(out, size_of(layout.type));
  } else if (dicom.coding == DicomCoding::rle) {
    out = decode_rle(*pixels, layout, file.name);
  } else {
    check_code_streams(*pixels, dicom.coding, layout, file.name);
    out = decode_with_gdcm(dicom, *pixels, layout, file.name);
  }
  clean_high_bits(out, layout);
  return out;
}

}  // namespace larmor::imaging
