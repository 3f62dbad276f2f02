#include "core/interrupt.h"

#include <atomic>
#include <csignal>

namespace larmor {

namespace {

// The one piece of global state: a signal handler can reach nothing else.
std::atomic<bool> is_interrupted{false};
static_assert(std::atomic<bool>::is_always_lock_free, "a signal handler may only touch lock-free atomics");

void on_signal(int signal) {
  if (!is_interrupted.exchange(true)) return;
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

}  // namespace

void catch_interrupts() {
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
