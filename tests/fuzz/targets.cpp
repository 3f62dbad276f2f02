#include "tests/fuzz/targets.h"

#include <string>
#include <string_view>

#include "core/config.h"
#include "core/csv.h"
#include "core/pickle.h"
#include "core/pytorch_file.h"
#include "core/pytorch_tree.h"
#include "core/safetensors.h"
#include "tests/fuzz/parse_or_refuse.h"

namespace larmor::testing {

namespace {

std::string_view text_of(std::span<const std::byte> bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

}  // namespace

void fuzz_safetensors(std::span<const std::byte> bytes) {
  parse_or_refuse(ErrorKind::data, [&] {
    const SafetensorsFile file = SafetensorsFile::parse(bytes, "input");
    const std::byte* next = bytes.data() + bytes.size();
    for (const TensorView& tensor : file.tensors()) next -= tensor.bytes.size();
    LARMOR_ASSERT(next >= bytes.data());
    for (const TensorView& tensor : file.tensors()) {
      LARMOR_ASSERT(tensor.bytes.data() == next);
      next += tensor.bytes.size();
      size_t size = size_of(tensor.type);
      for (const int64_t extent : tensor.shape) size *= static_cast<size_t>(extent);
      LARMOR_ASSERT(size == tensor.bytes.size());
      LARMOR_ASSERT(file.find(tensor.name) == &tensor);
    }
  });
}

void fuzz_yaml(std::span<const std::byte> bytes) {
  parse_or_refuse(ErrorKind::usage, [&] {
    const std::string written = to_yaml(parse_yaml(text_of(bytes), "input"));
    LARMOR_ASSERT(to_yaml(parse_yaml(written, "written")) == written);
  });
}

void fuzz_csv(std::span<const std::byte> bytes) {
  parse_or_refuse(ErrorKind::data, [&] {
    const CsvTable table = parse_csv(text_of(bytes), "input");
    const CsvTable again = parse_csv(to_csv(table), "written");
    LARMOR_ASSERT(again.header == table.header && again.rows == table.rows);
  });
}

void fuzz_pytorch(std::span<const std::byte> bytes) {
  parse_or_refuse(ErrorKind::data, [&] {
    const PyTorchFile file = PyTorchFile::parse(bytes, "input");
    for (const TensorView& tensor : file.tensors()) {
      size_t size = size_of(tensor.type);
      for (const int64_t extent : tensor.shape) size *= static_cast<size_t>(extent);
      LARMOR_ASSERT(size == tensor.bytes.size());
      [[maybe_unused]] const volatile uint32_t all_readable = crc32(tensor.bytes);
    }
  });
}

void fuzz_pickle(std::span<const std::byte> bytes) {
  parse_or_refuse(ErrorKind::data, [&] {
    size_t position = 0;
    const PickleTree tree = read_pickle(bytes, position, "input");
    LARMOR_ASSERT(position <= bytes.size() && tree.root < tree.values.size());
    for (const PickleValue& value : tree.values) {
      for (const PickleRef ref : value.items) LARMOR_ASSERT(ref < tree.values.size());
    }
    find_state(tree, "input");
  });
}

}  // namespace larmor::testing
