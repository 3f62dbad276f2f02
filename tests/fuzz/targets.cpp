#include "tests/fuzz/targets.h"

#include <string>
#include <string_view>

#include "core/config.h"
#include "core/csv.h"
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

}  // namespace larmor::testing
