// Files of PyTorch for tests, byte for byte as torch.save lays them out (held against real ones in pytorch_file_test).
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace larmor::testing {

/// A pickle of protocol 2, opcode by opcode; repeated texts and names come from the memo, as Python writes them.
class PickleWriter {
 public:
  PickleWriter& raw(const std::string& opcodes);
  PickleWriter& remember();                                                ///< BINPUT of the next number
  PickleWriter& text(const std::string& text);                             ///< BINUNICODE or BINGET
  PickleWriter& name(const std::string& module, const std::string& name);  ///< GLOBAL or BINGET
  PickleWriter& integer(int64_t value);                                    ///< BININT1, BININT2, BININT, LONG1
  PickleWriter& tuple(const std::vector<int64_t>& values);
  std::string finish() const { return bytes_ + "."; }

 private:
  PickleWriter& once(const std::string& key, const std::string& opcodes);
  std::string bytes_ = std::string("\x80\x02", 2);
  std::map<std::string, uint8_t> memo_;
  uint8_t next_ = 0;
};

/// A zip archive as PyTorch's writer makes it: contents at multiples of 64, sizes behind them, zip64 end records.
class ZipWriter {
 public:
  void add(const std::string& name, const std::string& content, bool is_deflated = false);
  /// Another entry of the directory for the last content.
  void add_again(const std::string& name);
  std::string finish() const;

 private:
  struct Entry {
    std::string name;
    uint32_t checksum = 0, packed = 0, size = 0, header = 0;
    bool is_deflated = false;
  };
  std::string bytes_;
  std::vector<Entry> entries_;
};

/// A tensor over a storage.
struct StoredTensor {
  std::string name;
  std::string storage_type = "FloatStorage";
  std::string key;
  std::string storage;   ///< bytes
  int64_t elements = 0;  ///< of the storage
  int64_t offset = 0;
  std::vector<int64_t> shape, strides;
};
template <class T>
std::string bytes_of(const std::vector<T>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

enum class Around { nothing, checkpoint };  ///< the state dict itself, or {'state_dict': …, 'epoch': 1}

std::string pickled_state(const std::vector<StoredTensor>& tensors, Around around, bool is_stream);
std::string zip_file(const std::vector<StoredTensor>& tensors, Around around = Around::nothing, const std::string& serialization_id = "0",
                     bool is_deflated = false, const std::string& byteorder = "little");
std::string stream_file(const std::vector<StoredTensor>& tensors, Around around = Around::nothing);
/// The object's pickle between the head and the storages of a stream.
std::string stream_file_of(const std::string& object, const std::vector<StoredTensor>& storages);
std::string tar_file(const std::vector<StoredTensor>& tensors);
/// A module with one child for each first part of the names ("c.weight").
std::string torchscript_file(const std::vector<StoredTensor>& tensors);
std::string tar_archive(const std::vector<std::pair<std::string, std::string>>& entries);

}  // namespace larmor::testing
