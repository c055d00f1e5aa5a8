// AVX2 with products of signed bytes, which are widened to 16 bits and multiplied in pairs.
#if defined(__x86_64__)
#include <immintrin.h>
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#define CG_ISA avx2_int8
#define CG_AVAILABLE (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
#define LANES 8
#define PANEL_VECTORS 2
#define TILE_ROWS 4
#define CG_FMA 1
#define CG_INT8 1
#define CG_OFFSET 0
#define CG_DOT_PRODUCT CG_DOT_AVX2
#include "implementation.h"
#pragma clang attribute pop
#endif
