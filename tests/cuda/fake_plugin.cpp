// A plugin without kernels, for the loader's tests.
#include "cuda/plugin.h"

namespace {

int32_t device_count(int32_t* count) {
  *count = FAKE_DEVICES;
  return FAKE_CODE;
}

const char* error_text(int32_t) { return "the fake driver is too old"; }

const LarmorCudaPlugin kPlugin = [] {
  LarmorCudaPlugin plugin{};
  plugin.version = FAKE_VERSION;
  plugin.error_text = error_text;
  plugin.device_count = device_count;
  return plugin;
}();

}  // namespace

extern "C" const LarmorCudaPlugin* larmor_cuda_plugin(void) { return &kPlugin; }
