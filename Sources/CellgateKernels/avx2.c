// AVX2 with fused multiply-add: 16 registers of 8 floats.
#if defined(__x86_64__)
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#define CG_ISA avx2
#define CG_AVAILABLE (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
#define LANES 8
#define PANEL_VECTORS 2
#define TILE_ROWS 6
#define CG_FMA 1
#define CG_INT8_TABLES &cg_isa_avx2_int8
#include "implementation.h"
#pragma clang attribute pop
#endif
