#include "imaging/hdf5.h"

#include <fmt/format.h>
#include <hdf5.h>

#include <algorithm>
#include <bit>
#include <cctype>
#include <cstring>
#include <mutex>
#include <optional>

#include "core/error.h"

namespace larmor::imaging {

namespace {

constexpr uint64_t kFront = 512;  // the user block
constexpr uint64_t kSuperblock = 48;
constexpr std::string_view kSignature("\x89HDF\r\n\x1a\n", 8);
constexpr std::string_view kFrontTitle = "Larmor HDF5 1\n";
constexpr size_t kMostArrays = 8;  // so many links libhdf5 keeps in a group's header
constexpr size_t kMostAxes = 8;
constexpr size_t kMostBlocks = 64;      // of one object header
constexpr size_t kMostMessages = 1024;  // of one object header, in all its blocks

/// Types of messages in an object header.
enum Message : uint8_t { kDataspace = 0x01, kDatatype = 0x03, kLink = 0x06, kLayout = 0x08, kFilters = 0x0B, kContinuation = 0x10 };

int64_t product_of(const std::vector<int64_t>& shape) {
  int64_t product = 1;
  for (const int64_t side : shape) product *= side;
  return product;
}

/// Reads numbers one after another; past the end of its range the file is damaged.
class Cursor {
 public:
  Cursor(const FileBytes& file, std::span<const std::byte> range) : file_(file), range_(range) {}
  uint64_t number(size_t size) {
    const std::span<const std::byte> bytes = take(size);
    uint64_t value = 0;
    for (size_t i = 0; i < size; ++i) value |= std::to_integer<uint64_t>(bytes[i]) << 8 * i;
    return value;
  }
  std::span<const std::byte> take(uint64_t size) {
    if (size > range_.size()) throw_damaged(file_.name, "its HDF5 header is damaged: a message ends too early");
    const std::span<const std::byte> taken = range_.first(size);
    range_ = range_.subspan(size);
    return taken;
  }
  std::string text(uint64_t size) {
    const std::span<const std::byte> bytes = take(size);
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }
  size_t left() const { return range_.size(); }

 private:
  const FileBytes& file_;
  std::span<const std::byte> range_;
};

struct HeaderMessage {
  uint64_t type = 0;
  std::span<const std::byte> data;
};

/// What the reader knows of a file. Addresses count from the end of the user block.
class Reader {
 public:
  explicit Reader(const FileBytes& file) : file_(file) {}

  Hdf5Arrays arrays() {
    Hdf5Arrays found;
    for (const auto& [name, address] : links_of(root_address())) found[name] = array_at(address, name);
    return found;
  }

 private:
  [[noreturn]] void damaged(const std::string& what) const { throw_damaged(file_.name, "its HDF5 header is damaged: " + what); }
  [[noreturn]] void unlike(const std::string& what) const { throw_damaged(file_.name, what + "; this is no HDF5 file of Larmor's"); }

  std::span<const std::byte> range(uint64_t address, uint64_t size) const {
    const uint64_t end = file_.bytes.size() - kFront;  // checked by root_address()
    if (address > end || size > end - address) damaged("an address lies outside of the file");
    return file_.bytes.subspan(kFront + address, size);
  }

  std::span<const std::byte> rest_from(uint64_t address) const {
    const uint64_t end = file_.bytes.size() - kFront;
    return range(address, end - std::min(address, end));
  }

  uint64_t root_address() const {
    if (file_.bytes.size() < kFront + kSuperblock) throw_cut_off(file_, kFront + kSuperblock);
    Cursor block(file_, range(0, kSuperblock));
    if (block.text(8) != kSignature) unlike("no HDF5 signature at byte 512");
    const uint64_t version = block.number(1);
    if (version != 2 && version != 3) unlike(fmt::format("superblock version {}, not 2 or 3", version));
    if (block.number(1) != 8 || block.number(1) != 8) unlike("addresses that are not of 8 bytes");
    block.take(1);
    if (block.number(8) != kFront) unlike("a user block that is not of 512 bytes");
    block.take(16);
    return block.number(8);
  }

  /// All messages of an object header, its continuation blocks included.
  std::vector<HeaderMessage> messages_at(uint64_t address) const {
    Cursor prefix(file_, rest_from(address));
    if (prefix.text(4) != "OHDR" || prefix.number(1) != 2) damaged("no object header where one should be");
    const uint64_t flags = prefix.number(1);
    uint64_t used = 6;
    for (const auto& [bit, size] : {std::pair<uint64_t, uint64_t>{0x20, 16}, {0x10, 4}}) {
      if ((flags & bit) == 0) continue;
      prefix.take(size);
      used += size;
    }
    const uint64_t width = uint64_t{1} << (flags & 3);
    const uint64_t size = prefix.number(width);
    std::vector<HeaderMessage> messages;
    std::vector<std::span<const std::byte>> blocks{range(address + used + width, size)};
    for (size_t i = 0; i < blocks.size(); ++i) {
      if (blocks.size() > kMostBlocks) damaged("too many continuation blocks");
      read_block(blocks[i], (flags & 0x04) != 0, messages, blocks);
    }
    return messages;
  }

