// Ctrl-C and SIGTERM as a flag that loops look at. The second signal ends the program at once.
#pragma once

namespace larmor {

/// Said on stderr at the first signal: loops that save before they end, and all others.
inline constexpr const char* kStopsAfterStep = "stopping after this step; Ctrl-C again quits at once without saving\n";
inline constexpr const char* kStops = "stopping; Ctrl-C again quits at once\n";

/// Installs the handlers (once, in main or in a test). `notice` must live as long as the program.
void catch_interrupts(const char* notice = kStops);
/// True after the first SIGINT or SIGTERM.
bool interrupted();
/// For tests and for `fit` called twice in one process.
void clear_interrupt();

}  // namespace larmor
