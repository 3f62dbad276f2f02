// What this machine has, what is missing and which feature is off for it, and what should be mended.
#pragma once
#include <iosfwd>
#include <string>
#include <vector>

#include "cuda/loader.h"

namespace larmor::cli {

enum class CheckStatus {
  ok,
  missing,  ///< a feature is off; the text says which
  mend,     ///< something is wrong; the text says what to do
};

struct Check {
  std::string what;
  CheckStatus status = CheckStatus::ok;
  std::string text;
};

/// Processor, memory, LibTorch, the other libraries, CUDA, gnuplot, cache folder, and a convolution of one second.
std::vector<Check> check_machine();

std::vector<Check> check_processor();
std::vector<Check> check_memory();
std::vector<Check> check_libtorch();
/// Versions of the other libraries that the program runs with, as they tell them (yaml-cpp: as its file is named).
std::vector<Check> check_libraries();
/// Driver, LibTorch's CUDA half, plugin, GPUs, cuDNN, NCCL: what `--device cuda` needs, each with its version or why it is off.
std::vector<Check> check_cuda(const cuda::CudaLibraries& libraries = {});
/// A program that reports need, looked for in `path` (folders with ':' between).
std::vector<Check> check_gnuplot(const std::string& path);
std::vector<Check> check_cache(const std::string& folder);
/// Compares a convolution with the sum that defines it and measures its speed for about `seconds`.
std::vector<Check> check_convolution(double seconds);

void print_checks(const std::vector<Check>& checks, std::ostream& out);

}  // namespace larmor::cli
