#include "core/pytorch_file.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <map>
#include <optional>

#include "core/error.h"
#include "core/pickle.h"
#include "core/pytorch_tree.h"
#include "core/tar.h"
#include "core/zip.h"

namespace larmor {

namespace {

using Bytes = std::span<const std::byte>;

constexpr size_t kMostDimensions = 64;
constexpr size_t kLongestKey = 256;
constexpr size_t kMostMetadata = 64;
constexpr std::string_view kMagic = "\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19";  // of streams, as a long integer
constexpr int64_t kStreamProtocol = 1001;
constexpr std::string_view kMainPickle = "data.pkl";

struct TypeName {
  std::string_view name;
  DType type;
};

/// Storages ("torch.FloatStorage") and plain types ("torch.float32") that safetensors has too.
constexpr std::array kTypes = std::to_array<TypeName>(
    {{"FloatStorage", DType::f32}, {"DoubleStorage", DType::f64},   {"HalfStorage", DType::f16},   {"BFloat16Storage", DType::bf16},
     {"LongStorage", DType::i64},  {"IntStorage", DType::i32},      {"ShortStorage", DType::i16},  {"CharStorage", DType::i8},
     {"ByteStorage", DType::u8},   {"BoolStorage", DType::boolean}, {"UntypedStorage", DType::u8}, {"float32", DType::f32},
     {"float64", DType::f64},      {"float16", DType::f16},         {"bfloat16", DType::bf16},     {"int64", DType::i64},
     {"int32", DType::i32},        {"int16", DType::i16},           {"int8", DType::i8},           {"uint8", DType::u8},
     {"uint16", DType::u16},       {"uint32", DType::u32},          {"uint64", DType::u64},        {"bool", DType::boolean}});

/// A storage that a tensor is a view of; offset and size are those of a part of it, in bytes.
struct StorageRef {
  std::string key;
  DType type = DType::f32;
  uint64_t begin = 0, size = 0;
};

/// A tensor as its pickle describes it, in elements.
struct Description {
  StorageRef storage;
  DType type = DType::f32;
  int64_t offset = 0;
  std::vector<int64_t> shape, strides;
};

[[noreturn]] void fail(const std::string& file, const std::string& what) { throw_data_error(fmt::format("{}: {}", file, what)); }

uint64_t checked_product(uint64_t a, uint64_t b, const std::string& file) {
  constexpr auto kLargest = static_cast<uint64_t>(std::numeric_limits<int64_t>::max());
  if (b != 0 && a > kLargest / b) fail(file, "a size overflows");
  return a * b;
}

int64_t number_at(Bytes bytes, size_t offset) {
  int64_t value = 0;
  std::memcpy(&value, bytes.data() + offset, sizeof(value));
  return value;
}

/// Reads descriptions of tensors out of a tree.
class Describer {
 public:
  Describer(const PickleTree& tree, const std::string& file) : tree_(tree), file_(file) {}

  DType type_of(const PickleValue& value) const {
    if (value.kind != PickleKind::global) fail(file_, "a storage without a type");
    const std::string_view name = value.text.substr(value.text.rfind('.') + 1);
    const auto found = std::find_if(kTypes.begin(), kTypes.end(), [&](const TypeName& type) { return type.name == name; });
    if (found == kTypes.end()) fail(file_, fmt::format("holds a tensor of type {}, which is not read", in_quotes(value.text)));
    return found->type;
  }