  void read_block(std::span<const std::byte> block, bool has_order, std::vector<HeaderMessage>& messages,
                  std::vector<std::span<const std::byte>>& blocks) const {
    const size_t prefix = has_order ? 6 : 4;
    for (Cursor cursor(file_, block); cursor.left() >= prefix;) {
      const uint64_t type = cursor.number(1), size = cursor.number(2);
      cursor.take(prefix - 3);
      const std::span<const std::byte> data = cursor.take(size);
      if (type == kContinuation) {
        Cursor place(file_, data);
        const uint64_t address = place.number(8), length = place.number(8);
        if (length < 8 || blocks.size() > kMostBlocks) damaged("a bad continuation block");
        Cursor next(file_, range(address, length));
        if (next.text(4) != "OCHK") damaged("no continuation block where one should be");
        blocks.push_back(next.take(length - 8));
      } else {
        if (messages.size() == kMostMessages) damaged("too many messages in an object header");
        messages.push_back({type, data});
      }
    }
  }

  std::map<std::string, uint64_t> links_of(uint64_t group) const {
    std::map<std::string, uint64_t> links;
    for (const HeaderMessage& message : messages_at(group)) {
      if (message.type != kLink) continue;
      Cursor cursor(file_, message.data);
      if (cursor.number(1) != 1) damaged("a link of an unknown version");
      const uint64_t flags = cursor.number(1);
      if ((flags & 0x08) != 0 && cursor.number(1) != 0) unlike("a link that is not hard");
      if ((flags & 0x04) != 0) cursor.take(8);
      if ((flags & 0x10) != 0) cursor.take(1);
      const uint64_t length = cursor.number(uint64_t{1} << (flags & 3));
      std::string name = cursor.text(length);
      const uint64_t address = cursor.number(8);
      if (!links.emplace(std::move(name), address).second) damaged("two arrays of one name");
      if (links.size() > kMostArrays) unlike(fmt::format("more than {} arrays", kMostArrays));
    }
    return links;
  }

  Hdf5Array array_at(uint64_t address, const std::string& name) const {
    Hdf5Array array;
    std::optional<std::pair<uint64_t, uint64_t>> place;
    bool has_type = false;
    for (const HeaderMessage& message : messages_at(address)) {
      Cursor cursor(file_, message.data);
      if (message.type == kDataspace) array.shape = shape_from(cursor);
      if (message.type == kDatatype) {
        array.type = type_from(cursor, name);
        has_type = true;
      }
      if (message.type == kLayout) place = place_from(cursor, name);
      if (message.type == kFilters) unlike(fmt::format("array {} is filtered", in_quotes(name)));
    }
    if (array.shape.empty() || !has_type || !place) damaged(fmt::format("array {} is not described", in_quotes(name)));
    const uint64_t promised = static_cast<uint64_t>(array.elements()) * size_of(array.type);
    if (place->second != promised) damaged(fmt::format("array {} is not of the size of its shape", in_quotes(name)));
    array.bytes = range(place->first, promised);
    return array;
  }

  std::vector<int64_t> shape_from(Cursor& cursor) const {
    const uint64_t version = cursor.number(1), axes = cursor.number(1);
    if (version != 2 || axes == 0 || axes > kMostAxes) unlike("an array without axes, or with too many");
    cursor.take(2);
    std::vector<int64_t> shape;
    uint64_t product = 1;
    for (uint64_t i = 0; i < axes; ++i) {
      const uint64_t side = cursor.number(8);
      // No array is larger than its file.
      if (side == 0 || side > file_.bytes.size() / product) damaged("an array larger than the file, or empty");
      product *= side;
      shape.push_back(static_cast<int64_t>(side));
    }
    return shape;
  }

