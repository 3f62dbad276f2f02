#include "core/safetensors.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <unordered_set>
#include <utility>

#include "core/error.h"

namespace larmor {

static_assert(std::endian::native == std::endian::little, "tensor bytes are used as they stand in the file");

namespace {

constexpr size_t kLengthBytes = 8;
constexpr uint64_t kLargestHeader = 100'000'000;
constexpr size_t kMostDimensions = 64;
constexpr size_t kAlignment = 8;
constexpr std::string_view kMetadataKey = "__metadata__";

struct DTypeFacts {
  DType type;
  std::string_view name;
  size_t size;
};

constexpr std::array<DTypeFacts, 13> kDTypes = {{{DType::boolean, "BOOL", 1},
                                                 {DType::u8, "U8", 1},
                                                 {DType::i8, "I8", 1},
                                                 {DType::i16, "I16", 2},
                                                 {DType::u16, "U16", 2},
                                                 {DType::f16, "F16", 2},
                                                 {DType::bf16, "BF16", 2},
                                                 {DType::i32, "I32", 4},
                                                 {DType::u32, "U32", 4},
                                                 {DType::f32, "F32", 4},
                                                 {DType::f64, "F64", 8},
                                                 {DType::i64, "I64", 8},
                                                 {DType::u64, "U64", 8}}};

const DTypeFacts& facts_of(DType type) {
  const auto found = std::find_if(kDTypes.begin(), kDTypes.end(), [&](const DTypeFacts& facts) { return facts.type == type; });
  LARMOR_ASSERT(found != kDTypes.end());
  return *found;
}

/// Bytes of a tensor, or nothing when the size does not fit 63 bits. Zeros count as ones for that test: a shape such as
/// [0, 2^62, 2^62] holds nothing, but whoever computes its strides overflows.
std::optional<uint64_t> bytes_of(const std::vector<int64_t>& shape, DType type) {
  constexpr auto kLargest = static_cast<uint64_t>(std::numeric_limits<int64_t>::max());
  uint64_t product = size_of(type);
  bool is_empty = false;
  for (const int64_t extent : shape) {
    is_empty = is_empty || extent == 0;
    const auto factor = static_cast<uint64_t>(std::max<int64_t>(extent, 1));
    if (product > kLargest / factor) return std::nullopt;
    product *= factor;
  }
  return is_empty ? 0 : product;
}

/// One tensor as its header entry describes it.
struct HeaderEntry {
  std::string name;
  DType type = DType::f32;
  std::vector<int64_t> shape;
  std::array<uint64_t, 2> offsets{};  ///< begin and end in the data
};

/// Reads the JSON header event by event: no tree is built, so nesting and size of a hostile header cost nothing.
class HeaderReader {
 public:
  explicit HeaderReader(std::string file) : file_(std::move(file)) {}

  std::vector<HeaderEntry> entries;
  std::map<std::string, std::string> metadata;

  [[noreturn]] void fail(const std::string& message) const { throw_data_error(fmt::format("{}: {}", file_, message)); }
  [[noreturn]] void fail_here(const std::string& message) const { fail(place() + message); }

  bool null() { fail_here("null is not allowed"); }
  bool boolean(bool) { fail_here("true and false are not allowed"); }
  bool binary(nlohmann::json::binary_t&) { fail_here("binary values are not allowed"); }
  bool number_float(double, const std::string& text) { fail_here(fmt::format("{} is not a whole number", in_quotes(text))); }
  bool number_integer(int64_t value) { fail_here(fmt::format("{} is negative", value)); }

  bool number_unsigned(uint64_t value) {
    if (level_ != Level::array) fail_here("a number is not allowed");
    if (value > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) fail_here(fmt::format("{} is too large", value));
    numbers_.push_back(static_cast<int64_t>(value));
    const size_t most = field_ == "shape" ? kMostDimensions : 2;
    if (numbers_.size() > most) fail_here(fmt::format("more than {} numbers", most));
    return true;
  }

  bool string(const std::string& value) {
    if (level_ == Level::metadata) {
      metadata[field_] = value;
      return true;
    }
    if (level_ != Level::tensor || field_ != "dtype") fail_here("text is not allowed");
    const auto found = std::find_if(kDTypes.begin(), kDTypes.end(), [&](const DTypeFacts& facts) { return facts.name == value; });
    if (found == kDTypes.end()) {
      std::vector<std::string> names;
      names.reserve(kDTypes.size());
      for (const DTypeFacts& facts : kDTypes) names.emplace_back(facts.name);
      fail(fmt::format("{}unknown dtype {}; allowed: {}", tensor_place(), in_quotes(value), fmt::join(names, ", ")));
    }
    entries.back().type = found->type;
    return true;
  }

  bool start_object(size_t) {
    if (level_ == Level::outside) {
      level_ = Level::top;
    } else if (level_ == Level::top) {
      level_ = name_ == kMetadataKey ? Level::metadata : Level::tensor;
      if (level_ == Level::tensor) entries.push_back({.name = name_});
      fields_.clear();
    } else {
      fail_here("an object is not allowed");
    }
    return true;
  }

