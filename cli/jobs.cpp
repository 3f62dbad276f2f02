#include "cli/jobs.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstring>
#include <system_error>
#include <thread>

#include "core/error.h"
#include "core/files.h"
#include "core/interrupt.h"

namespace larmor::cli {

namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::milliseconds kPause{100};

struct Running {
  const Job* job = nullptr;
  pid_t process = 0;
  Clock::time_point start;
};

/// In a process group of its own: a Ctrl-C of the terminal reaches this program alone, which passes it on once.
pid_t start(const Job& job) {
  make_folder(job.log.parent_path());
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, job.log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
  posix_spawn_file_actions_adddup2(&files, STDOUT_FILENO, STDERR_FILENO);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
  posix_spawnattr_setpgroup(&attributes, 0);
  std::vector<char*> words;
  for (const std::string& word : job.words) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  pid_t process = 0;
  const int error = ::posix_spawn(&process, words[0], &files, &attributes, words.data(), environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&files);
  if (error != 0) throw_run_error(fmt::format("{}: cannot be started: {}", job.name, std::generic_category().message(error)));
  return process;
}

int exit_code_of(int status) { return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status); }

/// Ends what is still running when the owner is left by an error.
class Children {
 public:
  Children() = default;
  Children(const Children&) = delete;
  Children& operator=(const Children&) = delete;
  ~Children() {
    pass_on(SIGTERM);
    for (const Running& one : running_) {
      int status = 0;
      ::waitpid(one.process, &status, 0);
    }
  }
  void begin(const Job& job) { running_.push_back({&job, start(job), Clock::now()}); }
  void pass_on(int signal) const {
    for (const Running& one : running_) ::kill(one.process, signal);
  }
  size_t count() const { return running_.size(); }
  /// Calls `on_end` for each that has ended.
  void reap(const std::function<void(const Running&, int)>& on_end) {
    for (size_t i = 0; i < running_.size();) {
      int status = 0;
      if (::waitpid(running_[i].process, &status, WNOHANG) == 0) {
        ++i;
        continue;
      }
      const Running ended = running_[i];
      running_.erase(running_.begin() + static_cast<std::ptrdiff_t>(i));
      on_end(ended, exit_code_of(status));
    }
  }

 private:
  std::vector<Running> running_;
};

}  // namespace

JobsResult run_jobs(const std::vector<Job>& jobs, int64_t at_once, const std::function<void(const Job&, int, double)>& on_end) {
  LARMOR_ASSERT(at_once >= 1);
  JobsResult result;
  Children children;
  size_t next = 0;
  while (true) {
    if (interrupted() && !result.is_interrupted) {
      result.is_interrupted = true;
      children.pass_on(SIGINT);
    }
    while (!result.is_interrupted && next < jobs.size() && static_cast<int64_t>(children.count()) < at_once) children.begin(jobs[next++]);
    if (children.count() == 0) return result;
    std::this_thread::sleep_for(kPause);
    children.reap([&](const Running& ended, int code) {
      result.failed += code != 0;
      on_end(*ended.job, code, std::chrono::duration<double>(Clock::now() - ended.start).count());
    });
  }
}

std::filesystem::path own_program() { return std::filesystem::read_symlink("/proc/self/exe"); }

}  // namespace larmor::cli
