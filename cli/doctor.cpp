#include "cli/doctor.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <dlfcn.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <png.h>
#include <tiffio.h>
#include <torch/headeronly/version.h>
#include <unistd.h>
#include <yaml-cpp/node/parse.h>
#include <zlib.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <opencv2/core/utility.hpp>
#include <sstream>

#include "cli/commands.h"
#include "core/error.h"
#include "core/progress.h"
#include "core/version.h"

namespace larmor::cli {

namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr uint64_t kMebi = uint64_t{1} << 20;
constexpr uint64_t kNeededMemory = 4096 * kMebi;  ///< LinkNet_Sx50, training on 256 x 256 in batches of 4
constexpr uint64_t kNeededSpace = 2048 * kMebi;   ///< LibTorch unpacked, and room for a cache

/// The text after ':' of the first line of a /proc file that begins with `key`.
std::string proc_value(const char* file, const std::string& key) {
  std::ifstream in(file);
  std::string line;
  while (std::getline(in, line)) {
    if (!line.starts_with(key)) continue;
    const size_t begin = line.find_first_not_of(" \t", line.find(':') + 1);
    return begin == std::string::npos ? "" : line.substr(begin);
  }
  return "";
}

/// A line of /proc/meminfo in bytes.
uint64_t memory_value(const std::string& key) { return std::strtoull(proc_value("/proc/meminfo", key + ":").c_str(), nullptr, 10) * 1024; }

std::vector<std::string> vector_units() {
  std::istringstream words(proc_value("/proc/cpuinfo", "flags"));
  std::vector<std::string> found;
  for (std::string word; words >> word;) {
    for (const auto& [flag, name] :
         {std::pair{"avx2", "AVX2"}, {"avx512f", "AVX-512"}, {"avx512_bf16", "AVX-512 bf16"}, {"amx_bf16", "AMX bf16"}}) {
      if (word == flag) found.emplace_back(name);
    }
  }
  return found;
}

/// The file that a function was loaded from, "" when that is not known.
fs::path file_of(const void* function) {
  Dl_info info{};
  if (::dladdr(function, &info) == 0 || info.dli_fname == nullptr) return {};
  std::error_code failed;
  const fs::path file = fs::canonical(info.dli_fname, failed);
  return failed ? fs::path() : file;
}

/// "LIBTIFF, Version 4.5.0" and a copyright on further lines.
std::string tiff_version() {
  const std::string text = ::TIFFGetVersion();
  const size_t begin = text.find_first_of("0123456789");
  return begin == std::string::npos ? "?" : text.substr(begin, text.find('\n', begin) - begin);
}

/// yaml-cpp has no function that tells: libyaml-cpp.so.0.7.0.
std::string yaml_version() {
  const std::string name = file_of(reinterpret_cast<const void*>(static_cast<YAML::Node (*)(const std::string&)>(&YAML::Load))).filename();
  const std::string key = ".so.";
  const size_t begin = name.find(key);
  return begin == std::string::npos ? "?" : name.substr(begin + key.size());
}

/// A function of a library that may be absent.
template <class Function>
Function* find_function(void* library, const char* name) {
  return library == nullptr ? nullptr : reinterpret_cast<Function*>(::dlsym(library, name));
}

void* open_library(const std::string& name, int flags = RTLD_LAZY | RTLD_LOCAL) { return ::dlopen(name.c_str(), flags); }

std::string open_failure() {
  const char* const reason = ::dlerror();
  return reason == nullptr ? "unknown reason" : reason;
}

Check check_driver(const std::string& name) {
  void* const driver = open_library(name);
  if (driver == nullptr) return {"CUDA driver", CheckStatus::missing, name + " is not here; --device cuda is off"};
  int version = 0;
  auto* const get_version = find_function<int(int*)>(driver, "cuDriverGetVersion");
  if (get_version == nullptr || get_version(&version) != 0)
    return {"CUDA driver", CheckStatus::mend, name + " does not answer; install the driver anew"};
  return {"CUDA driver", CheckStatus::ok, fmt::format("for CUDA {}.{}", version / 1000, version % 1000 / 10)};
}

/// cuDNN 9.19.0 is 91900, NCCL 2.28.9 is 22809.
Check check_cudnn() {
  auto* const get_version = find_function<size_t()>(open_library("libcudnn.so.9"), "cudnnGetVersion");
  if (get_version == nullptr) return {"cuDNN", CheckStatus::missing, "libcudnn.so.9 is not here; --device cuda is off"};
  const size_t version = get_version();
  return {"cuDNN", CheckStatus::ok, fmt::format("{}.{}.{}", version / 10000, version % 10000 / 100, version % 100)};
}

Check check_nccl() {
  auto* const get_version = find_function<int(int*)>(open_library("libnccl.so.2"), "ncclGetVersion");
  int version = 0;
  if (get_version == nullptr || get_version(&version) != 0)
    return {"NCCL", CheckStatus::missing, "libnccl.so.2 is not here; --device cuda is off"};
  return {"NCCL", CheckStatus::ok, fmt::format("{}.{}.{}", version / 10000, version % 10000 / 100, version % 100)};
}

Check check_library(const std::string& what, const std::string& name, int flags, const std::string& remedy) {
  if (open_library(name, flags) != nullptr) return {what, CheckStatus::ok, name};
  return {what, CheckStatus::missing, fmt::format("{}; --device cuda is off; {}", open_failure(), remedy)};
}

std::vector<Check> check_gpus(const cuda::CudaLibraries& libraries) {
  std::vector<Check> checks;
  try {
    const LarmorCudaPlugin& plugin = cuda::open_cuda("cuda", libraries);
    int32_t count = 0;
    plugin.device_count(&count);
    for (int32_t i = 0; i < count; ++i) {
      LarmorCudaDevice device{};
      const std::string what = fmt::format("cuda:{}", i);
      if (const int32_t code = plugin.describe_device(i, &device); code != 0) {
        checks.push_back({what, CheckStatus::mend, plugin.error_text(code)});
        continue;
      }
      checks.push_back(
          {what, CheckStatus::ok,
           fmt::format("{}, compute {}.{}, {} of {} free", device.name, device.compute_major, device.compute_minor,
                       format_bytes(static_cast<uint64_t>(device.memory_free)), format_bytes(static_cast<uint64_t>(device.memory_total)))});
    }
  } catch (const Error& error) {
    checks.push_back({"GPU", CheckStatus::missing, error.what()});
  }
  return checks;
}

/// The output (0, 0) of channel 0 of a 3 x 3 convolution with padding 1, by its definition.
double defined_corner(const at::Tensor& input, const at::Tensor& weight) {
  const at::Tensor part = input[0].slice(1, 0, 2).slice(2, 0, 2).to(at::kDouble);
  return (part * weight[0].slice(1, 1, 3).slice(2, 1, 3).to(at::kDouble)).sum().item<double>();
}

const char* to_text(CheckStatus status) {
  switch (status) {
    case CheckStatus::ok:
      return "ok";
    case CheckStatus::missing:
      return "missing";
    case CheckStatus::mend:
      return "mend";
  }
  return "";
}

int run_doctor(const GlobalOptions& global) {
  use_threads(global.threads);
  const std::vector<Check> checks = check_machine();
  if (global.json) {
    nlohmann::json all = nlohmann::json::array();
    for (const Check& check : checks) all.push_back({{"what", check.what}, {"status", to_text(check.status)}, {"text", check.text}});
    std::cout << all.dump(2) << "\n";
  } else {
    print_checks(checks, std::cout);
  }
  const bool is_well = std::none_of(checks.begin(), checks.end(), [](const Check& check) { return check.status == CheckStatus::mend; });
  return is_well ? 0 : static_cast<int>(ErrorKind::run);
}

}  // namespace