  bool key(const std::string& value) {
    const bool is_new = (level_ == Level::top ? names_ : fields_).insert(value).second;
    if (level_ == Level::top) {
      if (!is_new) fail(fmt::format("header: duplicate key {}", in_quotes(value)));
      name_ = value;
      return true;
    }
    field_ = value;
    if (!is_new) fail(fmt::format("{}duplicate key {}", tensor_place(), in_quotes(value)));
    const bool is_known = level_ == Level::metadata || value == "dtype" || value == "shape" || value == "data_offsets";
    if (!is_known) fail(fmt::format("{}unknown field {}; allowed: dtype, shape, data_offsets", tensor_place(), in_quotes(value)));
    return true;
  }

  bool end_object() {
    if (level_ == Level::tensor) check_complete();
    level_ = level_ == Level::top ? Level::outside : Level::top;
    return true;
  }

  bool start_array(size_t) {
    if (level_ != Level::tensor || field_ == "dtype") fail_here("a list is not allowed");
    level_ = Level::array;
    numbers_.clear();
    return true;
  }

  bool end_array() {
    level_ = Level::tensor;
    if (field_ == "shape") {
      entries.back().shape = std::move(numbers_);
    } else {
      if (numbers_.size() != 2) fail_here(fmt::format("{} numbers instead of 2", numbers_.size()));
      entries.back().offsets = {static_cast<uint64_t>(numbers_[0]), static_cast<uint64_t>(numbers_[1])};
    }
    return true;
  }

  bool parse_error(size_t position, const std::string&, const nlohmann::json::exception&) {
    fail(fmt::format("header is not valid JSON at byte {}", position));
  }

 private:
  enum class Level { outside, top, metadata, tensor, array };

  std::string tensor_place() const { return level_ == Level::metadata ? "metadata: " : fmt::format("tensor {}: ", in_quotes(name_)); }

  std::string place() const {
    switch (level_) {
      case Level::outside:
        return "header: ";
      case Level::top:
        return fmt::format("header: {}: ", in_quotes(name_));
      case Level::metadata:
        return fmt::format("metadata: {}: ", in_quotes(field_));
      case Level::tensor:
      case Level::array:
        return tensor_place() + field_ + ": ";
    }
    return "";
  }

  /// A key that was seen has a value of the right type: all others were refused.
  void check_complete() const {
    for (const char* field : {"dtype", "shape", "data_offsets"}) {
      if (!fields_.contains(field)) fail(fmt::format("{}{} is missing", tensor_place(), field));
    }
  }

