#include "imaging/nrrd.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <optional>

#include "core/error.h"
#include "core/files.h"
#include "imaging/gzip.h"
#include "imaging/transform.h"

namespace larmor::imaging {

namespace fs = std::filesystem;

namespace {

constexpr size_t kLongestHeader = 1 << 20;
constexpr int kPackLevel = 1;  // MRI hardly packs better at higher levels, but much slower

struct TypeName {
  const char* name;
  StoredType type;
};
constexpr TypeName kTypes[] = {
    {"uchar", StoredType::u8},
    {"unsigned char", StoredType::u8},
    {"uint8", StoredType::u8},
    {"uint8_t", StoredType::u8},
    {"signed char", StoredType::i8},
    {"int8", StoredType::i8},
    {"int8_t", StoredType::i8},
    {"short", StoredType::i16},
    {"short int", StoredType::i16},
    {"signed short", StoredType::i16},
    {"signed short int", StoredType::i16},
    {"int16", StoredType::i16},
    {"int16_t", StoredType::i16},
    {"ushort", StoredType::u16},
    {"unsigned short", StoredType::u16},
    {"unsigned short int", StoredType::u16},
    {"uint16", StoredType::u16},
    {"uint16_t", StoredType::u16},
    {"int", StoredType::i32},
    {"signed int", StoredType::i32},
    {"int32", StoredType::i32},
    {"int32_t", StoredType::i32},
    {"uint", StoredType::u32},
    {"unsigned int", StoredType::u32},
    {"uint32", StoredType::u32},
    {"uint32_t", StoredType::u32},
    {"longlong", StoredType::i64},
    {"long long", StoredType::i64},
    {"int64", StoredType::i64},
    {"int64_t", StoredType::i64},
    {"ulonglong", StoredType::u64},
    {"unsigned long long", StoredType::u64},
    {"uint64", StoredType::u64},
    {"uint64_t", StoredType::u64},
    {"float", StoredType::f32},
    {"double", StoredType::f64},
};

/// The lines of a header.
struct Fields {
  NrrdKeys fields, keys;
  uint64_t voxel_start = 0;  ///< after the empty line
};

/// What a header says, checked in itself.
struct NrrdHeader {
  ImageHeader image;
  StoredType stored = StoredType::u8;
  bool big_endian = false;
  bool is_gzipped = false;
  bool has_channels_last = false;
  int64_t skip = 0;
  std::string data_file;
  uint64_t voxel_start = 0;

