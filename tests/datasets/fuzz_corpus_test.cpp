#include "tests/fuzz/dataset_targets.h"
#include "tests/fuzz/replay.h"

namespace larmor::testing {
namespace {

TEST(DatasetsFuzzCorpus, SiberianCache) { replay("siberian_cache", fuzz_siberian_cache); }

}  // namespace
}  // namespace larmor::testing
