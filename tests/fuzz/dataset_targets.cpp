#include "tests/fuzz/dataset_targets.h"

#include <string>

#include "datasets/siberian_cache.h"
#include "tests/fuzz/parse_or_refuse.h"

namespace larmor::testing {

namespace {

std::string text_of(std::span<const std::byte> bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

void check_facts(const std::string& text) {
  const datasets::SiberianFacts facts = datasets::parse_siberian_facts(text, "input");
  for (const double spacing : facts.geometry.spacing_mm) LARMOR_ASSERT(spacing > 0);
  for (const auto& [name, value] : facts.labels) LARMOR_ASSERT(value >= 1 && value <= 255);
}

}  // namespace

void fuzz_siberian_cache(std::span<const std::byte> bytes) {
  parse_or_refuse(ErrorKind::data, [&] {
    const imaging::Hdf5Arrays arrays = imaging::parse_hdf5({bytes, "input"});
    uint32_t sum = 0;
    for (const auto& [name, array] : arrays) {
      LARMOR_ASSERT(array.bytes.size() == static_cast<size_t>(array.elements()) * imaging::size_of(array.type));
      sum = crc32(array.bytes, sum);  // touches every byte
    }
    const auto provenance = arrays.find("provenance");
    if (provenance != arrays.end()) check_facts(text_of(provenance->second.bytes));
  });
  parse_or_refuse(ErrorKind::data, [&] { check_facts(text_of(bytes)); });
}

}  // namespace larmor::testing
