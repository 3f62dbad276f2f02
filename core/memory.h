// Memory: freed memory stays in the process; a lack of it is recognised.
#pragma once
#include <cstdint>
#include <exception>

namespace larmor {

/// Tells the C library never to give freed memory back to the system, and asks for huge pages. Activations of a network are freed and
/// taken again at each layer; with glibc's defaults every large one costs fresh, zeroed pages (about a seventh of the time of
/// LinkNet). Call it first thing in main, before the first large allocation. Does nothing where the C library has no such switch.
void keep_memory();

/// Bytes of memory that this machine has.
int64_t physical_memory();

/// Bytes of memory that this process has held at most at one time since it began.
int64_t peak_memory();

/// True for std::bad_alloc and for the errors of LibTorch's allocators (host and CUDA), which only their texts tell apart.
bool is_out_of_memory(const std::exception& error);

}  // namespace larmor