  std::string file_;
  Level level_ = Level::outside;
  std::string name_;
  std::string field_;
  std::unordered_set<std::string> names_;
  std::unordered_set<std::string> fields_;
  std::vector<int64_t> numbers_;
};

/// Bytes of the JSON header, after the checks that need no JSON.
std::span<const std::byte> find_header(std::span<const std::byte> bytes, const HeaderReader& reader) {
  if (bytes.size() < kLengthBytes) reader.fail(fmt::format("{} bytes are too few for a safetensors file", bytes.size()));
  uint64_t length = 0;
  for (size_t i = 0; i < kLengthBytes; ++i) length |= std::to_integer<uint64_t>(bytes[i]) << (8 * i);
  const bool has_object = bytes.size() > kLengthBytes && bytes[kLengthBytes] == std::byte{'{'};
  const bool is_huge = length > kLargestHeader;
  if (is_huge && bytes.size() > kLengthBytes && !has_object) reader.fail("not a safetensors file (no length and JSON header at its start)");
  if (is_huge) reader.fail(fmt::format("header of {} bytes; at most {} are allowed", length, kLargestHeader));
  if (length > bytes.size() - kLengthBytes) {
    reader.fail(fmt::format("header of {} bytes, but only {} follow: the file is cut off", length, bytes.size() - kLengthBytes));
  }
  const auto header = bytes.subspan(kLengthBytes, length);
  if (header.empty() || header[0] != std::byte{'{'}) reader.fail("header does not begin with '{'");
  return header;
}

/// Checks one entry against its shape and the end of the data.
void check_extent(const HeaderEntry& entry, uint64_t data_size, const HeaderReader& reader) {
  const std::string place = fmt::format("tensor {}: ", in_quotes(entry.name));
  const auto [begin, end] = entry.offsets;
  const auto size = bytes_of(entry.shape, entry.type);
  if (!size) reader.fail(fmt::format("{}shape [{}] overflows", place, fmt::join(entry.shape, ", ")));
  if (begin > end) reader.fail(fmt::format("{}data_offsets [{}, {}] are out of order", place, begin, end));
  if (end - begin != *size) {
    reader.fail(fmt::format("{}data_offsets hold {} bytes, but shape [{}] of {} needs {}", place, end - begin, fmt::join(entry.shape, ", "),
                            to_string(entry.type), *size));
  }
  if (end > data_size) reader.fail(fmt::format("{}ends at byte {} of the data, which has {}: the file is cut off", place, end, data_size));
}

/// Sorts by offset and refuses holes, overlaps and bytes that belong to nothing.
void sort_and_check_coverage(std::vector<HeaderEntry>& entries, uint64_t data_size, const HeaderReader& reader) {
  std::stable_sort(entries.begin(), entries.end(), [](const HeaderEntry& a, const HeaderEntry& b) { return a.offsets < b.offsets; });
  uint64_t covered = 0;
  for (const HeaderEntry& entry : entries) {
    const auto [begin, end] = entry.offsets;
    const std::string_view problem = begin < covered ? "overlaps the tensor before it" : "leaves a hole before it";
    if (begin != covered) {
      reader.fail(fmt::format("tensor {}: begins at byte {} instead of {}: {}", in_quotes(entry.name), begin, covered, problem));
    }
    covered = end;
  }
  if (covered != data_size) reader.fail(fmt::format("{} bytes after the last tensor", data_size - covered));
}

std::string json_text(const std::string& text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string make_header(const std::vector<TensorView>& tensors, const std::map<std::string, std::string>& metadata) {
  std::vector<std::string> members;
  members.reserve(tensors.size() + 1);
  if (!metadata.empty()) {
    std::vector<std::string> pairs;
    pairs.reserve(metadata.size());
    for (const auto& [key, value] : metadata) pairs.push_back(json_text(key) + ":" + json_text(value));
    members.push_back(fmt::format("\"{}\":{{{}}}", kMetadataKey, fmt::join(pairs, ",")));
  }
  std::unordered_set<std::string> names;
  uint64_t offset = 0;
  for (const TensorView& tensor : tensors) {
    LARMOR_ASSERT(tensor.name != kMetadataKey && names.insert(tensor.name).second);
    LARMOR_ASSERT(tensor.shape.size() <= kMostDimensions && bytes_of(tensor.shape, tensor.type) == tensor.bytes.size());
    const uint64_t end = offset + tensor.bytes.size();
    members.push_back(fmt::format(R"({}:{{"dtype":"{}","shape":[{}],"data_offsets":[{},{}]}})", json_text(tensor.name),
                                  to_string(tensor.type), fmt::join(tensor.shape, ","), offset, end));
    offset = end;
  }
  std::string header = fmt::format("{{{}}}", fmt::join(members, ","));
  header.append((kAlignment - header.size() % kAlignment) % kAlignment, ' ');
  return header;
}

}  // namespace

size_t size_of(DType type) { return facts_of(type).size; }

std::string to_string(DType type) { return std::string(facts_of(type).name); }

SafetensorsFile SafetensorsFile::open(const std::filesystem::path& file) {
  auto map = std::make_shared<MappedFile>(file);
  SafetensorsFile result = parse(map->bytes(), file.string());
  result.map_ = std::move(map);
  return result;
}

SafetensorsFile SafetensorsFile::parse(std::span<const std::byte> bytes, const std::string& name) {
  HeaderReader reader(name);
  const auto header = find_header(bytes, reader);
  const auto data = bytes.subspan(kLengthBytes + header.size());
  const auto* text = reinterpret_cast<const char*>(header.data());
  nlohmann::json::sax_parse(text, text + header.size(), &reader);
  for (const HeaderEntry& entry : reader.entries) check_extent(entry, data.size(), reader);
  sort_and_check_coverage(reader.entries, data.size(), reader);

  SafetensorsFile result;
  result.name_ = name;
  result.metadata_ = std::move(reader.metadata);
  for (HeaderEntry& entry : reader.entries) {
    const auto [begin, end] = entry.offsets;
    result.positions_.emplace(entry.name, result.tensors_.size());
    result.tensors_.push_back({std::move(entry.name), entry.type, std::move(entry.shape), data.subspan(begin, end - begin)});
  }
  return result;
}

const TensorView* SafetensorsFile::find(const std::string& name) const {
  const auto found = positions_.find(name);
  return found == positions_.end() ? nullptr : &tensors_[found->second];
}

void write_safetensors(const std::filesystem::path& file, const std::vector<TensorView>& tensors,
                       const std::map<std::string, std::string>& metadata) {
  const std::string header = make_header(tensors, metadata);
  std::array<std::byte, kLengthBytes> length{};
  for (size_t i = 0; i < kLengthBytes; ++i) length[i] = static_cast<std::byte>(static_cast<uint64_t>(header.size()) >> (8 * i));
  write_file_atomically(file, [&](const auto& write) {
    write(length.data(), length.size());
    write(header.data(), header.size());
    for (const TensorView& tensor : tensors) write(tensor.bytes.data(), tensor.bytes.size());
  });
}

}  // namespace larmor