  PixelType type_from(Cursor& cursor, const std::string& name) const {
    const uint64_t kind = cursor.number(1) & 0x0F;
    const uint64_t bits = cursor.number(3), size = cursor.number(4), offset = cursor.number(2), precision = cursor.number(2);
    const bool is_whole = offset == 0 && precision == 8 * size && (bits & 1) == 0;
    const bool is_signed = (bits & 8) != 0;
    if (is_whole && kind == 0 && size == 1 && !is_signed) return PixelType::u8;
    if (is_whole && kind == 0 && size == 2) return is_signed ? PixelType::i16 : PixelType::u16;
    if (is_whole && kind == 0 && size == 4 && is_signed) return PixelType::i32;
    if (is_whole && kind == 1 && size == 4 && cursor.number(4) == 0x17000817) return PixelType::f32;  // exponent 8 at 23, mantissa 23 at 0
    unlike(fmt::format("array {} has an unknown type", in_quotes(name)));
  }

  std::pair<uint64_t, uint64_t> place_from(Cursor& cursor, const std::string& name) const {
    constexpr uint64_t kContiguous = 1;
    const uint64_t version = cursor.number(1), kind = cursor.number(1);
    if ((version != 3 && version != 4) || kind != kContiguous) unlike(fmt::format("array {} is not in one piece", in_quotes(name)));
    const uint64_t address = cursor.number(8);
    return {address, cursor.number(8)};
  }

  const FileBytes& file_;
};

/// The text of the user block, padded with zeros.
std::string front_of(std::span<const std::byte> rest) {
  std::string front = fmt::format("{}crc32 {:08x} bytes {}\n", kFrontTitle, crc32(rest), rest.size());
  front.resize(kFront);
  return front;
}

void check_front(const FileBytes& file) {
  const std::string_view front(reinterpret_cast<const char*>(file.bytes.data()), std::min<size_t>(file.bytes.size(), kFront));
  if (!front.starts_with(kFrontTitle)) throw_damaged(file.name, "is no HDF5 file of Larmor's: its first line is missing");
  if (file.bytes.size() <= kFront) throw_cut_off(file, kFront + 1);
  if (front_of(file.bytes.subspan(kFront)) != front) throw_damaged(file.name, "its checksum does not fit: the file is cut off or damaged");
}

/// libhdf5 as Debian builds it keeps global state without locks.
std::mutex& library() {
  static std::mutex mutex;
  return mutex;
}

/// An identifier of libhdf5 with what closes it; below zero the library has failed.
class Handle {
 public:
  Handle(hid_t id, herr_t (*close)(hid_t), const std::string& file) : id_(id), close_(close) {
    if (id < 0) throw_run_error(file + ": cannot be written: libhdf5 has failed");
  }
  ~Handle() { close_(id_); }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  hid_t get() const { return id_; }