  /// ('storage', type, key, device, elements[, None or (key of the view, offset, elements)]).
  StorageRef storage_of(const PickleValue& persistent) const {
    const PickleValue& id = tree_[persistent.items[0]];
    const bool is_storage =
        id.kind == PickleKind::tuple && id.items.size() >= 5 && item(id, 0).kind == PickleKind::text && item(id, 0).text == "storage";
    if (!is_storage) fail(file_, "a tensor that refers to no storage");
    StorageRef storage;
    storage.type = type_of(item(id, 1));
    storage.key = key_of(item(id, 2));
    storage.size = checked_product(count_of(item(id, 4)), size_of(storage.type), file_);
    if (id.items.size() > 5 && item(id, 5).kind == PickleKind::tuple) {
      const PickleValue& view = item(id, 5);
      if (view.items.size() != 3) fail(file_, "a damaged view of a storage");
      storage.begin = checked_product(count_of(item(view, 1)), size_of(storage.type), file_);
      const uint64_t size = checked_product(count_of(item(view, 2)), size_of(storage.type), file_);
      if (storage.begin > storage.size || size > storage.size - storage.begin) fail(file_, "a view outside its storage");
      storage.size = size;
    }
    return storage;
  }

  /// The call of torch._utils._rebuild_tensor{,_v2,_v3}(storage, offset, shape, strides, …).
  Description tensor_of(const PickleValue& tensor) const {
    const bool has_type = tensor.text.ends_with("_v3");
    const size_t arguments = has_type ? 7 : 6;  // then the metadata
    if (tensor.items.size() < (has_type ? 7 : 4) || item(tensor, 0).kind != PickleKind::persistent)
      fail(file_, "a damaged description of a tensor");
    Description description;
    description.storage = storage_of(item(tensor, 0));
    description.type = has_type ? type_of(item(tensor, 6)) : description.storage.type;
    description.offset = static_cast<int64_t>(count_of(item(tensor, 1)));
    description.shape = sizes_of(item(tensor, 2));
    description.strides = sizes_of(item(tensor, 3));
    if (tensor.items.size() > arguments) check_metadata(item(tensor, arguments));
    return description;
  }

  std::string key_of(const PickleValue& value) const {
    if (value.kind == PickleKind::text && value.text.size() <= kLongestKey) return std::string(value.text);
    if (value.kind == PickleKind::text)
      fail(file_, fmt::format("a storage with a key of {} bytes; at most {} are allowed", value.text.size(), kLongestKey));
    if (value.kind == PickleKind::integer) return fmt::format("{}", value.number);
    fail(file_, "a storage without a key");
  }
  uint64_t count_of(const PickleValue& value) const {
    if (value.kind != PickleKind::integer || value.number < 0) fail(file_, "a size or an offset that is no whole number of 0 or more");
    return static_cast<uint64_t>(value.number);
  }
  std::vector<int64_t> sizes_of(const PickleValue& value) const {
    if (value.kind != PickleKind::tuple && value.kind != PickleKind::list) fail(file_, "a shape that is no list");
    if (value.items.size() > kMostDimensions) fail(file_, fmt::format("a tensor of more than {} dimensions", kMostDimensions));
    std::vector<int64_t> sizes;
    for (const PickleRef ref : value.items) sizes.push_back(static_cast<int64_t>(count_of(tree_[ref])));
    return sizes;
  }
  const PickleValue& item(const PickleValue& of, size_t index) const { return tree_[of.items[index]]; }

 private:
  /// {'neg': True} and {'conj': True} stand for operations that the stored numbers still lack.
  void check_metadata(const PickleValue& metadata) const {
    if (metadata.kind != PickleKind::mapping) return;
    if (metadata.items.size() > kMostMetadata) fail(file_, "a damaged description of a tensor");
    for (const std::string_view flag : {"neg", "conj"}) {
      const PickleValue* value = find_key(tree_, metadata, flag);
      if (value == nullptr || value->number == 0) continue;
      fail(file_, fmt::format("holds a tensor with its {} bit set, which is not read; store tensor.resolve_{}()", flag, flag));
    }
  }

  const PickleTree& tree_;
  const std::string& file_;
};

/// Turns a description into bytes in C order: the storage's own where they stand so, else a copy.
class Layouter {
 public:
  Layouter(std::string file, bool is_big_endian, std::deque<std::vector<std::byte>>& buffers)
      : file_(std::move(file)), is_big_endian_(is_big_endian), buffers_(buffers) {}

