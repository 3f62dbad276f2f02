// Programs that run beside this one, a few at a time.
#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace larmor::cli {

struct Job {
  std::string name;                ///< for messages
  std::vector<std::string> words;  ///< program and arguments
  std::filesystem::path log;       ///< its stdout and stderr, appended; the folder is made
};

struct JobsResult {
  int64_t failed = 0;
  bool is_interrupted = false;
};

/// Runs at most `at_once` jobs at a time until all have ended. `on_end(job, exit code, seconds)` is called in this thread. An interrupt
/// (core/interrupt.h) is passed on to the jobs, which are waited for; none is begun after it. Error (run): a program cannot be started.
JobsResult run_jobs(const std::vector<Job>& jobs, int64_t at_once, const std::function<void(const Job&, int, double)>& on_end);

/// This program's file.
std::filesystem::path own_program();

}  // namespace larmor::cli
