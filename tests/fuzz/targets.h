// What the fuzzers call, and the corpus test with every compiler: parse hostile bytes; an Error is a good answer, anything else is a bug.
// What is accepted must also keep its promises: views inside the file, and text that is written reads back the same.
#pragma once
#include <cstddef>
#include <span>

namespace larmor::testing {

void fuzz_safetensors(std::span<const std::byte> bytes);
void fuzz_yaml(std::span<const std::byte> bytes);
void fuzz_csv(std::span<const std::byte> bytes);
void fuzz_pytorch(std::span<const std::byte> bytes);
void fuzz_pickle(std::span<const std::byte> bytes);

}  // namespace larmor::testing
