#include "optim/elementwise.h"

namespace larmor::optim {

VectorUnit vector_unit() {
#if defined(__x86_64__)
  static const VectorUnit widest = __builtin_cpu_supports("avx512f") ? VectorUnit::avx512
                                   : __builtin_cpu_supports("avx2")  ? VectorUnit::avx2
                                                                     : VectorUnit::baseline;
  return widest;
#else
  return VectorUnit::baseline;
#endif
}

}  // namespace larmor::optim
