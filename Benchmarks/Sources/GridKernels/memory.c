#include "grid_kernels.h"

// 64 bytes; where registers are smaller the compiler takes several.
typedef float block __attribute__((vector_size(64)));
enum { lanes = 16, at_once = 8 };

#if defined(__x86_64__) && defined(__linux__)
#define EACH_PROCESSOR __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define EACH_PROCESSOR
#endif

EACH_PROCESSOR float grid_read(size_t n, const float *x) {
  typedef block loose __attribute__((aligned(4)));
  block sums[at_once] = {0};
  for (size_t i = 0; i < n; i += at_once * lanes) {
#pragma clang loop unroll(full)
    for (size_t v = 0; v < at_once; v++) sums[v] += *(const loose *)(x + i + v * lanes);
  }
  float sum = 0;
  for (size_t v = 0; v < at_once; v++)
    for (size_t lane = 0; lane < lanes; lane++) sum += sums[v][lane];
  return sum;
}

EACH_PROCESSOR void grid_write(size_t n, float value, float *x) {
  const block whole = value - (block){0};
#pragma clang loop unroll_count(8)
  for (size_t i = 0; i < n; i += lanes) *(volatile block *)(x + i) = whole;  // no call of memset instead
}

EACH_PROCESSOR void grid_write_past_caches(size_t n, float value, float *x) {
  const block whole = value - (block){0};
  for (size_t i = 0; i < n; i += lanes) __builtin_nontemporal_store(whole, (block *)(x + i));
  __atomic_thread_fence(__ATOMIC_SEQ_CST);
}