 private:
  hid_t id_;
  herr_t (*close_)(hid_t);
};

hid_t stored_type(PixelType type) {
  switch (type) {
    case PixelType::u8:
      return H5T_STD_U8LE;
    case PixelType::i16:
      return H5T_STD_I16LE;
    case PixelType::u16:
      return H5T_STD_U16LE;
    case PixelType::i32:
      return H5T_STD_I32LE;
    case PixelType::f32:
      break;
  }
  return H5T_IEEE_F32LE;
}

void check(bool went_well, const std::string& file) {
  if (!went_well) throw_run_error(file + ": cannot be written: libhdf5 has failed");
}

void add_array(hid_t group, const std::string& name, const Hdf5Array& array, const std::string& file) {
  std::vector<hsize_t> shape(array.shape.begin(), array.shape.end());
  const Handle space(H5Screate_simple(static_cast<int>(shape.size()), shape.data(), nullptr), H5Sclose, file);
  const Handle options(H5Pcreate(H5P_DATASET_CREATE), H5Pclose, file);
  // No time of day: the same arrays are the same bytes.
  check(H5Pset_obj_track_times(options.get(), false) >= 0, file);
  const hid_t type = stored_type(array.type);
  const Handle set(H5Dcreate2(group, name.c_str(), type, space.get(), H5P_DEFAULT, options.get(), H5P_DEFAULT), H5Dclose, file);
  check(H5Dwrite(set.get(), type, H5S_ALL, H5S_ALL, H5P_DEFAULT, array.bytes.data()) >= 0, file);
}

/// Jenkins' lookup3, HDF5's checksum of metadata, over a number of bytes that fills whole words.
uint32_t lookup3(std::span<const std::byte> bytes) {
  const size_t count = bytes.size() / 4;
  const auto word = [&](size_t i) -> uint32_t {
    uint32_t value = 0;
    if (i < count) std::memcpy(&value, bytes.data() + 4 * i, 4);
    return value;
  };
  uint32_t a = 0xDEADBEEF + static_cast<uint32_t>(bytes.size()), b = a, c = a;
  const auto subtract = [](uint32_t& x, uint32_t& y, uint32_t& z, int turn) {
    x = (x - y) ^ std::rotl(y, turn);
    y += z;
  };
  const auto finish = [](uint32_t& x, uint32_t y, int turn) { x = (x ^ y) - std::rotl(y, turn); };
  size_t i = 0;
  for (; count - i > 3; i += 3) {
    a += word(i);
    b += word(i + 1);
    c += word(i + 2);
    subtract(a, c, b, 4);
    subtract(b, a, c, 6);
    subtract(c, b, a, 8);
    subtract(a, c, b, 16);
    subtract(b, a, c, 19);
    subtract(c, b, a, 4);
  }
  a += word(i);
  b += word(i + 1);
  c += word(i + 2);
  finish(c, b, 14);
  finish(a, c, 11);
  finish(b, a, 25);
  finish(c, b, 16);
  finish(a, c, 4);
  finish(b, a, 14);
  finish(c, b, 24);
  return c;
}

/// libhdf5 clears the mark of an open file in the image's superblock, but leaves the checksum that the mark was under; then it would not
/// open the file itself.
void renew_checksum(std::vector<std::byte>& image) {
  constexpr size_t kChecked = 44;
  const uint32_t checksum = lookup3(std::span(image).first(kChecked));
  for (size_t i = 0; i < 4; ++i) image[kChecked + i] = static_cast<std::byte>(checksum >> 8 * i);
}

/// The file behind its user block as libhdf5 makes it, in memory: nothing half-written ever has the file's name.
std::vector<std::byte> image_of(const Hdf5Arrays& arrays, const std::string& file) {
  constexpr size_t kStep = 1 << 22;
  const std::lock_guard lock(library());
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
  const Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose, file);
  const Handle creation(H5Pcreate(H5P_FILE_CREATE), H5Pclose, file);
  check(H5Pset_fapl_core(access.get(), kStep, false) >= 0, file);
  check(H5Pset_libver_bounds(access.get(), H5F_LIBVER_V18, H5F_LIBVER_V18) >= 0, file);
  check(H5Pset_userblock(creation.get(), kFront) >= 0, file);
  check(H5Pset_obj_track_times(creation.get(), false) >= 0, file);
  const Handle made(H5Fcreate(file.c_str(), H5F_ACC_TRUNC, creation.get(), access.get()), H5Fclose, file);
  for (const auto& [name, array] : arrays) add_array(made.get(), name, array, file);
  check(H5Fflush(made.get(), H5F_SCOPE_GLOBAL) >= 0, file);
  const ssize_t size = H5Fget_file_image(made.get(), nullptr, 0);
  check(size >= static_cast<ssize_t>(kSuperblock), file);
  std::vector<std::byte> image(static_cast<size_t>(size));
  check(H5Fget_file_image(made.get(), image.data(), image.size()) == size, file);
  check(std::memcmp(image.data(), kSignature.data(), kSignature.size()) == 0, file);
  renew_checksum(image);
  return image;
}

bool is_plain_name(const std::string& name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](unsigned char c) { return std::isalnum(c) != 0 || c == '_'; });
}

}  // namespace

int64_t Hdf5Array::elements() const { return product_of(shape); }

void write_hdf5(const std::filesystem::path& file, const Hdf5Arrays& arrays) {
  LARMOR_ASSERT(!arrays.empty() && arrays.size() <= kMostArrays);
  for (const auto& [name, array] : arrays) {
    LARMOR_ASSERT(is_plain_name(name) && !array.shape.empty() && array.shape.size() <= kMostAxes && array.elements() > 0);
    LARMOR_ASSERT(array.bytes.size() == static_cast<size_t>(array.elements()) * size_of(array.type));
  }
  const std::vector<std::byte> rest = image_of(arrays, file.string());
  write_file_atomically(file, [&](const std::function<void(const void*, size_t)>& write) {
    const std::string front = front_of(rest);
    write(front.data(), front.size());
    write(rest.data(), rest.size());
  });
}

Hdf5Arrays parse_hdf5(const FileBytes& file) { return Reader(file).arrays(); }

Hdf5File::Hdf5File(const std::filesystem::path& file) : name_(file.string()), map_(file) {
  const FileBytes bytes{map_.bytes(), name_};
  check_front(bytes);
  arrays_ = parse_hdf5(bytes);
}

const Hdf5Array& Hdf5File::at(const std::string& array, PixelType type, size_t axes) const {
  const auto found = arrays_.find(array);
  if (found == arrays_.end()) throw_damaged(name_, fmt::format("holds no array {}", in_quotes(array)));
  if (found->second.type != type || found->second.shape.size() != axes) {
    throw_damaged(name_, fmt::format("array {} has {} axes of {}; must have {} of {}", in_quotes(array), found->second.shape.size(),
                                     to_string(found->second.type), axes, to_string(type)));
  }
  return found->second;
}

}  // namespace larmor::imaging
