// Runs programs as a user would: the larmor executable with arguments, its two streams and its exit code.
#pragma once
#include <sys/types.h>

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace larmor::testing {

struct ProcessResult {
  int exit_code = -1;  ///< 128 + signal when a signal ended it
  std::string out, err;
};

/// The built program: $LARMOR_BINARY_DIR/cli/larmor.
std::filesystem::path larmor_program();

/// Runs `words` (the first is the program) in `folder` and waits. `watch` is called with the process id every 10 ms while it runs.
ProcessResult run_process(const std::vector<std::string>& words, const std::filesystem::path& folder,
                          const std::function<void(pid_t)>& watch = {});

/// run_process with larmor_program() in front.
ProcessResult run_larmor(const std::vector<std::string>& words, const std::filesystem::path& folder,
                         const std::function<void(pid_t)>& watch = {});

}  // namespace larmor::testing
