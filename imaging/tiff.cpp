#include "imaging/tiff.h"

#include <fmt/format.h>
#include <tiffio.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <set>

#include "core/error.h"

namespace larmor::imaging {

namespace {

constexpr uint64_t kMostEntries = 1024;  // of one directory; files in use have about 20
constexpr size_t kMostPages = 65535;

/// One field of a directory: `count` values that start at `offset`.
struct Field {
  uint16_t type = 0;
  uint64_t count = 0;
  uint64_t offset = 0;
};

struct Directory {
  std::map<uint16_t, Field> fields;
  uint64_t offset = 0;
  uint64_t next = 0;  ///< offset of the next directory, 0 for the last
};

/// Where the parts of a TIFF's structure are, which differs between TIFF and BigTIFF.
struct Layout {
  ByteReader reader;
  bool is_big;
  size_t offset_size() const { return is_big ? 8 : 4; }
  size_t entry_size() const { return is_big ? 20 : 12; }
  size_t count_size() const { return is_big ? 8 : 2; }
  uint64_t first_directory() const { return reader.number(is_big ? 8 : 4, offset_size()); }
};

struct Block {
  uint64_t offset = 0;
  uint64_t size = 0;
};

/// A checked page: every block lies in the file and is large enough.
struct Page {
  int64_t width = 0;
  int64_t height = 0;
  int64_t samples = 1;  ///< as stored, alpha included
  StoredType type = StoredType::u8;
  uint16_t compression = COMPRESSION_NONE;
  bool is_planar = false;  ///< one block per sample
  bool is_tiled = false;
  bool min_is_white = false;
  bool has_alpha = false;
  int64_t block_width = 0;
  int64_t block_height = 0;
  std::vector<Block> blocks;
  uint64_t directory_offset = 0;

