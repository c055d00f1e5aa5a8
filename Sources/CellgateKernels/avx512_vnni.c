// AVX-512 with dot products of four bytes, of which a row's are unsigned: products of four times as many numbers as
// AVX-512 alone.
#if defined(__x86_64__)
#include <immintrin.h>
#pragma clang attribute push(__attribute__((target("avx512f,avx512vl,avx512dq,avx512bw,avx512vnni,avx2,fma"))), apply_to = function)
#define CG_ISA avx512_vnni
#define CG_AVAILABLE                                                                                  \
  (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&                         \
   __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") &&                        \
   __builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("fma"))
#define LANES 16
#define PANEL_VECTORS 2
#define TILE_ROWS 12
#define CG_FMA 1
#define CG_INT8 1
#define CG_OFFSET 1
#define CG_DOT_PRODUCT CG_DOT_VNNI
#include "implementation.h"
#pragma clang attribute pop
#endif