  /// `available`: bytes that the file holds, unpacked.
  TensorView view(const std::string& name, const Description& what, Bytes storage, uint64_t available) {
    const std::string place = fmt::format("{}: tensor {}", file_, in_quotes(name));
    TensorView view{name, what.type, what.shape, {}};
    const uint64_t elements = check(what, storage.size(), place);
    const uint64_t bytes = checked_product(elements, size_of(what.type), place);
    const uint64_t begin = static_cast<uint64_t>(what.offset) * size_of(what.type);
    spend(bytes, available);
    if (elements == 0) return view;
    if (is_contiguous(what) && !must_swap(what.type)) {
      view.bytes = storage.subspan(begin, bytes);
    } else {
      view.bytes = gather(what, storage.subspan(begin), elements);
    }
    return view;
  }

 private:
  bool must_swap(DType type) const { return is_big_endian_ && size_of(type) > 1; }

  /// How many elements; all of them lie inside the storage.
  static uint64_t check(const Description& what, uint64_t storage_size, const std::string& place) {
    if (what.shape.size() != what.strides.size()) fail(place, "shape and strides of different length");
    uint64_t elements = 1, factors = 1, last = static_cast<uint64_t>(what.offset);
    for (size_t i = 0; i < what.shape.size(); ++i) {
      const auto extent = static_cast<uint64_t>(what.shape[i]);
      elements *= extent != 0;
      factors = checked_product(factors, std::max<uint64_t>(extent, 1), place);
      if (extent == 0) continue;
      const uint64_t reach = checked_product(extent - 1, static_cast<uint64_t>(what.strides[i]), place);
      if (reach > std::numeric_limits<int64_t>::max() - last) fail(place, "its strides overflow");
      last += reach;
    }
    if (elements == 0) return 0;
    const uint64_t room = storage_size / size_of(what.type);
    if (last >= room) fail(place, fmt::format("reaches element {} of its storage, which has {}", last, room));
    return factors;
  }

  /// Many large views of few bytes would fill any memory.
  void spend(uint64_t bytes, uint64_t available) {
    constexpr uint64_t kFree = uint64_t{1} << 20;  // broadcast scalars are no attack
    spent_ += std::min(bytes, std::numeric_limits<uint64_t>::max() - spent_);
    if (spent_ <= kFree || (spent_ - kFree) / PyTorchFile::kLargestRatio <= available) return;
    fail(file_, fmt::format("its tensors are more than {} times as large as what it stores", PyTorchFile::kLargestRatio));
  }

  static bool is_contiguous(const Description& what) {
    uint64_t expected = 1;
    for (size_t i = what.shape.size(); i-- > 0;) {
      if (what.shape[i] != 1 && static_cast<uint64_t>(what.strides[i]) != expected) return false;
      expected *= static_cast<uint64_t>(what.shape[i]);
    }
    return true;
  }

  Bytes gather(const Description& what, Bytes from, uint64_t elements) {
    const size_t size = size_of(what.type);
    std::vector<std::byte>& target = buffers_.emplace_back(elements * size);
    std::vector<int64_t> index(what.shape.size(), 0);
    uint64_t source = 0;
    for (uint64_t i = 0; i < elements; ++i) {
      std::memcpy(target.data() + i * size, from.data() + source * size, size);
      if (must_swap(what.type))
        std::reverse(target.begin() + static_cast<std::ptrdiff_t>(i * size), target.begin() + static_cast<std::ptrdiff_t>((i + 1) * size));
      for (size_t axis = what.shape.size(); axis-- > 0;) {
        const auto stride = static_cast<uint64_t>(what.strides[axis]);
        source += stride;
        if (++index[axis] < what.shape[axis]) break;
        source -= stride * static_cast<uint64_t>(what.shape[axis]);
        index[axis] = 0;
      }
    }
    return target;
  }

  std::string file_;
  bool is_big_endian_;
  std::deque<std::vector<std::byte>>& buffers_;
  uint64_t spent_ = 0;
};

/// What a layout yields: the weights, and where the bytes of a storage lie.
class Container {
 public:
  virtual ~Container() = default;
  Container() = default;
  Container(const Container&) = delete;
  Container& operator=(const Container&) = delete;

