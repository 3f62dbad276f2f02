/* What the plugin liblarmor_cuda.so offers: a table of plain C functions.
 *
 * The program knows the plugin by this header alone and opens it with dlopen only for `--device cuda`, so one executable serves
 * machines with and without a GPU. Kernels take device pointers and a stream; they know neither LibTorch nor the rest of Larmor.
 *
 * Every function returns 0, or a CUDA error code for error_text(). Work is put on `stream` (a cudaStream_t, given as void*) and not
 * waited for, unless the comment says so. Results depend on the numbers alone: sums are taken in double over a fixed tree, no atomics.
 */
#pragma once
#ifdef __cplusplus
#include <cstdint>
#else
#include <stdint.h>
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* Changes with every change of this header; a plugin of another version is refused. */
#define LARMOR_CUDA_PLUGIN_VERSION 2
/* The plugin's one exported function: const LarmorCudaPlugin* larmor_cuda_plugin(void). */
#define LARMOR_CUDA_PLUGIN_ENTRY "larmor_cuda_plugin"

typedef struct LarmorCudaDevice {
  char name[256];
  int64_t memory_total; /* bytes */
  int64_t memory_free;
  int32_t compute_major; /* 9.0: Hopper */
  int32_t compute_minor;
  int32_t multiprocessors;
} LarmorCudaDevice;

/* One tensor in one step: contiguous float32 memory on the device, and the coefficients of cuda/updates.h. A function reads the
 * fields that it names; the others may be 0. */
typedef struct LarmorCudaTensor {
  int64_t count; /* elements */
  float* weights;
  float* gradient;
  float* mean;        /* first moment, m */
  float* mean_square; /* second moment, v */
  float* slow;        /* Lookahead's slow weights */
  float beta1, rest1; /* m <- beta1 m + rest1 g */
  float beta2, rest2; /* v <- beta2 v + rest2 g^2 */
  float eps;
  float root;          /* divides sqrt(v): the square root of its bias correction, or 1 */
  float added;         /* g <- g + added w: coupled weight decay */
  float decay;         /* w <- (w - decay w) - rate d: decoupled weight decay */
  float rate;          /* learning rate with its corrections */
  int32_t is_adaptive; /* d = m / (sqrt(v) / root + eps), else d = m: the warm-up of RAdam */
} LarmorCudaTensor;

/* Device memory for tables of tensors and for partial sums; grows as needed. Used by one stream at a time. */
typedef struct LarmorCudaWorkspace LarmorCudaWorkspace;

typedef struct LarmorCudaPlugin {
  uint32_t version; /* LARMOR_CUDA_PLUGIN_VERSION */
  const char* (*error_text)(int32_t code);

  /* 1000 major + 10 minor; driver is 0 where there is none. */
  int32_t (*versions)(int32_t* driver, int32_t* runtime);
  int32_t (*device_count)(int32_t* count);
  int32_t (*describe_device)(int32_t index, LarmorCudaDevice* device);

  int32_t (*create_workspace)(int32_t device, LarmorCudaWorkspace** workspace);
  void (*destroy_workspace)(LarmorCudaWorkspace* workspace);

  /* Adam, AdamW, RAdam: one pass over weights, gradient, mean, mean_square. */
  int32_t (*moment_step)(LarmorCudaWorkspace* workspace, const LarmorCudaTensor* tensors, int64_t count, void* stream);
  /* Ralamb: the same with the rate of each tensor times min(|w - decay w|, largest_norm) / |next w|, 1 where a norm is 0. */
  int32_t (*ralamb_step)(LarmorCudaWorkspace* workspace, const LarmorCudaTensor* tensors, int64_t count, double largest_norm, void* stream);
  /* Lookahead: slow <- slow + alpha (weights - slow); weights <- slow. */
  int32_t (*lookahead_sync)(LarmorCudaWorkspace* workspace, const LarmorCudaTensor* tensors, int64_t count, float alpha, void* stream);
  /* squares[i]: sum of squares of the i-th gradient, in host memory. Waits for the stream. */
  int32_t (*gradient_squares)(LarmorCudaWorkspace* workspace, const LarmorCudaTensor* tensors, int64_t count, double* squares,
                              void* stream);
  /* gradient <- factor gradient. */
  int32_t (*scale_gradients)(LarmorCudaWorkspace* workspace, const LarmorCudaTensor* tensors, int64_t count, float factor, void* stream);
} LarmorCudaPlugin;

#ifdef __cplusplus
}
#endif
