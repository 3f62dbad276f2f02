#include "core/interrupt.h"

#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstddef>

namespace larmor {

namespace {

// The one piece of global state: a signal handler can reach nothing else.
std::atomic<bool> is_interrupted{false};
std::atomic<const char*> notice_of_first{kStops};
std::atomic<bool> is_on_terminal{false};
static_assert(std::atomic<bool>::is_always_lock_free && std::atomic<const char*>::is_always_lock_free,
              "a signal handler may only touch lock-free atomics");

/// Only what is allowed in a signal handler; errno belongs to whoever was interrupted.
void say(const char* text) {
  const int kept = errno;
  size_t length = 0;
  while (text[length] != '\0') ++length;
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, text, length);
  errno = kept;
}

void on_signal(int signal) {
  if (!is_interrupted.exchange(true)) {
    if (is_on_terminal) say("\n");  // below the "^C" or the progress bar
    say(notice_of_first);
    return;
  }
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

}  // namespace

void catch_interrupts(const char* notice) {
  notice_of_first = notice;
  is_on_terminal = ::isatty(STDERR_FILENO) == 1;
  struct sigaction action {};
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART;  // a write in hand is not torn by the first signal
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

bool interrupted() { return is_interrupted; }

void clear_interrupt() { is_interrupted = false; }

}  // namespace larmor