  virtual const PickleTree& tree() const = 0;
  virtual Description describe(const PickleValue& value) const = 0;
  virtual Bytes storage(const StorageRef& storage) = 0;
  virtual bool is_big_endian() const { return false; }
  virtual uint64_t unpacked() const { return 0; }  ///< bytes that decompression added so far
};

/// torch.save since 1.6, and TorchScript: <folder>/data.pkl, <folder>/data/<key>.
class ZipContainer final : public Container {
 public:
  ZipContainer(Bytes bytes, const std::string& file, std::deque<std::vector<std::byte>>& buffers)
      : file_(file), buffers_(buffers), archive_(ZipArchive::parse(bytes, file)), folder_(find_folder()) {
    const Bytes pickle = read(*archive_.find(folder_ + std::string(kMainPickle)));
    size_t position = 0;
    tree_ = read_pickle(pickle, position, file_);
    if (const ZipEntry* order = archive_.find(folder_ + "byteorder")) is_big_endian_ = is_big(read(*order));
  }

  bool is_torchscript() const { return archive_.find(folder_ + "constants.pkl") != nullptr; }
  bool is_big_endian() const override { return is_big_endian_; }
  uint64_t unpacked() const override { return unpacked_; }
  const PickleTree& tree() const override { return tree_; }

  Description describe(const PickleValue& value) const override {
    if (value.kind != PickleKind::tensor) fail(file_, "a tensor that refers to no storage");
    return Describer(tree_, file_).tensor_of(value);
  }

  Bytes storage(const StorageRef& storage) override {
    const std::string name = fmt::format("{}data/{}", folder_, storage.key);
    const ZipEntry* entry = archive_.find(name);
    if (entry == nullptr) fail(file_, fmt::format("its storage {} is missing", in_quotes(name)));
    if (entry->size < storage.begin || entry->size - storage.begin < storage.size) {
      fail(file_, fmt::format("its storage {} has {} bytes instead of {}", in_quotes(name), entry->size, storage.begin + storage.size));
    }
    const auto [known, is_new] = read_.try_emplace(name);
    if (is_new) known->second = read(*entry);
    return known->second.subspan(storage.begin, storage.size);
  }

 private:
  std::string find_folder() const {
    for (const ZipEntry& entry : archive_.entries()) {
      const size_t slash = entry.name.find('/');
      if (slash != std::string::npos && entry.name.substr(slash + 1) == kMainPickle) return entry.name.substr(0, slash + 1);
      if (entry.name == kMainPickle) return "";
      if (entry.name.ends_with("/model.json"))
        fail(file_, "TorchScript of before PyTorch 1.4, which is not read; load and save it with a newer one");
    }
    fail(file_, "a zip archive, but none of PyTorch (no data.pkl in it)");
  }

  Bytes read(const ZipEntry& entry) {
    std::vector<std::byte> unpacked;
    const Bytes content = archive_.read(entry, unpacked);
    if (!entry.is_deflated) return content;
    unpacked_ += content.size();
    return buffers_.emplace_back(std::move(unpacked));
  }

  bool is_big(Bytes order) const {
    const std::string_view text(reinterpret_cast<const char*>(order.data()), order.size());
    if (text != "little" && text != "big") fail(file_, fmt::format("its byte order {} is neither little nor big", in_quotes(text)));
    return text == "big";
  }