  int64_t across() const { return (width + block_width - 1) / block_width; }
  int64_t down() const { return (height + block_height - 1) / block_height; }
  int64_t samples_per_block() const { return is_planar ? 1 : samples; }
  size_t row_bytes() const { return static_cast<size_t>(block_width * samples_per_block()) * size_of(type); }
  /// Rows that block number `down_index` of a column holds in the file: strips end with the image, tiles are always whole.
  int64_t rows_stored(int64_t down_index) const {
    return is_tiled ? block_height : std::min(block_height, height - down_index * block_height);
  }
  int64_t channels() const { return samples - (has_alpha ? 1 : 0); }
};

size_t size_of_field_type(uint16_t type) {
  switch (type) {
    case TIFF_BYTE:
      return 1;
    case TIFF_SHORT:
      return 2;
    case TIFF_LONG:
      return 4;
    case TIFF_LONG8:
      return 8;
    default:
      return 0;
  }
}

Layout read_layout(const FileBytes& file) {
  const auto* text = reinterpret_cast<const char*>(file.bytes.data());
  if (file.bytes.size() < 4) throw_cut_off(file, 8);
  const bool big_endian = std::memcmp(text, "MM", 2) == 0;
  const ByteReader reader(file, big_endian);
  const uint16_t version = reader.u16(2);
  if ((!big_endian && std::memcmp(text, "II", 2) != 0) || (version != 42 && version != 43)) {
    throw_damaged(file.name, "is not a TIFF file");
  }
  if (version == 43 && reader.u16(4) != 8) throw_damaged(file.name, "its BigTIFF header is damaged");
  return {reader, version == 43};
}

Directory read_directory(const Layout& layout, uint64_t offset) {
  const ByteReader& reader = layout.reader;
  const uint64_t count = reader.number(offset, layout.count_size());
  if (count > kMostEntries) {
    throw_damaged(reader.file().name, fmt::format("a directory with {} fields; at most {} are read", count, kMostEntries));
  }
  Directory directory;
  directory.offset = offset;
  const uint64_t start = offset + layout.count_size();
  reader.range(start, count * layout.entry_size() + layout.offset_size());
  for (uint64_t i = 0; i < count; ++i) {
    const uint64_t entry = start + i * layout.entry_size();
    Field field{reader.u16(entry + 2), reader.number(entry + 4, layout.offset_size()), entry + 4 + layout.offset_size()};
    const size_t size = size_of_field_type(field.type);
    const bool is_inside = size == 0 || field.count <= layout.offset_size() / size;
    if (!is_inside) field.offset = reader.number(field.offset, layout.offset_size());
    directory.fields.emplace(reader.u16(entry), field);
  }
  directory.next = reader.number(start + count * layout.entry_size(), layout.offset_size());
  return directory;
}

std::vector<uint64_t> values_of(const Layout& layout, const Directory& directory, uint16_t tag) {
  const auto found = directory.fields.find(tag);
  if (found == directory.fields.end()) return {};
  const Field& field = found->second;
  const size_t size = size_of_field_type(field.type);
  const FileBytes& file = layout.reader.file();
  if (size == 0) throw_damaged(file.name, fmt::format("field {} is of type {}, not a whole number", tag, field.type));
  if (field.count > UINT64_MAX / size) throw_damaged(file.name, fmt::format("field {} is damaged", tag));
  layout.reader.range(field.offset, field.count * size);
  std::vector<uint64_t> values(field.count);
  for (uint64_t i = 0; i < field.count; ++i) values[i] = layout.reader.number(field.offset + i * size, size);
  return values;
}

/// The one value of a field, `missing` where the field is absent.
uint64_t value_of(const Layout& layout, const Directory& directory, uint16_t tag, std::optional<uint64_t> missing = {}) {
  const auto values = values_of(layout, directory, tag);
  if (!values.empty()) return values[0];
  if (!missing) throw_damaged(layout.reader.file().name, fmt::format("its header lacks field {}", tag));
  return *missing;
}

/// A field with one value per sample, all of which must agree.
uint64_t common_value_of(const Layout& layout, const Directory& directory, uint16_t tag, uint64_t missing) {
  const auto values = values_of(layout, directory, tag);
  if (values.empty()) return missing;
  if (std::any_of(values.begin(), values.end(), [&](uint64_t value) { return value != values[0]; })) {
    throw_damaged(layout.reader.file().name, fmt::format("its channels differ in field {}", tag));
  }
  return values[0];
}

void require(const Layout& layout, bool is_allowed, const char* what, uint64_t value, const char* allowed) {
  if (!is_allowed) throw_damaged(layout.reader.file().name, fmt::format("{} {} is not supported; allowed: {}", what, value, allowed));
}

StoredType stored_type_of(const Layout& layout, const Directory& directory) {
  const uint64_t bits = common_value_of(layout, directory, TIFFTAG_BITSPERSAMPLE, 1);
  const uint64_t format = common_value_of(layout, directory, TIFFTAG_SAMPLEFORMAT, SAMPLEFORMAT_UINT);
  require(layout, bits == 8 || bits == 16 || bits == 32 || bits == 64, "bits per sample", bits, "8, 16, 32, 64");
  if (format == SAMPLEFORMAT_IEEEFP) {
    require(layout, bits >= 32, "bits per float sample", bits, "32, 64");
    return bits == 32 ? StoredType::f32 : StoredType::f64;
  }
  require(layout, format == SAMPLEFORMAT_UINT || format == SAMPLEFORMAT_INT || format == SAMPLEFORMAT_VOID, "sample format", format,
          "1 (unsigned), 2 (signed), 3 (float)");
  return *integer_of(bits, format == SAMPLEFORMAT_INT);
}

/// What the samples mean: grey, inverted grey, RGB, with or without alpha.
void read_meaning(const Layout& layout, const Directory& directory, Page& page) {
  const uint64_t photometric = value_of(layout, directory, TIFFTAG_PHOTOMETRIC, PHOTOMETRIC_MINISBLACK);
  require(layout, photometric <= PHOTOMETRIC_RGB, "photometric interpretation", photometric, "0, 1 (grey), 2 (RGB)");
  page.min_is_white = photometric == PHOTOMETRIC_MINISWHITE;
  const bool can_invert = page.type == StoredType::u8 || page.type == StoredType::u16;
  if (page.min_is_white && !can_invert) {
    throw_damaged(layout.reader.file().name, "inverted grey (photometric interpretation 0) is supported for 8 and 16 bits unsigned only");
  }
  const auto extra = values_of(layout, directory, TIFFTAG_EXTRASAMPLES);
  page.has_alpha = (page.samples == 2 || page.samples == 4) && extra.size() == 1 &&
                   (extra[0] == EXTRASAMPLE_ASSOCALPHA || extra[0] == EXTRASAMPLE_UNASSALPHA);
  const uint64_t orientation = value_of(layout, directory, TIFFTAG_ORIENTATION, ORIENTATION_TOPLEFT);
  require(layout, orientation == ORIENTATION_TOPLEFT, "orientation", orientation, "1 (first row on top, first column left)");
  const uint64_t fill_order = value_of(layout, directory, TIFFTAG_FILLORDER, FILLORDER_MSB2LSB);
  require(layout, fill_order == FILLORDER_MSB2LSB, "fill order", fill_order, "1");
}

/// The most bytes that one byte of compressed data can become; 0 for an unknown compression.
uint64_t largest_ratio_of(uint64_t compression) {
  switch (compression) {
    case COMPRESSION_NONE:
      return 1;
    case COMPRESSION_LZW:
      return 1400;
    case COMPRESSION_ADOBE_DEFLATE:
    case COMPRESSION_DEFLATE:
      return 1040;
    case COMPRESSION_PACKBITS:
      return 64;
    default:
      return 0;
  }
}

/// The sizes of strips or tiles.
void read_block_shape(const Layout& layout, const Directory& directory, Page& page) {
  page.is_tiled = directory.fields.contains(TIFFTAG_TILEWIDTH);
  const auto limited = [](uint64_t value, int64_t most) {
    return static_cast<int64_t>(std::min<uint64_t>(value, static_cast<uint64_t>(most)));
  };
  if (page.is_tiled) {
    constexpr int64_t kLargestTile = 65536;
    page.block_width = limited(value_of(layout, directory, TIFFTAG_TILEWIDTH), kLargestTile + 1);
    page.block_height = limited(value_of(layout, directory, TIFFTAG_TILELENGTH), kLargestTile + 1);
    if (page.block_width > kLargestTile || page.block_height > kLargestTile) {
      throw_damaged(layout.reader.file().name, fmt::format("its tiles are larger than {}", kLargestTile));
    }
  } else {
    page.block_width = page.width;
    page.block_height = limited(value_of(layout, directory, TIFFTAG_ROWSPERSTRIP, page.height), page.height);
  }
  if (page.block_width < 1 || page.block_height < 1) throw_damaged(layout.reader.file().name, "its strips or tiles are empty");
  check_size(layout.reader.file().name, {page.block_width, page.block_height, 1}, page.samples);
}

/// Reads the list of strips or tiles and checks each against the file.
void read_blocks(const Layout& layout, const Directory& directory, Page& page) {
  const FileBytes& file = layout.reader.file();
  const auto offsets = values_of(layout, directory, page.is_tiled ? TIFFTAG_TILEOFFSETS : TIFFTAG_STRIPOFFSETS);
  const auto sizes = values_of(layout, directory, page.is_tiled ? TIFFTAG_TILEBYTECOUNTS : TIFFTAG_STRIPBYTECOUNTS);
  const auto count = static_cast<uint64_t>(page.across() * page.down() * (page.is_planar ? page.samples : 1));
  if (offsets.size() != count || sizes.size() != count) {
    throw_damaged(file.name, fmt::format("its header lists {} offsets and {} sizes of {}; {} are needed", offsets.size(), sizes.size(),
                                         page.is_tiled ? "tiles" : "strips", count));
  }
  uint64_t end = 0;
  for (uint64_t i = 0; i < count; ++i) {
    if (sizes[i] > UINT64_MAX - offsets[i]) throw_damaged(file.name, "its header is damaged: an offset is beyond any file");
    end = std::max(end, offsets[i] + sizes[i]);
  }
  if (end > file.bytes.size()) throw_cut_off(file, end);
  for (uint64_t i = 0; i < count; ++i) {
    page.blocks.push_back({offsets[i], sizes[i]});
    const auto down_index = static_cast<int64_t>(i) / page.across() % page.down();
    const uint64_t needed = page.row_bytes() * static_cast<uint64_t>(page.rows_stored(down_index));
    if (needed > sizes[i] * largest_ratio_of(page.compression)) {
      throw_damaged(file.name, fmt::format("its header gives {} bytes to a part that holds {}", sizes[i], needed));
    }
  }
}

void read_compression(const Layout& layout, const Directory& directory, Page& page) {
  const uint64_t compression = value_of(layout, directory, TIFFTAG_COMPRESSION, COMPRESSION_NONE);
  require(layout, largest_ratio_of(compression) > 0, "compression", compression,
          "1 (none), 5 (LZW), 8 and 32946 (Deflate), 32773 (PackBits)");
  page.compression = static_cast<uint16_t>(compression);
  if (compression == COMPRESSION_NONE) return;
  const uint64_t predictor = value_of(layout, directory, TIFFTAG_PREDICTOR, PREDICTOR_NONE);
  require(layout, PREDICTOR_NONE <= predictor && predictor <= PREDICTOR_FLOATINGPOINT, "predictor", predictor, "1, 2, 3");
  // libtiff swaps the bytes of such files once too often.
  if (predictor == PREDICTOR_FLOATINGPOINT && layout.reader.big_endian()) {
    throw_damaged(layout.reader.file().name, "the predictor for floats is supported in little-endian files only");
  }
}

Page read_page(const Layout& layout, const Directory& directory) {
  const auto side = [&](uint16_t tag) { return static_cast<int64_t>(std::min<uint64_t>(value_of(layout, directory, tag), UINT32_MAX)); };
  Page page;
  page.directory_offset = directory.offset;
  page.width = side(TIFFTAG_IMAGEWIDTH);
  page.height = side(TIFFTAG_IMAGELENGTH);
  page.samples = static_cast<int64_t>(std::min<uint64_t>(value_of(layout, directory, TIFFTAG_SAMPLESPERPIXEL, 1), UINT16_MAX));
  check_size(layout.reader.file().name, {page.width, page.height, 1}, page.samples);
  page.type = stored_type_of(layout, directory);
  read_meaning(layout, directory, page);
  read_compression(layout, directory, page);
  const uint64_t planar = value_of(layout, directory, TIFFTAG_PLANARCONFIG, PLANARCONFIG_CONTIG);
  require(layout, planar == PLANARCONFIG_CONTIG || planar == PLANARCONFIG_SEPARATE, "planar configuration", planar, "1, 2");
  page.is_planar = planar == PLANARCONFIG_SEPARATE && page.samples > 1;
  read_block_shape(layout, directory, page);
  read_blocks(layout, directory, page);
  return page;
}

std::string shape_of(const Page& page) {
  return fmt::format("{} x {}, {} channels of {}", page.width, page.height, page.channels(), to_string(pixel_type_of(page.type)));
}

/// All pages, checked to be slices of one volume.
std::vector<Page> read_pages(const Layout& layout) {
  const FileBytes& file = layout.reader.file();
  std::vector<Page> pages;
  std::set<uint64_t> seen;
  uint64_t bytes_listed = 0;
  for (uint64_t offset = layout.first_directory(); offset != 0 || pages.empty();) {
    if (offset < 8) throw_damaged(file.name, fmt::format("its header is damaged: no directory can be at byte {}", offset));
    if (!seen.insert(offset).second) throw_damaged(file.name, "its pages form a circle");
    if (pages.size() == kMostPages) throw_damaged(file.name, fmt::format("over {} pages", kMostPages));
    const Directory directory = read_directory(layout, offset);
    pages.push_back(read_page(layout, directory));
    const Page& page = pages.back();
    if (page.width != pages[0].width || page.height != pages[0].height || page.samples != pages[0].samples ||
        page.has_alpha != pages[0].has_alpha || page.type != pages[0].type) {
      throw_damaged(file.name, fmt::format("page {} is {}, but page 1 is {}: these are not the slices of one volume", pages.size(),
                                           shape_of(page), shape_of(pages[0])));
    }
    for (const Block& block : page.blocks) bytes_listed += block.size + sizeof(Block);
    if (bytes_listed > 4 * file.bytes.size() + sizeof(Block)) throw_damaged(file.name, "its parts overlap");
    offset = directory.next;
  }
  check_size(file.name, {pages[0].width, pages[0].height, static_cast<int64_t>(pages.size())}, pages[0].samples);
  return pages;
}

ImageHeader header_of(const std::vector<Page>& pages) {
  ImageHeader header;
  header.size = {pages[0].width, pages[0].height, static_cast<int64_t>(pages.size())};
  header.channels = pages[0].samples;
  header.type = pixel_type_of(pages[0].type);
  return header;
}

/// A place in a file in memory, as libtiff reads and writes it.
struct MemoryFile {
  std::span<const std::byte> readable;
  std::string* writable = nullptr;
  uint64_t position = 0;
  uint64_t size() const { return writable != nullptr ? writable->size() : readable.size(); }
};

tmsize_t read_memory(thandle_t handle, void* target, tmsize_t size) {
  auto& file = *static_cast<MemoryFile*>(handle);
  const uint64_t left = file.size() - std::min(file.position, file.size());
  const uint64_t count = std::min<uint64_t>(left, static_cast<uint64_t>(size));
  const void* start = file.writable != nullptr ? static_cast<const void*>(file.writable->data()) : file.readable.data();
  if (count > 0) std::memcpy(target, static_cast<const char*>(start) + file.position, count);
  file.position += count;
  return static_cast<tmsize_t>(count);
}

tmsize_t write_memory(thandle_t handle, void* source, tmsize_t size) {
  auto& file = *static_cast<MemoryFile*>(handle);
  const uint64_t end = file.position + static_cast<uint64_t>(size);
  try {
    if (file.writable->size() < end) file.writable->resize(end);
  } catch (const std::bad_alloc&) {
    return -1;  // must not travel through the C code of libtiff
  }
  std::memcpy(file.writable->data() + file.position, source, static_cast<size_t>(size));
  file.position = end;
  return size;
}

tmsize_t refuse_write(thandle_t, void*, tmsize_t) { return -1; }

toff_t seek_memory(thandle_t handle, toff_t offset, int whence) {
  auto& file = *static_cast<MemoryFile*>(handle);
  const uint64_t base = whence == SEEK_SET ? 0 : whence == SEEK_CUR ? file.position : file.size();
  return file.position = base + offset;
}

int close_memory(thandle_t) { return 0; }
toff_t size_of_memory(thandle_t handle) { return static_cast<MemoryFile*>(handle)->size(); }

using Tiff = std::unique_ptr<TIFF, decltype(&TIFFClose)>;

/// Opens with libtiff, whose messages are switched off for the whole process: ours say what is wrong.
Tiff open_tiff(MemoryFile& memory, const std::string& name, const char* mode) {
  static const bool is_silent = (TIFFSetErrorHandler(nullptr), TIFFSetWarningHandler(nullptr), true);
  static_cast<void>(is_silent);
  const TIFFReadWriteProc write = memory.writable != nullptr ? write_memory : refuse_write;
  return {TIFFClientOpen(name.c_str(), mode, &memory, read_memory, write, seek_memory, close_memory, size_of_memory, nullptr, nullptr),
          &TIFFClose};
}

/// Copies a decoded block to its place in the page's interleaved voxels.
void place_block(const Page& page, size_t index, std::span<const std::byte> block, std::byte* voxels) {
  const auto number = static_cast<int64_t>(index);
  const int64_t x = number % page.across() * page.block_width;
  const int64_t down_index = number / page.across() % page.down();
  const int64_t sample = number / (page.across() * page.down());  // 0 unless planar
  const int64_t y = down_index * page.block_height;
  const int64_t columns = std::min(page.block_width, page.width - x);
  const int64_t rows = std::min(page.block_height, page.height - y);
  const size_t element = size_of(page.type);
  const size_t pixel = static_cast<size_t>(page.samples) * element;
  for (int64_t row = 0; row < rows; ++row) {
    const std::byte* from = block.data() + static_cast<size_t>(row) * page.row_bytes();
    std::byte* to = voxels + static_cast<size_t>((y + row) * page.width + x) * pixel + static_cast<size_t>(sample) * element;
    if (!page.is_planar) {
      std::memcpy(to, from, static_cast<size_t>(columns) * pixel);
      continue;
    }
    for (int64_t column = 0; column < columns; ++column, from += element, to += pixel) std::memcpy(to, from, element);
  }
}

void copy_page(const ByteReader& reader, const Page& page, std::span<std::byte> voxels) {
  for (size_t i = 0; i < page.blocks.size(); ++i) {
    place_block(page, i, reader.range(page.blocks[i].offset, page.blocks[i].size), voxels.data());
  }
  if (reader.big_endian()) swap_bytes(voxels, size_of(page.type));
}

/// Decodes compressed blocks; libtiff gives them in this machine's byte order.
void decode_page(TIFF* tiff, const std::string& name, const Page& page, std::span<std::byte> voxels) {
  const char* damaged = "its compressed data are damaged";
  if (tiff == nullptr || TIFFSetSubDirectory(tiff, page.directory_offset) == 0) throw_damaged(name, damaged);
  std::vector<std::byte> block(page.row_bytes() * static_cast<size_t>(page.block_height));
  if (TIFFIsTiled(tiff) != (page.is_tiled ? 1 : 0) || (page.is_tiled ? TIFFTileSize(tiff) : TIFFStripSize(tiff)) != std::ssize(block)) {
    throw_damaged(name, damaged);
  }
  for (size_t i = 0; i < page.blocks.size(); ++i) {
    const auto number = static_cast<uint32_t>(i);
    const int64_t rows = page.rows_stored(static_cast<int64_t>(i) / page.across() % page.down());
    const auto size = static_cast<tmsize_t>(page.row_bytes()) * rows;
    const tmsize_t got =
        page.is_tiled ? TIFFReadEncodedTile(tiff, number, block.data(), size) : TIFFReadEncodedStrip(tiff, number, block.data(), size);
    if (got != size) throw_damaged(name, damaged);
    place_block(page, i, block, voxels.data());
  }
}

template <class T>
void invert(std::span<std::byte> voxels) {
  for (size_t i = 0; i + sizeof(T) <= voxels.size(); i += sizeof(T)) {
    T value;
    std::memcpy(&value, voxels.data() + i, sizeof(T));
    value = static_cast<T>(std::numeric_limits<T>::max() - value);
    std::memcpy(voxels.data() + i, &value, sizeof(T));
  }
}

Image without_last_channel(const Image& image) {
  Image result = Image::make(image.size, image.channels - 1, image.type);
  const size_t from = static_cast<size_t>(image.channels) * size_of(image.type);
  const size_t to = static_cast<size_t>(result.channels) * size_of(image.type);
  for (size_t i = 0; i < static_cast<size_t>(image.voxels()); ++i)
    std::memcpy(result.bytes.data() + i * to, image.bytes.data() + i * from, to);
  return result;
}

[[noreturn]] void throw_no_memory() { throw_run_error("out of memory while writing a TIFF image"); }

void write_page(TIFF* tiff, const Image& image, int64_t z) {
  const bool is_float = image.type == PixelType::f32;
  const bool is_signed = image.type == PixelType::i16 || image.type == PixelType::i32;
  const bool is_rgb = image.channels == 3 && (image.type == PixelType::u8 || image.type == PixelType::u16);
  TIFFSetField(tiff, TIFFTAG_IMAGEWIDTH, static_cast<uint32_t>(image.width()));
  TIFFSetField(tiff, TIFFTAG_IMAGELENGTH, static_cast<uint32_t>(image.height()));
  TIFFSetField(tiff, TIFFTAG_BITSPERSAMPLE, static_cast<int>(8 * size_of(image.type)));
  TIFFSetField(tiff, TIFFTAG_SAMPLESPERPIXEL, static_cast<int>(image.channels));
  TIFFSetField(tiff, TIFFTAG_SAMPLEFORMAT, is_float ? SAMPLEFORMAT_IEEEFP : is_signed ? SAMPLEFORMAT_INT : SAMPLEFORMAT_UINT);
  TIFFSetField(tiff, TIFFTAG_PHOTOMETRIC, is_rgb ? PHOTOMETRIC_RGB : PHOTOMETRIC_MINISBLACK);
  TIFFSetField(tiff, TIFFTAG_PLANARCONFIG, PLANARCONFIG_CONTIG);
  TIFFSetField(tiff, TIFFTAG_COMPRESSION, COMPRESSION_NONE);
  TIFFSetField(tiff, TIFFTAG_ROWSPERSTRIP, TIFFDefaultStripSize(tiff, 0));
  if (!is_rgb && image.channels > 1) {
    const std::vector<uint16_t> extra(static_cast<size_t>(image.channels - 1), EXTRASAMPLE_UNSPECIFIED);
    TIFFSetField(tiff, TIFFTAG_EXTRASAMPLES, static_cast<int>(extra.size()), extra.data());
  }
  const size_t row_bytes = static_cast<size_t>(image.width() * image.channels) * size_of(image.type);
  for (int64_t y = 0; y < image.height(); ++y) {
    const std::byte* row = image.bytes.data() + static_cast<size_t>(z * image.height() + y) * row_bytes;
    // libtiff takes a pointer to mutable memory, but changes it only where the file's byte order differs from the machine's.
    if (TIFFWriteScanline(tiff, const_cast<std::byte*>(row), static_cast<uint32_t>(y), 0) != 1) throw_no_memory();
  }
  if (TIFFWriteDirectory(tiff) != 1) throw_no_memory();
}

}  // namespace

ImageHeader read_tiff_header(const FileBytes& file) {
  const std::vector<Page> pages = read_pages(read_layout(file));
  ImageHeader header = header_of(pages);
  header.channels = pages[0].channels();
  return header;
}

Image read_tiff(const FileBytes& file) {
  const Layout layout = read_layout(file);
  const std::vector<Page> pages = read_pages(layout);
  const ImageHeader header = header_of(pages);
  const StoredType type = pages[0].type;
  const size_t page_bytes = static_cast<size_t>(header.size[0] * header.size[1] * header.channels) * size_of(type);
  std::vector<std::byte> voxels(page_bytes * pages.size());
  MemoryFile memory{file.bytes};
  Tiff tiff(nullptr, &TIFFClose);
  for (size_t z = 0; z < pages.size(); ++z) {
    const Page& page = pages[z];
    const std::span<std::byte> target = std::span(voxels).subspan(z * page_bytes, page_bytes);
    if (page.compression == COMPRESSION_NONE) {
      copy_page(layout.reader, page, target);
    } else {
      if (tiff == nullptr) tiff = open_tiff(memory, file.name, "r");
      decode_page(tiff.get(), file.name, page, target);
    }
    if (page.min_is_white && type == StoredType::u8) invert<uint8_t>(target);
    if (page.min_is_white && type == StoredType::u16) invert<uint16_t>(target);
  }
  Image image = from_stored(std::move(voxels), type, header);
  return pages[0].has_alpha ? without_last_channel(image) : image;
}

std::string encode_tiff(const Image& image) {
  constexpr size_t kLargestClassic = 4'000'000'000;
  std::string content;
  MemoryFile memory{{}, &content};
  const Tiff tiff = open_tiff(memory, "memory", image.bytes.size() > kLargestClassic ? "wl8" : "wl");
  if (tiff == nullptr) throw_no_memory();
  for (int64_t z = 0; z < image.depth(); ++z) write_page(tiff.get(), image, z);
  return content;
}

}  // namespace larmor::imaging
