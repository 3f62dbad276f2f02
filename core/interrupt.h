// Ctrl-C and SIGTERM as a flag that loops look at. The second signal ends the program at once.
#pragma once

namespace larmor {

/// Installs the handlers (once, in main or in a test).
void catch_interrupts();
/// True after the first SIGINT or SIGTERM.
bool interrupted();
/// For tests and for `fit` called twice in one process.
void clear_interrupt();

}  // namespace larmor