  const std::string& file_;
  std::deque<std::vector<std::byte>>& buffers_;
  ZipArchive archive_;
  std::string folder_;
  PickleTree tree_;
  bool is_big_endian_ = false;
  uint64_t unpacked_ = 0;
  std::map<std::string, Bytes> read_;
};

/// One storage at `position`: an int64 number of elements, then they. Moves on.
Bytes take_storage(Bytes bytes, size_t& position, DType type, const std::string& key, const std::string& file) {
  const std::string what = fmt::format("its storage {}", in_quotes(key));
  if (bytes.size() - position < sizeof(int64_t)) fail(file, what + " is missing: the file is cut off");
  const int64_t elements = number_at(bytes, position);
  position += sizeof(int64_t);
  if (elements < 0 || static_cast<uint64_t>(elements) > (bytes.size() - position) / size_of(type)) {
    fail(file, fmt::format("{} has {} elements, but only {} bytes follow: the file is cut off", what, elements, bytes.size() - position));
  }
  const Bytes found = bytes.subspan(position, static_cast<size_t>(elements) * size_of(type));
  position += found.size();
  return found;
}

/// torch.save of 0.1.10 to 1.5: magic number, protocol, system, the object, the keys, then each storage.
class StreamContainer final : public Container {
 public:
  StreamContainer(Bytes bytes, const std::string& file) : file_(file) {
    size_t position = 0;
    const PickleTree magic = read_pickle(bytes, position, file);
    if (magic.top().text != kMagic) fail(file, "a pickle, but not of PyTorch (its magic number is missing)");
    const PickleTree protocol = read_pickle(bytes, position, file);
    if (protocol.top().number != kStreamProtocol)
      fail(file, fmt::format("protocol {}; {} is read", protocol.top().number, kStreamProtocol));
    read_pickle(bytes, position, file);  // about the system; storages are little-endian on all of them
    tree_ = read_pickle(bytes, position, file);
    const PickleTree keys = read_pickle(bytes, position, file);
    take_storages(keys, bytes, position);
  }

  const PickleTree& tree() const override { return tree_; }

  Description describe(const PickleValue& value) const override {
    if (value.kind != PickleKind::tensor) fail(file_, "a tensor that refers to no storage");
    return Describer(tree_, file_).tensor_of(value);
  }

  Bytes storage(const StorageRef& storage) override {
    const auto found = storages_.find(storage.key);
    if (found == storages_.end()) fail(file_, fmt::format("its storage {} is missing", in_quotes(storage.key)));
    if (found->second.size() < storage.begin || found->second.size() - storage.begin < storage.size) {
      fail(file_, fmt::format("its storage {} has {} bytes instead of {}", in_quotes(storage.key), found->second.size(),
                              storage.begin + storage.size));
    }
    return found->second.subspan(storage.begin, storage.size);
  }

 private:
  /// The type of an element stands where the object refers to the storage.
  std::map<std::string, DType> types() const {
    std::map<std::string, DType> types;
    const Describer describer(tree_, file_);
    for (const PickleValue& value : tree_.values) {
      if (value.kind != PickleKind::persistent) continue;
      const StorageRef storage = describer.storage_of(value);
      const auto [known, is_new] = types.emplace(storage.key, storage.type);
      if (!is_new && size_of(known->second) != size_of(storage.type))
        fail(file_, fmt::format("its storage {} has two types", in_quotes(storage.key)));
    }
    return types;
  }

  void take_storages(const PickleTree& keys, Bytes bytes, size_t position) {
    const Describer describer(keys, file_);
    const std::map<std::string, DType> known = types();
    if (keys.top().kind != PickleKind::list) fail(file_, "its storage keys are no list");
    for (const PickleRef ref : keys.top().items) {
      const std::string key = describer.key_of(keys[ref]);
      const auto type = known.find(key);
      if (type == known.end()) fail(file_, fmt::format("its storage {} belongs to no tensor", in_quotes(key)));
      storages_[key] = take_storage(bytes, position, type->second, key, file_);
    }
  }

  const std::string& file_;
  PickleTree tree_;
  std::map<std::string, Bytes> storages_;
};

/// torch.save before 0.1.10: a tar archive of `storages`, `tensors` and `pickle`; the pickle refers to tensors by number.
class TarContainer final : public Container {
 public:
  TarContainer(Bytes bytes, const std::string& file) : file_(file) {
    const std::vector<TarEntry> entries = read_tar(bytes, file);
    take_storages(find(entries, "storages"));
    take_tensors(find(entries, "tensors"));
    size_t position = 0;
    tree_ = read_pickle(find(entries, "pickle"), position, file);
  }

