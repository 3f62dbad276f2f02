// What the fuzzers of image files call, and the corpus test with every compiler. What is accepted must keep the header's promises
// and read back the same when it is written.
#pragma once
#include <cstddef>
#include <span>

namespace larmor::testing {

void fuzz_tiff(std::span<const std::byte> bytes);
void fuzz_png(std::span<const std::byte> bytes);
/// Gzipped where the bytes start as gzip does.
void fuzz_nifti(std::span<const std::byte> bytes);
/// One file with its pixels.
void fuzz_dicom(std::span<const std::byte> bytes);
void fuzz_nrrd(std::span<const std::byte> bytes);
void fuzz_transform(std::span<const std::byte> bytes);

}  // namespace larmor::testing
