#include "core/memory.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <memory>

namespace larmor {
namespace {

int64_t page_faults() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_minflt;
}

/// Touches every page, through volatile: a compiler may leave out memory that nobody looks at.
void touch(char* block, size_t bytes) {
  volatile char* touched = block;
  for (size_t i = 0; i < bytes; i += 4096) touched[i] = 1;
}

void take_and_free(size_t bytes) {
  const std::unique_ptr<char[]> block(new char[bytes]);
  touch(block.get(), bytes);
}

TEST(Memory, FreedBlocksAreTakenAgainWithoutNewPages) {
#ifndef __GLIBC__
  GTEST_SKIP() << "another C library";
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "the sanitizer has its own allocator";
#endif
  constexpr size_t kBytes = 96 << 20;  // above every threshold of glibc's defaults
  keep_memory();
  take_and_free(kBytes);
  const int64_t before = page_faults();
  for (int i = 0; i < 3; ++i) take_and_free(kBytes);
  EXPECT_LT(page_faults() - before, 100);  // one fresh block has 24576 small pages, or 48 huge ones
}

TEST(Memory, ThePeakCountsWhatWasTouched) {
  constexpr size_t kBytes = 200 << 20;
  const std::unique_ptr<char[]> block(new char[kBytes]);
  touch(block.get(), kBytes);
  EXPECT_GE(peak_memory(), static_cast<int64_t>(kBytes));
  EXPECT_LT(peak_memory(), physical_memory());
}

}  // namespace
}  // namespace larmor
