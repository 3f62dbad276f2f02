#include "tests/support/process.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <thread>

#include "core/files.h"
#include "tests/support/golden.h"

namespace larmor::testing {

namespace fs = std::filesystem;

namespace {

/// In the child: streams to files, then the program. Never returns.
[[noreturn]] void become(const std::vector<std::string>& words, const fs::path& folder, const fs::path& out, const fs::path& err) {
  std::vector<char*> arguments;
  for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  const int in_file = ::open("/dev/null", O_RDONLY);
  const int out_file = ::open(out.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  const int err_file = ::open(err.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  const bool ready = ::dup2(in_file, 0) >= 0 && ::dup2(out_file, 1) >= 0 && ::dup2(err_file, 2) >= 0 && ::chdir(folder.c_str()) == 0;
  if (ready) ::execv(arguments[0], arguments.data());
  ::_exit(127);
}

int exit_code_of(int status) { return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status); }

}  // namespace

fs::path larmor_program() {
  const char* binary_dir = std::getenv("LARMOR_BINARY_DIR");
  return fs::path(binary_dir ? binary_dir : ".") / "cli/larmor";
}

ProcessResult run_process(const std::vector<std::string>& words, const fs::path& folder, const std::function<void(pid_t)>& watch) {
  const fs::path streams = make_temporary_folder("process");
  const pid_t child = ::fork();
  if (child == 0) become(words, folder, streams / "out", streams / "err");
  int status = 0;
  while (::waitpid(child, &status, WNOHANG) == 0) {
    if (watch) watch(child);
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return {exit_code_of(status), read_file(streams / "out"), read_file(streams / "err")};
}

ProcessResult run_larmor(const std::vector<std::string>& words, const fs::path& folder, const std::function<void(pid_t)>& watch) {
  std::vector<std::string> all{fs::absolute(larmor_program()).string()};
  all.insert(all.end(), words.begin(), words.end());
  return run_process(all, folder, watch);
}

}  // namespace larmor::testing
