// Keeps freed memory in the process.
#pragma once

namespace larmor {

/// Tells the C library never to give freed memory back to the system, and asks for huge pages. Activations of a network are freed and
/// taken again at each layer; with glibc's defaults every large one costs fresh, zeroed pages (a tenth to a half of the time of
/// LinkNet). Call it first thing in main, before the first large allocation. Does nothing where the C library has no such switch.
void keep_memory();

}  // namespace larmor
