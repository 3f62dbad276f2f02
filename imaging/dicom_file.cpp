#include "imaging/dicom_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>

#include "core/error.h"

namespace larmor::imaging {

namespace {

constexpr size_t kPreamble = 128;
constexpr uint32_t kUndefined = 0xFFFFFFFF;
constexpr int kDeepest = 16;  ///< sequences inside sequences
constexpr DicomTag kItem = 0xFFFEE000, kItemEnd = 0xFFFEE00D, kSequenceEnd = 0xFFFEE0DD;
constexpr DicomTag kTransferSyntax = 0x00020010, kPixelData = 0x7FE00010;

/// Sequences that dicom.cpp reads: files in implicit coding do not tell what is a sequence.
constexpr DicomTag kSequences[] = {0x00189112, 0x00189114, 0x00189341, 0x00209111, 0x00209113,
                                   0x00209116, 0x00289110, 0x00289145, 0x52009229, 0x52009230};

struct Syntax {
  const char* uid;
  bool is_explicit, big_endian;
  DicomCoding coding;
};
constexpr Syntax kSyntaxes[] = {
    {"1.2.840.10008.1.2", false, false, DicomCoding::plain},         {"1.2.840.10008.1.2.1", true, false, DicomCoding::plain},
    {"1.2.840.10008.1.2.2", true, true, DicomCoding::plain},         {"1.2.840.10008.1.2.5", true, false, DicomCoding::rle},
    {"1.2.840.10008.1.2.4.50", true, false, DicomCoding::jpeg},      {"1.2.840.10008.1.2.4.51", true, false, DicomCoding::jpeg},
    {"1.2.840.10008.1.2.4.57", true, false, DicomCoding::jpeg},      {"1.2.840.10008.1.2.4.70", true, false, DicomCoding::jpeg},
    {"1.2.840.10008.1.2.4.80", true, false, DicomCoding::jpeg_ls},   {"1.2.840.10008.1.2.4.81", true, false, DicomCoding::jpeg_ls},
    {"1.2.840.10008.1.2.4.90", true, false, DicomCoding::jpeg_2000}, {"1.2.840.10008.1.2.4.91", true, false, DicomCoding::jpeg_2000},
};

bool has_long_length(const char* vr) {
  constexpr const char* kLong[] = {"OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"};
  return std::any_of(std::begin(kLong), std::end(kLong), [&](const char* one) { return std::memcmp(one, vr, 2) == 0; });
}

/// An element's head.
struct Head {
  DicomTag tag = 0;
  char vr[2] = {'U', 'N'};
  uint32_t length = 0;
};

class Parser {
 public:
  Parser(const FileBytes& file, bool is_explicit, bool big_endian)
      : file_(file), reader_(file, big_endian), is_explicit_(is_explicit), big_endian_(big_endian) {}

  /// Elements from `position` up to `end`, or to the end mark of an item.
  DicomDataSet read_elements(uint64_t& position, uint64_t end, int depth) {
    if (depth > kDeepest) throw_damaged(file_.name, fmt::format("sequences are nested more than {} deep", kDeepest));
    DicomDataSet set;
    set.big_endian = big_endian_;
    while (position < end) {
      const Head head = read_head(position);
      if (head.tag == kItemEnd) return set;
      if (head.tag == kSequenceEnd || head.tag == kItem) throw_damaged(file_.name, fmt::format("misplaced item mark at byte {}", position));
      set.elements[head.tag] = read_value(head, position, end, depth);
      if (head.tag == kPixelData) break;  // nothing of use comes after it, and some files pad there
    }
    return set;
  }

  Head read_head(uint64_t& position) const {
    Head head;
    head.tag = DicomTag{reader_.u16(position)} << 16 | reader_.u16(position + 2);
    position += 4;
    if (!is_explicit_ || head.tag >> 16 == 0xFFFE) {
      head.length = reader_.u32(position);
      position += 4;
      return head;
    }
    std::memcpy(head.vr, reader_.range(position, 2).data(), 2);
    if (has_long_length(head.vr)) {
      head.length = reader_.u32(position + 4);
      position += 8;
    } else {
      head.length = reader_.u16(position + 2);
      position += 4;
    }
    return head;
  }

 private:
  DicomElement read_value(const Head& head, uint64_t& position, uint64_t end, int depth) {
    DicomElement element;
    const bool is_undefined = head.length == kUndefined;
    if (head.tag == kPixelData && is_undefined) {
      element.fragments = read_fragments(position, end);
      return element;
    }
    const uint64_t value_end = is_undefined ? end : position + head.length;
    if (value_end > end) {
      if (end == file_.bytes.size()) throw_cut_off(file_, value_end);
      throw_damaged(file_.name,
                    fmt::format("element ({:04x},{:04x}) is longer than the item that holds it", head.tag >> 16, head.tag & 0xFFFF));
    }
    const bool is_sequence = is_undefined || (is_explicit_ && std::memcmp(head.vr, "SQ", 2) == 0) ||
                             (!is_explicit_ && std::find(std::begin(kSequences), std::end(kSequences), head.tag) != std::end(kSequences));
    if (is_sequence) {
      // A sequence of unknown kind is in implicit coding, whatever the rest of the file is in.
      const bool is_unknown = is_explicit_ && std::memcmp(head.vr, "UN", 2) == 0;
      Parser inner(file_, is_explicit_ && !is_unknown, big_endian_ && !is_unknown);
      element.items = inner.read_items(position, value_end, is_undefined, depth + 1);
      return element;
    }
    element.value = reader_.range(position, head.length);
    position = value_end;
    return element;
  }

