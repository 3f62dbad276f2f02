#include <cstdint>

#include "tests/fuzz/targets.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  larmor::testing::fuzz_pytorch(std::as_bytes(std::span(data, size)));
  return 0;
}
