#include <ATen/Parallel.h>

#include <algorithm>
#include <fstream>
#include <set>
#include <thread>

#include "cli/command.h"
#include "core/error.h"
#include "cuda/loader.h"

namespace larmor::cli {

namespace {

constexpr int64_t kMostThreads = 4096;

/// Cores, not hyper-threads: two threads on one core's vector units slow convolutions down.
int64_t physical_cores() {
  std::ifstream info("/proc/cpuinfo");
  std::set<std::string> cores;
  std::string line, package;
  while (std::getline(info, line)) {
    if (line.starts_with("physical id")) package = line;
    if (line.starts_with("core id")) cores.insert(package + line);
  }
  const int64_t logical = std::max<int64_t>(1, std::thread::hardware_concurrency());
  return cores.empty() ? logical : std::min<int64_t>(logical, static_cast<int64_t>(cores.size()));
}

}  // namespace

void use_device(const std::string& device) {
  if (device == "cpu") return;
  const bool is_cuda = device == "cuda" ||
                       (device.starts_with("cuda:") && device.size() > 5 && device.find_first_not_of("0123456789", 5) == std::string::npos);
  if (!is_cuda) throw_usage_error("--device: unknown device '" + device + "'; allowed: cpu, cuda, cuda:<index>");
  cuda::open_cuda(device);
}

int64_t use_threads(int64_t threads) {
  require_between("--threads", threads, 0, kMostThreads);
  const int64_t count = threads == 0 ? physical_cores() : threads;
  at::set_num_threads(static_cast<int>(count));
  return count;
}

}  // namespace larmor::cli
