#include "tests/fuzz/replay.h"
#include "tests/fuzz/targets.h"

namespace larmor::testing {
namespace {

TEST(FuzzCorpus, Safetensors) { replay("safetensors", fuzz_safetensors); }
TEST(FuzzCorpus, Yaml) { replay("yaml", fuzz_yaml); }
TEST(FuzzCorpus, Csv) { replay("csv", fuzz_csv); }
TEST(FuzzCorpus, PyTorch) { replay("pytorch", fuzz_pytorch); }
TEST(FuzzCorpus, Pickle) { replay("pickle", fuzz_pickle); }

}  // namespace
}  // namespace larmor::testing
