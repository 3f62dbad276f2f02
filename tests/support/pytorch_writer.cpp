#include "tests/support/pytorch_writer.h"

#include <fmt/format.h>
#include <zlib.h>

#include <set>

#include "core/error.h"
#include "core/files.h"

namespace larmor::testing {

namespace {

constexpr size_t kAlignment = 64;
constexpr size_t kTarBlock = 512;

std::string number(uint64_t value, size_t bytes) {
  std::string text;
  for (size_t i = 0; i < bytes; ++i) text += static_cast<char>(value >> (8 * i) & 0xFF);
  return text;
}

std::string deflated(const std::string& content) {
  z_stream stream{};
  LARMOR_ASSERT(deflateInit2(&stream, 6, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  std::string packed(deflateBound(&stream, content.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(content.data()));
  stream.avail_in = static_cast<uInt>(content.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  LARMOR_ASSERT(deflate(&stream, Z_FINISH) == Z_STREAM_END);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return packed;
}

/// torch._utils._rebuild_tensor_v2(storage, offset, shape, strides, False, OrderedDict()).
void write_tensor(PickleWriter& pickle, const StoredTensor& tensor, bool is_stream) {
  pickle.name("torch._utils", "_rebuild_tensor_v2").raw("((").text("storage").name("torch", tensor.storage_type);
  pickle.text(tensor.key).text("cpu").integer(tensor.elements).raw(is_stream ? "Nt" : "t").remember().raw("Q");
  pickle.integer(tensor.offset).tuple(tensor.shape).tuple(tensor.strides);
  pickle.raw("\x89").name("collections", "OrderedDict").raw(")R").remember().raw("t").remember().raw("R").remember();
}

std::string pickled_integer(int64_t value) { return PickleWriter().integer(value).finish(); }

/// Storages in the order of their keys, each once.
std::map<std::string, const StoredTensor*> storages_of(const std::vector<StoredTensor>& tensors) {
  std::map<std::string, const StoredTensor*> storages;
  for (const StoredTensor& tensor : tensors) storages[tensor.key] = &tensor;
  return storages;
}

}  // namespace

PickleWriter& PickleWriter::raw(const std::string& opcodes) {
  bytes_ += opcodes;
  return *this;
}

PickleWriter& PickleWriter::remember() { return raw("q" + number(next_++, 1)); }

PickleWriter& PickleWriter::once(const std::string& key, const std::string& opcodes) {
  const auto [known, is_new] = memo_.emplace(key, next_);
  return is_new ? raw(opcodes).remember() : raw("h" + number(known->second, 1));
}

PickleWriter& PickleWriter::text(const std::string& text) { return once("X" + text, "X" + number(text.size(), 4) + text); }

PickleWriter& PickleWriter::name(const std::string& module, const std::string& name) {
  const std::string opcodes = "c" + module + "\n" + name + "\n";
  return once(opcodes, opcodes);
}

PickleWriter& PickleWriter::integer(int64_t value) {
  if (value >= 0 && value < 0x100) return raw("K" + number(static_cast<uint64_t>(value), 1));
  if (value >= 0 && value < 0x10000) return raw("M" + number(static_cast<uint64_t>(value), 2));
  if (value == static_cast<int32_t>(value)) return raw("J" + number(static_cast<uint64_t>(value), 4));
  return raw("\x8a\x08" + number(static_cast<uint64_t>(value), 8));
}

PickleWriter& PickleWriter::tuple(const std::vector<int64_t>& values) {
  if (values.empty()) return raw(")");
  if (values.size() > 3) raw("(");
  for (const int64_t value : values) integer(value);
  return raw(values.size() > 3 ? "t" : std::string(1, static_cast<char>(0x84 + values.size()))).remember();
}

void ZipWriter::add(const std::string& name, const std::string& content, bool is_deflated) {
  const std::string packed = is_deflated ? deflated(content) : content;
  const auto header = static_cast<uint32_t>(bytes_.size());
  const uint32_t checksum = crc32(content);
  entries_.push_back({name, checksum, static_cast<uint32_t>(packed.size()), static_cast<uint32_t>(content.size()), header, is_deflated});
  const size_t unpadded = bytes_.size() + 30 + name.size() + 4;
  const size_t padding = (kAlignment - unpadded % kAlignment) % kAlignment;
  bytes_ += "PK\x03\x04" + number(0, 2) + number(0x0808, 2) + number(is_deflated ? 8 : 0, 2) + number(0, 16) + number(name.size(), 2) +
            number(padding + 4, 2) + name + "FB" + number(padding, 2) + std::string(padding, 'Z') + packed;
  bytes_ += "PK\x07\x08" + number(checksum, 4) + number(packed.size(), 4) + number(content.size(), 4);
}

void ZipWriter::add_again(const std::string& name) {
  entries_.push_back(entries_.back());
  entries_.back().name = name;
}

std::string ZipWriter::finish() const {
  std::string directory;
  for (const Entry& entry : entries_) {
    directory += "PK\x01\x02" + number(0, 4) + number(0x0808, 2) + number(entry.is_deflated ? 8 : 0, 2) + number(0, 4) +
                 number(entry.checksum, 4) + number(entry.packed, 4) + number(entry.size, 4) + number(entry.name.size(), 2) +
                 number(0, 12) + number(entry.header, 4) + entry.name;
  }
  const size_t end = bytes_.size() + directory.size();
  return bytes_ + directory + "PK\x06\x06" + number(44, 8) + number(0x031e, 2) + number(45, 2) + number(0, 8) + number(entries_.size(), 8) +
         number(entries_.size(), 8) + number(directory.size(), 8) + number(bytes_.size(), 8) + "PK\x06\x07" + number(0, 4) +
         number(end, 8) + number(1, 4) + "PK\x05\x06" + number(0, 4) + number(entries_.size(), 2) + number(entries_.size(), 2) +
         number(directory.size(), 4) + number(bytes_.size(), 4) + number(0, 2);
}

std::string pickled_state(const std::vector<StoredTensor>& tensors, Around around, bool is_stream) {
  PickleWriter pickle;
  if (around == Around::checkpoint) pickle.raw("}").remember().raw("(").text("state_dict");
  pickle.name("collections", "OrderedDict").raw(")R").remember().raw("(");
  for (const StoredTensor& tensor : tensors) write_tensor(pickle.text(tensor.name), tensor, is_stream);
  pickle.raw("u");
  if (around == Around::checkpoint) pickle.text("epoch").integer(1).raw("u");
  return pickle.finish();
}

std::string zip_file(const std::vector<StoredTensor>& tensors, Around around, const std::string& serialization_id, bool is_deflated,
                     const std::string& byteorder) {
  ZipWriter zip;
  zip.add("zip/data.pkl", pickled_state(tensors, around, false), is_deflated);
  zip.add("zip/.format_version", "1");
  zip.add("zip/.storage_alignment", "64");
  zip.add("zip/byteorder", byteorder, is_deflated);
  for (const auto& [key, tensor] : storages_of(tensors)) zip.add("zip/data/" + key, tensor->storage, is_deflated);
  zip.add("zip/version", "3\n");
  zip.add("zip/.data/serialization_id", serialization_id);
  return zip.finish();
}

std::string stream_file_of(const std::string& object, const std::vector<StoredTensor>& tensors) {
  PickleWriter system;
  system.raw("}").remember().raw("(").text("protocol_version").integer(1001).text("little_endian").raw("\x88").text("type_sizes");
  system.raw("}").remember().raw("(").text("short").integer(2).text("int").integer(4).text("long").integer(4).raw("uu");
  PickleWriter keys;
  keys.raw("]").remember().raw("(");
  std::string storages;
  for (const auto& [key, tensor] : storages_of(tensors)) {
    keys.text(key);
    storages += number(static_cast<uint64_t>(tensor->elements), 8) + tensor->storage;
  }
  return PickleWriter().raw("\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19").finish() + pickled_integer(1001) + system.finish() +
         object + keys.raw("e").finish() + storages;
}

std::string stream_file(const std::vector<StoredTensor>& tensors, Around around) {
  return stream_file_of(pickled_state(tensors, around, true), tensors);
}

std::string tar_archive(const std::vector<std::pair<std::string, std::string>>& entries) {
  std::string archive;
  for (const auto& [name, content] : entries) {
    std::string header(kTarBlock, '\0');
    header.replace(0, name.size(), name);
    header.replace(100, 24,
                   std::string("0000644\0"
                               "0000000\0"
                               "0000000\0",
                               24));
    header.replace(124, 12, fmt::format("{:011o}", content.size()) + '\0');
    header.replace(136, 12, std::string("00000000000\0", 12));
    header.replace(148, 8, "        ");
    header[156] = '0';
    header.replace(257, 8,
                   std::string("ustar\0"
                               "00",
                               8));
    unsigned sum = 0;
    for (const char c : header) sum += static_cast<unsigned char>(c);
    header.replace(148, 8, fmt::format("{:06o}", sum) + std::string("\0 ", 2));
    archive += header + content + std::string((kTarBlock - content.size() % kTarBlock) % kTarBlock, '\0');
  }
  return archive + std::string(2 * kTarBlock, '\0');
}

std::string tar_file(const std::vector<StoredTensor>& tensors) {
  const auto by_key = storages_of(tensors);
  std::string storages = pickled_integer(static_cast<int64_t>(by_key.size()));
  for (const auto& [key, tensor] : by_key) {
    storages += PickleWriter().raw("(").integer(std::stoll(key)).text("cpu").name("torch", tensor->storage_type).raw("t").finish();
    storages += number(static_cast<uint64_t>(tensor->elements), 8) + tensor->storage;
  }
  storages += PickleWriter().raw("]").finish();
  std::string records = pickled_integer(static_cast<int64_t>(tensors.size()));
  PickleWriter pickle;
  pickle.name("collections", "OrderedDict").raw(")R(");
  for (size_t i = 0; i < tensors.size(); ++i) {
    const StoredTensor& tensor = tensors[i];
    const auto id = static_cast<int64_t>(1000 + i);
    records += PickleWriter().raw("(").integer(id).integer(std::stoll(tensor.key)).name("torch", "FloatTensor").raw("t").finish();
    records += number(tensor.shape.size(), 8);
    for (const auto* sizes : {&tensor.shape, &tensor.strides}) {
      for (const int64_t size : *sizes) records += number(static_cast<uint64_t>(size), 8);
    }
    records += number(static_cast<uint64_t>(tensor.offset), 8);
    pickle.text(tensor.name).text(std::to_string(id)).raw("Q");
  }
  return tar_archive(
      {{"sys_info", PickleWriter().raw("}").finish()}, {"pickle", pickle.raw("u").finish()}, {"tensors", records}, {"storages", storages}});
}

std::string torchscript_file(const std::vector<StoredTensor>& tensors) {
  PickleWriter pickle;
  pickle.name("__torch__", "Net").raw(")\x81}(").text("training").raw("\x88");
  std::set<std::string> children;
  for (const StoredTensor& tensor : tensors) {
    const size_t dot = tensor.name.find('.');
    LARMOR_ASSERT(dot != std::string::npos);
    const std::string child = tensor.name.substr(0, dot);
    if (!children.insert(child).second) continue;
    pickle.text(child).name("__torch__.torch.nn.modules." + child, "Layer").raw(")\x81}(");
    for (const StoredTensor& other : tensors) {
      if (!other.name.starts_with(child + ".")) continue;
      pickle.text(other.name.substr(dot + 1));
      write_tensor(pickle, other, false);
    }
    pickle.text("stride").name("torch.jit._pickle", "build_intlist").raw("(](").integer(1).raw("etRub");
  }
  ZipWriter zip;
  for (const auto& [key, tensor] : storages_of(tensors)) zip.add("net/data/" + key, tensor->storage);
  zip.add("net/data.pkl", pickle.raw("ub").finish());
  zip.add("net/code/__torch__.py", "class Net(Module): pass\n", true);
  zip.add("net/constants.pkl", PickleWriter().raw(")").finish());
  return zip.finish();
}

}  // namespace larmor::testing