  std::vector<DicomDataSet> read_items(uint64_t& position, uint64_t end, bool is_undefined, int depth) {
    std::vector<DicomDataSet> items;
    while (position < end) {
      const Head head = read_head(position);
      if (is_undefined && head.tag == kSequenceEnd) return items;
      if (head.tag != kItem) throw_damaged(file_.name, fmt::format("a sequence holds something else than items at byte {}", position));
      const uint64_t item_end = head.length == kUndefined ? end : position + head.length;
      if (item_end > end) throw_damaged(file_.name, fmt::format("an item is longer than its sequence at byte {}", position));
      items.push_back(read_elements(position, item_end, depth));
      if (head.length != kUndefined) position = item_end;
    }
    if (is_undefined) throw_cut_off(file_, end + 8);
    return items;
  }

  std::vector<std::span<const std::byte>> read_fragments(uint64_t& position, uint64_t end) const {
    std::vector<std::span<const std::byte>> fragments;
    for (bool is_table = true; position < end; is_table = false) {
      const Head head = read_head(position);
      if (head.tag == kSequenceEnd) return fragments;
      if (head.tag != kItem || head.length == kUndefined) {
        throw_damaged(file_.name, fmt::format("compressed pixels hold something else than fragments at byte {}", position));
      }
      const auto value = reader_.range(position, head.length);
      if (!is_table) fragments.push_back(value);
      position += head.length;
    }
    throw_cut_off(file_, end + 8);
  }

  const FileBytes& file_;
  ByteReader reader_;
  bool is_explicit_;
  bool big_endian_;
};

std::string clean_text(std::span<const std::byte> value) {
  std::string text(reinterpret_cast<const char*>(value.data()), value.size());
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = ' ';
  }
  const size_t first = text.find_first_not_of(' ');
  if (first == std::string::npos) return "";
  return text.substr(first, text.find_last_not_of(' ') - first + 1);
}

/// The file meta information: explicit little endian, group 0002 alone.
std::string transfer_syntax_of(const FileBytes& file, uint64_t& position) {
  Parser meta(file, true, false);
  const ByteReader reader(file, false);
  std::string syntax;
  while (position + 2 <= file.bytes.size() && reader.u16(position) == 2) {
    const Head head = meta.read_head(position);
    const auto value = reader.range(position, head.length);
    if (head.tag == kTransferSyntax) syntax = clean_text(value);
    position += head.length;
  }
  return syntax;
}

}  // namespace

const DicomElement* DicomDataSet::find(DicomTag tag) const {
  const auto found = elements.find(tag);
  return found == elements.end() ? nullptr : &found->second;
}

const DicomDataSet* DicomDataSet::item(DicomTag sequence) const {
  const DicomElement* element = find(sequence);
  return element == nullptr || element->items.empty() ? nullptr : &element->items.front();
}

std::string DicomDataSet::text(DicomTag tag) const {
  const DicomElement* element = find(tag);
  return element == nullptr ? "" : clean_text(element->value);
}

std::vector<double> DicomDataSet::decimals(DicomTag tag) const {
  std::string rest = text(tag);
  std::vector<double> values;
  while (!rest.empty()) {
    const size_t end = rest.find('\\');
    std::string word = rest.substr(0, end);
    rest = end == std::string::npos ? "" : rest.substr(end + 1);
    std::erase(word, ' ');
    if (word.starts_with('+')) word.erase(0, 1);
    double value = 0;
    const auto [stop, error] = std::from_chars(word.data(), word.data() + word.size(), value);
    if (error != std::errc() || stop != word.data() + word.size() || !std::isfinite(value)) return {};
    values.push_back(value);
  }
  return values;
}

std::optional<double> DicomDataSet::decimal(DicomTag tag) const {
  const std::vector<double> values = decimals(tag);
  if (values.empty()) return {};
  return values.front();
}

std::optional<uint16_t> DicomDataSet::u16(DicomTag tag) const {
  const DicomElement* element = find(tag);
  if (element == nullptr || element->value.size() < 2) return {};
  return ByteReader({element->value, ""}, big_endian).u16(0);
}

std::optional<double> DicomDataSet::f64(DicomTag tag) const {
  const DicomElement* element = find(tag);
  if (element == nullptr || element->value.size() < 8) return {};
  const uint64_t bits = ByteReader({element->value, ""}, big_endian).number(0, 8);
  double value;
  std::memcpy(&value, &bits, sizeof value);
  if (!std::isfinite(value)) return {};
  return value;
}

bool is_dicom(std::span<const std::byte> bytes) {
  return bytes.size() >= kPreamble + 4 && std::memcmp(bytes.data() + kPreamble, "DICM", 4) == 0;
}

DicomFile parse_dicom(const FileBytes& file) {
  if (!is_dicom(file.bytes)) throw_damaged(file.name, "is not a DICOM file");
  uint64_t position = kPreamble + 4;
  const std::string uid = transfer_syntax_of(file, position);
  const auto* syntax = std::find_if(std::begin(kSyntaxes), std::end(kSyntaxes), [&](const Syntax& one) { return uid == one.uid; });
  if (syntax == std::end(kSyntaxes)) {
    throw_damaged(file.name, fmt::format("DICOM transfer syntax {} is not supported; allowed: uncompressed, RLE, JPEG, JPEG-LS, JPEG 2000",
                                         in_quotes(uid)));
  }
  Parser parser(file, syntax->is_explicit, syntax->big_endian);
  return {parser.read_elements(position, file.bytes.size(), 0), syntax->coding, uid};
}

}  // namespace larmor::imaging