std::vector<Check> check_processor() {
  const std::vector<std::string> units = vector_units();
  const std::string model = proc_value("/proc/cpuinfo", "model name");
  return {{"processor", units.empty() ? CheckStatus::mend : CheckStatus::ok,
           fmt::format("{}; {} compute threads; {}", model.empty() ? "unknown model" : model, at::get_num_threads(),
                       units.empty() ? "no AVX2: expect a fraction of the speed" : fmt::format("{}", fmt::join(units, ", ")))}};
}

std::vector<Check> check_memory() {
  const uint64_t total = memory_value("MemTotal"), available = memory_value("MemAvailable");
  const std::string text = fmt::format("{} of {} available", format_bytes(available), format_bytes(total));
  if (available >= kNeededMemory) return {{"memory", CheckStatus::ok, text}};
  return {{"memory", CheckStatus::mend, text + "; lower data.batch, data.size or data.cache_mib"}};
}

std::vector<Check> check_libtorch() {
  const fs::path file = file_of(reinterpret_cast<const void*>(&at::set_num_threads));
  return {{"larmor", CheckStatus::ok, kVersion},
          {"LibTorch", CheckStatus::ok,
           fmt::format("{}.{}.{} in {}", TORCH_VERSION_MAJOR, TORCH_VERSION_MINOR, TORCH_VERSION_PATCH,
                       file.empty() ? "the program itself" : file.parent_path().string())}};
}

std::vector<Check> check_libraries() {
  return {{"libraries", CheckStatus::ok,
           fmt::format("OpenCV {}, libtiff {}, libpng {}, zlib {}, yaml-cpp {}", cv::getVersionString(), tiff_version(),
                       ::png_get_libpng_ver(nullptr), ::zlibVersion(), yaml_version())}};
}

