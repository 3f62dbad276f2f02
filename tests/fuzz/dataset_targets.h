// Entry points of the fuzzers of datasets/, shared with the replay of their corpora.
#pragma once
#include <cstddef>
#include <span>

namespace larmor::testing {

/// A volume of the Siberian cache: its HDF5 structure, without the checksum that would stop every change, then its provenance.
void fuzz_siberian_cache(std::span<const std::byte> bytes);

}  // namespace larmor::testing