  const PickleTree& tree() const override { return tree_; }

  Description describe(const PickleValue& value) const override {
    if (value.kind != PickleKind::persistent) fail(file_, "a tensor that is not among its tensors");
    const auto found = tensors_.find(Describer(tree_, file_).key_of(tree_[value.items[0]]));
    if (found == tensors_.end()) fail(file_, "a tensor that is not among its tensors");
    return found->second;
  }

  Bytes storage(const StorageRef& storage) override { return storages_.at(storage.key).bytes; }

 private:
  struct Storage {
    DType type;
    Bytes bytes;
  };

  Bytes find(const std::vector<TarEntry>& entries, std::string_view name) const {
    for (const TarEntry& entry : entries) {
      if (entry.name == name || entry.name == fmt::format("./{}", name)) return entry.content;
    }
    fail(file_, fmt::format("a tar archive, but none of PyTorch (no {} in it)", name));
  }

  /// A pickled number: how many records follow.
  uint64_t take_count(Bytes bytes, size_t& position) const {
    const PickleTree count = read_pickle(bytes, position, file_);
    return Describer(count, file_).count_of(count.top());
  }

  /// A pickled tuple or list of `size` values.
  PickleTree take_record(Bytes bytes, size_t& position, size_t size) const {
    PickleTree record = read_pickle(bytes, position, file_);
    const bool is_record = record.top().kind == PickleKind::tuple && record.top().items.size() == size;
    if (!is_record) fail(file_, "a damaged record of its tensors or storages");
    return record;
  }

  /// (key, device, type) and the elements for each; then [(key of a view, key, offset, elements), …].
  void take_storages(Bytes bytes) {
    size_t position = 0;
    for (uint64_t left = take_count(bytes, position); left > 0; --left) {
      const PickleTree record = take_record(bytes, position, 3);
      const Describer describer(record, file_);
      const std::string key = describer.key_of(describer.item(record.top(), 0));
      const DType type = describer.type_of(describer.item(record.top(), 2));
      storages_[key] = {type, take_storage(bytes, position, type, key, file_)};
    }
    const PickleTree views = read_pickle(bytes, position, file_);
    const Describer describer(views, file_);
    if (views.top().kind != PickleKind::list) fail(file_, "a damaged record of its tensors or storages");
    for (const PickleRef ref : views.top().items) take_view(describer, views[ref]);
  }

  void take_view(const Describer& describer, const PickleValue& view) {
    if (view.kind != PickleKind::tuple || view.items.size() != 4) fail(file_, "a damaged view of a storage");
    const auto root = storages_.find(describer.key_of(describer.item(view, 1)));
    if (root == storages_.end()) fail(file_, "a view of no storage");
    const Storage whole = root->second;
    const uint64_t begin = checked_product(describer.count_of(describer.item(view, 2)), size_of(whole.type), file_);
    const uint64_t size = checked_product(describer.count_of(describer.item(view, 3)), size_of(whole.type), file_);
    if (begin > whole.bytes.size() || size > whole.bytes.size() - begin) fail(file_, "a view outside its storage");
    storages_[describer.key_of(describer.item(view, 0))] = {whole.type, whole.bytes.subspan(begin, size)};
  }

  /// (key, key of its storage, type); then int32 dimensions, four bytes of nothing, shape, strides, offset as int64.
  void take_tensors(Bytes bytes) {
    size_t position = 0;
    for (uint64_t left = take_count(bytes, position); left > 0; --left) {
      const PickleTree record = take_record(bytes, position, 3);
      const Describer describer(record, file_);
      const std::string key = describer.key_of(describer.item(record.top(), 0));
      Description description = take_metadata(bytes, position);
      const PickleValue& storage_key = describer.item(record.top(), 1);
      if (storage_key.kind == PickleKind::none) continue;  // a tensor that was never filled
      const auto storage = storages_.find(describer.key_of(storage_key));
      if (storage == storages_.end()) fail(file_, fmt::format("tensor {} has no storage", in_quotes(key)));
      description.storage = {storage->first, storage->second.type, 0, storage->second.bytes.size()};
      description.type = storage->second.type;
      tensors_[key] = std::move(description);
    }
  }

