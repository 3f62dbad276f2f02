#include "tests/fuzz/replay.h"
#include "tests/fuzz/targets.h"

namespace larmor::testing {
namespace {

TEST(FuzzCorpus, Safetensors) { replay("safetensors", fuzz_safetensors); }
TEST(FuzzCorpus, Yaml) { replay("yaml", fuzz_yaml); }
TEST(FuzzCorpus, Csv) { replay("csv", fuzz_csv); }

}  // namespace
}  // namespace larmor::testing
