#include "core/memory.h"

#include <sys/resource.h>
#include <unistd.h>

#include <cstddef>
#include <cstdlib>  // before the test of __GLIBC__: the C library's own headers define it
#include <memory>
#include <new>
#include <string_view>

#ifdef __GLIBC__
#include <malloc.h>
#include <sys/mman.h>
#endif

namespace larmor {

#ifdef __GLIBC__
namespace {

/// Grows the heap once, by up to half of the machine's memory in address space that nobody has touched yet, and asks for huge pages
/// there. What is asked of the heap later has them too: MADV_HUGEPAGE holds for an address range, not for a process.
void reserve_huge_pages() {
  constexpr size_t kHugePage = 2 << 20;
  for (size_t size = static_cast<size_t>(physical_memory()) / 2; size >= 64 * kHugePage; size /= 2) {
    void* const block = std::malloc(size);
    if (!block) continue;  // a limit on address space
    void* begin = block;
    size_t rest = size;
    std::align(kHugePage, kHugePage, begin, rest);
    // Without huge pages in the kernel this fails and all goes on with small ones.
    madvise(begin, rest / kHugePage * kHugePage, MADV_HUGEPAGE);
    std::free(block);
    return;
  }
}

}  // namespace
#endif

int64_t physical_memory() { return static_cast<int64_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<int64_t>(sysconf(_SC_PAGESIZE)); }

int64_t peak_memory() {
  constexpr int64_t kKibibyte = 1024;
  rusage usage{};
  return getrusage(RUSAGE_SELF, &usage) == 0 ? static_cast<int64_t>(usage.ru_maxrss) * kKibibyte : 0;
}

void keep_memory() {
#ifdef __GLIBC__
  mallopt(M_MMAP_MAX, 0);         // M_MMAP_THRESHOLD takes 32 MiB at most
  mallopt(M_TRIM_THRESHOLD, -1);  // never
  reserve_huge_pages();
#endif
}

bool is_out_of_memory(const std::exception& error) {
  if (dynamic_cast<const std::bad_alloc*>(&error) != nullptr) return true;
  const std::string_view text = error.what();
  return text.find("out of memory") != std::string_view::npos || text.find("allocate memory") != std::string_view::npos;
}

}  // namespace larmor
