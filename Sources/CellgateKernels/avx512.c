// AVX-512: 32 registers of 16 floats.
#if defined(__x86_64__)
#pragma clang attribute push(__attribute__((target("avx512f,avx512vl,avx512dq,avx512bw,avx2,fma"))), apply_to = function)
#define CG_ISA avx512
#define CG_AVAILABLE                                                                                  \
  (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&                         \
   __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("fma"))
#define LANES 16
#define PANEL_VECTORS 2
#define TILE_ROWS 12
#define CG_FMA 1
#define CG_BFLOAT16 &cg_isa_avx512_bf16
#define CG_INT8_TABLES &cg_isa_avx512_vnni, &cg_isa_avx2_int8
#include "implementation.h"
#pragma clang attribute pop
#endif
