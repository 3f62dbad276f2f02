// Replays a fuzzer's corpus, which holds seeds, hostile files, and whatever once broke a parser.
#pragma once
#include <gtest/gtest.h>

#include <iostream>
#include <span>
#include <string>
#include <vector>

#include "core/files.h"
#include "tests/support/golden.h"

namespace larmor::testing {

inline void replay(const std::string& target, void (*entry)(std::span<const std::byte>)) {
  size_t files = 0;
  for (const auto& file : std::filesystem::directory_iterator(source_dir() / "tests/fuzz/corpus" / target)) {
    SCOPED_TRACE(file.path().string());
    // A copy of exactly the file's size, so that AddressSanitizer sees a read past its end.
    const std::string content = read_file(file.path());
    const std::vector<char> bytes(content.begin(), content.end());
    EXPECT_NO_THROW(entry(std::as_bytes(std::span(bytes))));
    ++files;
  }
  std::cout << files << " files for " << target << "\n";
  EXPECT_GT(files, 5u);
}

}  // namespace larmor::testing