std::vector<Check> check_cuda(const cuda::CudaLibraries& libraries) {
  const Check driver = check_driver(libraries.driver);
  // Without a driver nothing else is of use, and opening LibTorch's CUDA half takes a second.
  if (driver.status != CheckStatus::ok) return {driver};
  std::vector<Check> checks{driver,
                            check_library("LibTorch CUDA", libraries.torch, RTLD_NOW | RTLD_GLOBAL, "run LARMOR_CUDA=1 scripts/setup.sh"),
                            check_library("CUDA plugin", libraries.plugin, RTLD_NOW | RTLD_LOCAL, "build with the CUDA toolkit (nvcc)"),
                            check_cudnn(), check_nccl()};
  const bool is_complete = std::all_of(checks.begin(), checks.end(), [](const Check& check) { return check.status == CheckStatus::ok; });
  if (!is_complete) return checks;
  for (Check& check : check_gpus(libraries)) checks.push_back(std::move(check));
  return checks;
}

std::vector<Check> check_gnuplot(const std::string& path) {
  std::istringstream folders(path);
  for (std::string folder; std::getline(folders, folder, ':');) {
    const fs::path program = fs::path(folder) / "gnuplot";
    if (::access(program.c_str(), X_OK) == 0) return {{"gnuplot", CheckStatus::ok, program.string()}};
  }
  return {{"gnuplot", CheckStatus::missing, "not in PATH; reports have no curves; apt-get install gnuplot-nox"}};
}

std::vector<Check> check_cache(const std::string& folder) {
  std::error_code failed;
  fs::create_directories(folder, failed);
  if (failed || ::access(folder.c_str(), W_OK) != 0) {
    return {{"cache", CheckStatus::mend, folder + " cannot be written; set LARMOR_CACHE to another folder"}};
  }
  const uint64_t available = fs::space(folder, failed).available;
  if (!failed && available < kNeededSpace) {
    return {
        {"cache", CheckStatus::mend, fmt::format("{}: {} free; set LARMOR_CACHE to a roomier folder", folder, format_bytes(available))}};
  }
  return {{"cache", CheckStatus::ok, fmt::format("{}, {} free", folder, failed ? "?" : format_bytes(available))}};
}

std::vector<Check> check_convolution(double seconds) {
  constexpr int64_t kChannels = 64, kSize = 64;
  const c10::InferenceMode inference;
  const at::Tensor input =
      at::arange(kChannels * kSize * kSize, at::kFloat).remainder(17).sub(8).view({1, kChannels, kSize, kSize}).contiguous();
  const at::Tensor weight =
      at::arange(kChannels * kChannels * 9, at::kFloat).remainder(7).sub(3).view({kChannels, kChannels, 3, 3}).contiguous();
  const auto start = Clock::now();
  double elapsed = 0;
  int64_t count = 0;
  at::Tensor output;
  while (count == 0 || elapsed < seconds) {
    output = at::conv2d(input, weight, {}, 1, 1);
    ++count;
    elapsed = std::chrono::duration<double>(Clock::now() - start).count();
  }
  const double corner = output[0][0][0][0].item<double>();
  if (corner != defined_corner(input, weight)) {
    return {{"convolution", CheckStatus::mend,
             fmt::format("wrong result {} instead of {}; use another LibTorch (LARMOR_LIBTORCH)", corner, defined_corner(input, weight))}};
  }
  const double operations = 2.0 * kChannels * kChannels * 9 * kSize * kSize * static_cast<double>(count);
  return {{"convolution", CheckStatus::ok, fmt::format("right, {:.0f} GFLOP/s", operations / elapsed * 1e-9)}};
}

std::vector<Check> check_machine() {
  const char* const cache = std::getenv("LARMOR_CACHE");
  const char* const home = std::getenv("HOME");
  const char* const path = std::getenv("PATH");
  const std::string cache_folder = cache != nullptr && *cache != '\0' ? cache : std::string(home == nullptr ? "" : home) + "/.cache/larmor";
  std::vector<Check> all;
  for (const auto& part : {check_processor(), check_memory(), check_libtorch(), check_libraries(), check_cuda(),
                           check_gnuplot(path == nullptr ? "" : path), check_cache(cache_folder), check_convolution(1)}) {
    all.insert(all.end(), part.begin(), part.end());
  }
  return all;
}

void print_checks(const std::vector<Check>& checks, std::ostream& out) {
  for (const Check& check : checks) out << fmt::format("{:<14} {:<8} {}\n", check.what, to_text(check.status), check.text);
}

Command doctor_command() {
  Command command{"doctor", Group::about, "what this machine has and what is missing", "", {}, "", {}};
  command.takes_json = true;
  command.description =
      "Checks processor, memory, libraries, CUDA, gnuplot and the cache folder, and runs a convolution for one second. Each line is ok, "
      "missing (with the feature that is off) or mend (with what to do); the exit code is 1 when there is something to mend.";
  command.examples = {{"larmor doctor", "the list"}, {"larmor doctor --json", "the same for machines"}};
  command.declare = [](Arguments&) { return [](const GlobalOptions& global) { return run_doctor(global); }; };
  return command;
}

}  // namespace larmor::cli