  Description take_metadata(Bytes bytes, size_t& position) const {
    const auto take = [&] {
      if (bytes.size() - position < sizeof(int64_t)) fail(file_, "its description of a tensor is cut off");
      const int64_t value = number_at(bytes, position);
      position += sizeof(int64_t);
      return value;
    };
    const auto dimensions = static_cast<int32_t>(take());
    if (dimensions < 0 || static_cast<size_t>(dimensions) > kMostDimensions)
      fail(file_, fmt::format("a tensor of {} dimensions", dimensions));
    Description description;
    for (std::vector<int64_t>* sizes : {&description.shape, &description.strides}) {
      for (int32_t i = 0; i < dimensions; ++i) sizes->push_back(take_size(take()));
    }
    description.offset = take_size(take());
    return description;
  }

  int64_t take_size(int64_t value) const {
    if (value < 0) fail(file_, "a size or an offset that is no whole number of 0 or more");
    return value;
  }

  const std::string& file_;
  PickleTree tree_;
  std::map<std::string, Storage> storages_;
  std::map<std::string, Description> tensors_;
};

bool begins_with(Bytes bytes, std::string_view text) {
  return bytes.size() >= text.size() && std::memcmp(bytes.data(), text.data(), text.size()) == 0;
}

std::unique_ptr<Container> open_container(Bytes bytes, const std::string& file, std::deque<std::vector<std::byte>>& buffers,
                                          PyTorchLayout& layout) {
  if (begins_with(bytes, "PK\x03\x04") || begins_with(bytes, "PK\x05\x06")) {
    auto container = std::make_unique<ZipContainer>(bytes, file, buffers);
    layout = container->is_torchscript() ? PyTorchLayout::torchscript : PyTorchLayout::zip;
    return container;
  }
  if (is_tar(bytes)) {
    layout = PyTorchLayout::tar;
    return std::make_unique<TarContainer>(bytes, file);
  }
  if (!begins_with(bytes, "\x80")) fail(file, "not a file of PyTorch: neither a zip archive nor a pickle nor a tar archive");
  layout = PyTorchLayout::stream;
  return std::make_unique<StreamContainer>(bytes, file);
}

}  // namespace

std::string to_string(PyTorchLayout layout) {
  switch (layout) {
    case PyTorchLayout::zip:
      return "PyTorch zip archive";
    case PyTorchLayout::stream:
      return "PyTorch pickle stream";
    case PyTorchLayout::tar:
      return "PyTorch tar archive";
    case PyTorchLayout::torchscript:
      return "TorchScript archive";
  }
  return "";
}

PyTorchFile PyTorchFile::open(const std::filesystem::path& file) {
  auto map = std::make_shared<MappedFile>(file);
  PyTorchFile result = parse(map->bytes(), file.string());
  result.map_ = std::move(map);
  return result;
}

PyTorchFile PyTorchFile::parse(Bytes bytes, const std::string& name) {
  PyTorchFile result;
  const std::unique_ptr<Container> container = open_container(bytes, name, result.buffers_, result.layout_);
  FoundState state = find_state(container->tree(), name);
  result.notes_ = std::move(state.notes);
  Layouter layouter(name, container->is_big_endian(), result.buffers_);
  for (const auto& [tensor, ref] : state.tensors) {
    const Description what = container->describe(container->tree()[ref]);
    const Bytes storage = container->storage(what.storage);
    result.tensors_.push_back(layouter.view(tensor, what, storage, bytes.size() + container->unpacked()));
  }
  return result;
}

}  // namespace larmor
