#include "core/memory.h"

#ifdef __GLIBC__
#include <malloc.h>

#include <limits>
#endif

namespace larmor {

void keep_memory() {
#ifdef __GLIBC__
  constexpr int kNever = std::numeric_limits<int>::max();
  mallopt(M_MMAP_THRESHOLD, kNever);
  mallopt(M_TRIM_THRESHOLD, kNever);
  mallopt(M_TOP_PAD, 64 << 20);  // grow in steps that are worth a system call
#endif
}

}  // namespace larmor
