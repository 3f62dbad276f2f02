#include <cstdint>

#include "tests/fuzz/dataset_targets.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  larmor::testing::fuzz_siberian_cache(std::as_bytes(std::span(data, size)));
  return 0;
}