  size_t voxel_bytes() const {
    return static_cast<size_t>(image.size[0] * image.size[1] * image.size[2] * image.channels) * size_of(stored);
  }
};

std::string_view trimmed(std::string_view text) {
  const auto is_blank = [](char c) { return c == ' ' || c == '\t' || c == '\r'; };
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

void parse_line(std::string_view line, Fields& found, const std::string& name) {
  if (line.front() == '#') return;
  const size_t pair = line.find(":="), field = line.find(": ");
  if (pair != std::string_view::npos && (field == std::string_view::npos || pair < field)) {
    found.keys[std::string(line.substr(0, pair))] = line.substr(pair + 2);
  } else if (field != std::string_view::npos || line.ends_with(':')) {
    const size_t colon = line.find(':');
    std::string key(trimmed(line.substr(0, colon)));
    std::transform(key.begin(), key.end(), key.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    if (key == "datafile") key = "data file";
    if (key == "byteskip") key = "byte skip";
    if (key == "lineskip") key = "line skip";
    if (!found.fields.emplace(key, trimmed(line.substr(colon + 1))).second) {
      throw_damaged(name, fmt::format("its header has two fields {}", in_quotes(key)));
    }
  } else {
    throw_damaged(name, fmt::format("its header is damaged: {} is no field", in_quotes(line)));
  }
}

Fields read_fields(const FileBytes& file) {
  const std::string_view all(reinterpret_cast<const char*>(file.bytes.data()), std::min(file.bytes.size(), kLongestHeader));
  if (!all.starts_with("NRRD000")) throw_damaged(file.name, "is not a NRRD file");
  Fields found;
  size_t at = 0;
  for (bool is_first = true; at < all.size(); is_first = false) {
    const size_t end = all.find('\n', at);
    if (end == std::string_view::npos && all.size() < file.bytes.size()) throw_damaged(file.name, "its header is longer than 1 MiB");
    const std::string_view line = trimmed(all.substr(at, end - at));
    at = end == std::string_view::npos ? all.size() : end + 1;
    if (line.empty()) break;
    if (!is_first) parse_line(line, found, file.name);
  }
  found.voxel_start = at;
  return found;
}

std::string field(const Fields& found, const char* key) {
  const auto at = found.fields.find(key);
  return at == found.fields.end() ? "" : at->second;
}

[[noreturn]] void refuse_field(const std::string& name, const char* key, const std::string& value) {
  throw_damaged(name, fmt::format("its header is damaged: {}: {}", key, value.empty() ? "is missing" : in_quotes(value)));
}

std::optional<double> parse_number(std::string_view word) {
  double value = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (error != std::errc() || end != word.data() + word.size()) return {};
  return value;
}

std::vector<std::string_view> words_of(std::string_view text) {
  std::vector<std::string_view> words;
  for (text = trimmed(text); !text.empty(); text = trimmed(text)) {
    const size_t end = std::min(text.find_first_of(" \t"), text.size());
    words.push_back(text.substr(0, end));
    text.remove_prefix(end);
  }
  return words;
}

std::vector<int64_t> read_sizes(const Fields& found, const std::string& name) {
  const std::string dimension = field(found, "dimension"), text = field(found, "sizes");
  const double count = parse_number(dimension).value_or(0);
  if (!(count >= 1 && count <= 16)) refuse_field(name, "dimension", dimension);
  if (count > 4) throw_damaged(name, fmt::format("{} axes are not supported; allowed: three of space and one of channels", count));
  std::vector<int64_t> sizes;
  for (const std::string_view word : words_of(text)) {
    const double size = parse_number(word).value_or(0);
    if (!(size >= 1 && size <= 2147483647.0) || size != std::floor(size)) refuse_field(name, "sizes", text);
    sizes.push_back(static_cast<int64_t>(size));
  }
  if (static_cast<double>(sizes.size()) != count) refuse_field(name, "sizes", text);
  return sizes;
}

/// "(1,0,0)" to three numbers.
std::optional<Point> parse_vector(std::string_view word) {
  if (!word.starts_with('(') || !word.ends_with(')')) return {};
  word = word.substr(1, word.size() - 2);
  Point point;
  for (size_t i = 0; i < 3; ++i) {
    const size_t comma = word.find(',');
    const auto value = parse_number(trimmed(word.substr(0, comma)));
    if (!value || !std::isfinite(*value) || (comma == std::string_view::npos) != (i == 2)) return {};
    point[i] = *value;
    word.remove_prefix(i == 2 ? word.size() : comma + 1);
  }
  return point;
}

/// Splits "(1, 0, 0) none (0,1,0)" where spaces may stand inside the brackets.
std::vector<std::string> vectors_of(const std::string& text) {
  std::vector<std::string> words(1);
  int depth = 0;
  for (const char c : text) {
    depth += c == '(' ? 1 : c == ')' ? -1 : 0;
    if (depth == 0 && (c == ' ' || c == '\t')) {
      if (!words.back().empty()) words.emplace_back();
    } else if (c != ' ' && c != '\t') {
      words.back() += c;
    }
  }
  if (words.back().empty()) words.pop_back();
  return words;
}

/// For each axis: is it one of space?
std::vector<bool> spatial_axes(const Fields& found, size_t count, const std::string& name) {
  std::vector<bool> spatial(count, true);
  const std::string directions = field(found, "space directions"), kinds = field(found, "kinds");
  if (!directions.empty()) {
    const auto words = vectors_of(directions);
    if (words.size() != count) refuse_field(name, "space directions", directions);
    for (size_t i = 0; i < count; ++i) spatial[i] = words[i] != "none";
  } else if (!kinds.empty()) {
    const auto words = words_of(kinds);
    if (words.size() != count) refuse_field(name, "kinds", kinds);
    for (size_t i = 0; i < count; ++i) spatial[i] = words[i] == "domain" || words[i] == "space" || words[i] == "???" || words[i] == "none";
  }
  if (count == 4 && std::count(spatial.begin(), spatial.end(), true) == 4) spatial[3] = false;
  return spatial;
}

void read_layout(const Fields& found, NrrdHeader& header, std::vector<bool>& spatial, const std::string& name) {
  const std::vector<int64_t> sizes = read_sizes(found, name);
  spatial = spatial_axes(found, sizes.size(), name);
  const auto others = std::count(spatial.begin(), spatial.end(), false);
  const bool is_first = !spatial.front(), is_last = !spatial.back();
  if (others > 1 || (others == 1 && !is_first && !is_last) || others == static_cast<int64_t>(sizes.size())) {
    throw_damaged(name,
                  fmt::format("size {}: three axes of space and one of channels, first or last, are allowed", fmt::join(sizes, " x ")));
  }
  size_t axis = 0;
  for (size_t i = 0; i < sizes.size(); ++i) {
    if (spatial[i]) header.image.size[axis++] = sizes[i];
    if (!spatial[i]) header.image.channels = sizes[i];
  }
  for (; axis < 3; ++axis) header.image.size[axis] = 1;
  header.has_channels_last = is_last && !is_first;
  check_size(name, header.image.size, header.image.channels);
}

/// Signs that turn a space's axes to LPS.
Point signs_of_space(const std::string& space, const std::string& name) {
  const auto is_one_of = [&](std::initializer_list<const char*> names) {
    return std::any_of(names.begin(), names.end(), [&](const char* one) { return space == one; });
  };
  if (is_one_of({"", "left-posterior-superior", "LPS"})) return {1, 1, 1};
  if (is_one_of({"right-anterior-superior", "RAS"})) return {-1, -1, 1};
  if (is_one_of({"left-anterior-superior", "LAS"})) return {1, -1, 1};
  throw_damaged(name,
                fmt::format("space {} is not supported; allowed: left-posterior-superior, right-anterior-superior, left-anterior-superior",
                            in_quotes(space)));
}

void read_directions(const Fields& found, const std::vector<bool>& spatial, Geometry& geometry, const std::string& name) {
  const std::string text = field(found, "space directions"), origin = field(found, "space origin");
  const Point signs = signs_of_space(field(found, "space"), name);
  const auto words = vectors_of(text);
  size_t axis = 0;
  std::array<Point, 3> columns{};
  for (size_t i = 0; i < words.size(); ++i) {
    if (!spatial[i]) continue;
    const auto vector = parse_vector(words[i]);
    if (!vector) refuse_field(name, "space directions", text);
    columns[axis++] = *vector;
  }
  if (axis == 2) {  // the third axis of a slice: across it
    const Point &a = columns[0], &b = columns[1];
    columns[2] = {a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]};
    const double length = std::hypot(columns[2][0], columns[2][1], columns[2][2]);
    for (double& value : columns[2]) value *= signs[0] * signs[1] * signs[2] / length;
  }
  for (size_t column = 0; column < 3; ++column) {
    const Point& step = columns[column];
    geometry.spacing_mm[column] = std::hypot(step[0], step[1], step[2]);
    for (size_t row = 0; row < 3; ++row) geometry.direction[3 * row + column] = signs[row] * step[row] / geometry.spacing_mm[column] + 0.0;
  }
  const double volume = determinant_of({geometry.direction});
  if (axis < 2 || !std::isfinite(volume) || std::abs(volume) < 1e-6) {
    throw_damaged(name, fmt::format("its header is damaged: space directions {} span no volume", in_quotes(text)));
  }
  const auto start = origin.empty() ? std::optional<Point>(Point{}) : parse_vector(vectors_of(origin).front());
  if (!start) refuse_field(name, "space origin", origin);
  for (size_t row = 0; row < 3; ++row) geometry.origin_mm[row] = signs[row] * (*start)[row] + 0.0;
  geometry.has_spacing = true;
}

void read_spacings(const std::string& text, const std::vector<bool>& spatial, Geometry& geometry, const std::string& name) {
  const auto words = words_of(text);
  if (words.size() != spatial.size()) refuse_field(name, "spacings", text);
  size_t axis = 0;
  geometry.has_spacing = true;
  for (size_t i = 0; i < words.size(); ++i) {
    if (!spatial[i]) continue;
    const double spacing = std::abs(parse_number(words[i]).value_or(0));
    if (std::isfinite(spacing) && spacing > 0) {
      geometry.spacing_mm[axis] = spacing;
    } else {
      geometry.has_spacing = false;
    }
    ++axis;
  }
}

void read_coding(const Fields& found, NrrdHeader& header, const std::string& name) {
  const std::string type = field(found, "type"), encoding = field(found, "encoding"), endian = field(found, "endian");
  const auto* known = std::find_if(std::begin(kTypes), std::end(kTypes), [&](const TypeName& one) { return type == one.name; });
  if (known == std::end(kTypes)) refuse_field(name, "type", type);
  header.stored = known->type;
  header.image.type = pixel_type_of(known->type);
  header.is_gzipped = encoding == "gzip" || encoding == "gz";
  if (encoding != "raw" && !header.is_gzipped) {
    throw_damaged(name, fmt::format("encoding {} is not supported; allowed: raw, gzip", in_quotes(encoding)));
  }
  header.big_endian = endian == "big";
  if (size_of(header.stored) > 1 && endian != "big" && endian != "little") refuse_field(name, "endian", endian);
  const std::string skip = field(found, "byte skip"), lines = field(found, "line skip");
  const double bytes = skip.empty() ? 0 : parse_number(skip).value_or(-2);
  if (!(bytes >= -1 && bytes <= 1e12) || (bytes == -1 && header.is_gzipped)) refuse_field(name, "byte skip", skip);
  if (!lines.empty() && lines != "0") throw_damaged(name, "line skip is not supported");
  header.skip = static_cast<int64_t>(bytes);
}

NrrdHeader parse(const FileBytes& file, NrrdKeys* keys) {
  const Fields found = read_fields(file);
  if (keys != nullptr) *keys = found.keys;
  NrrdHeader header;
  std::vector<bool> spatial;
  read_coding(found, header, file.name);
  read_layout(found, header, spatial, file.name);
  if (found.fields.contains("space directions")) {
    read_directions(found, spatial, header.image.geometry, file.name);
  } else if (found.fields.contains("spacings")) {
    read_spacings(field(found, "spacings"), spatial, header.image.geometry, file.name);
  }
  header.data_file = field(found, "data file");
  header.voxel_start = found.voxel_start;
  return header;
}

/// A header must not reach for files elsewhere.
void check_data_file(const std::string& data_file, const fs::path& folder, const std::string& name) {
  if (folder.empty()) throw_damaged(name, "its voxels are in another file");
  const bool is_plain = data_file.find('/') == std::string::npos && data_file.find('%') == std::string::npos && data_file != ".." &&
                        data_file != "." && !data_file.starts_with("LIST") && data_file.find(' ') == std::string::npos;
  if (!is_plain) {
    throw_damaged(name,
                  fmt::format("data file {} is not supported; allowed: the name of one file in the same folder", in_quotes(data_file)));
  }
}

std::vector<std::byte> unpack(const FileBytes& packed, size_t size) {
  if (size / kLargestGzipRatio > packed.bytes.size()) throw_cut_off(packed, size / kLargestGzipRatio);
  GzipReader reader(packed);
  std::vector<std::byte> voxels(size);
  const size_t unpacked = reader.read(voxels.data(), size);
  if (unpacked < size) {
    throw_damaged(packed.name, fmt::format("{} bytes unpacked, but its header promises at least {}: the file is cut off", unpacked, size));
  }
  reader.finish();
  return voxels;
}

/// The stored bytes out of the file that holds them, from `start` on.
std::vector<std::byte> stored_voxels(const FileBytes& file, uint64_t start, const NrrdHeader& header) {
  const size_t size = header.voxel_bytes();
  const uint64_t have = file.bytes.size();
  if (header.skip == -1 && size <= have - std::min(start, have)) start = have - size;
  if (header.skip > 0) start += static_cast<uint64_t>(header.skip);
  if (start > have || (!header.is_gzipped && size > have - start)) throw_cut_off(file, start + size);
  if (header.is_gzipped) return unpack({file.bytes.subspan(start), file.name}, size);
  const auto* from = file.bytes.data() + start;
  return {from, from + size};
}

/// Channel after channel to channel fastest.
std::vector<std::byte> interleaved(const std::vector<std::byte>& from, size_t channels, size_t element) {
  std::vector<std::byte> to(from.size());
  const size_t voxels = from.size() / channels / element;
  for (size_t c = 0; c < channels; ++c) {
    for (size_t i = 0; i < voxels; ++i)
      std::memcpy(to.data() + (i * channels + c) * element, from.data() + (c * voxels + i) * element, element);
  }
  return to;
}

const char* type_name(PixelType type) {
  switch (type) {
    case PixelType::u8:
      return "uchar";
    case PixelType::i16:
      return "short";
    case PixelType::u16:
      return "ushort";
    case PixelType::i32:
      return "int";
    case PixelType::f32:
      return "float";
  }
  return "";
}

std::string format_header(const Image& image, const NrrdKeys& keys, const std::string& data_file) {
  const bool has_channels = image.channels > 1;
  std::string text = fmt::format(
      "NRRD0005\n# Complete NRRD file format specification at:\n# http://teem.sourceforge.net/nrrd/format.html\n"
      "type: {}\ndimension: {}\n",
      type_name(image.type), has_channels ? 4 : 3);
  const Geometry& g = image.geometry;
  if (g.has_spacing) text += "space: left-posterior-superior\n";
  text += fmt::format("sizes: {}{} {} {}\n", has_channels ? fmt::format("{} ", image.channels) : "", image.size[0], image.size[1],
                      image.size[2]);
  if (g.has_spacing) {
    text += "space directions:";
    if (has_channels) text += " none";
    const AffineTransform steps = index_to_point(g);
    for (size_t j = 0; j < 3; ++j) text += fmt::format(" ({},{},{})", steps.matrix[j], steps.matrix[3 + j], steps.matrix[6 + j]);
    text += "\n";
  }
  text += fmt::format("kinds: {}domain domain domain\nendian: little\nencoding: gzip\n", has_channels ? "list " : "");
  if (g.has_spacing) text += fmt::format("space origin: ({},{},{})\n", g.origin_mm[0], g.origin_mm[1], g.origin_mm[2]);
  if (!data_file.empty()) text += fmt::format("data file: {}\n", data_file);
  for (const auto& [key, value] : keys) text += fmt::format("{}:={}\n", key, value);
  return text + (data_file.empty() ? "\n" : "");
}

void write_packed(const Image& image, const std::function<void(const void*, size_t)>& write) {
  GzipWriter packed(kPackLevel, write);
  packed.write(image.bytes.data(), image.bytes.size());
  packed.finish();
}

}  // namespace

ImageHeader read_nrrd_header(const FileBytes& file, const fs::path& folder) {
  const NrrdHeader header = parse(file, nullptr);
  if (!header.data_file.empty()) {
    check_data_file(header.data_file, folder, file.name);
    return header.image;
  }
  const uint64_t size = header.is_gzipped ? header.voxel_bytes() / kLargestGzipRatio : header.voxel_bytes();
  if (size > file.bytes.size() - header.voxel_start) throw_cut_off(file, header.voxel_start + size);
  return header.image;
}

Image read_nrrd(const FileBytes& file, const fs::path& folder, NrrdKeys* keys) {
  const NrrdHeader header = parse(file, keys);
  std::vector<std::byte> voxels;
  if (header.data_file.empty()) {
    voxels = stored_voxels(file, header.voxel_start, header);
  } else {
    check_data_file(header.data_file, folder, file.name);
    const fs::path path = folder / header.data_file;
    const std::string content = read_file(path);
    voxels = stored_voxels({std::as_bytes(std::span(content)), path.string()}, 0, header);
  }
  if (header.big_endian) swap_bytes(voxels, size_of(header.stored));
  if (header.has_channels_last && header.image.channels > 1) {
    voxels = interleaved(voxels, static_cast<size_t>(header.image.channels), size_of(header.stored));
  }
  return from_stored(std::move(voxels), header.stored, header.image);
}

void write_nrrd(const fs::path& file, const Image& image, const NrrdKeys& keys) {
  const bool is_detached = file.extension() == ".nhdr";
  if (is_detached) {
    const fs::path data = fs::path(file).replace_extension(".raw.gz");
    write_file_atomically(data, [&](const auto& write) { write_packed(image, write); });
    write_file_atomically(file, format_header(image, keys, data.filename().string()));
    return;
  }
  const std::string header = format_header(image, keys, "");
  write_file_atomically(file, [&](const auto& write) {
    write(header.data(), header.size());
    write_packed(image, write);
  });
}

}  // namespace larmor::imaging
