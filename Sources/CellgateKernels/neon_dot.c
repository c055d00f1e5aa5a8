// NEON with dot products of four signed bytes, which most 64-bit Arm processors since 2018 have.
#if defined(__aarch64__)
#include <arm_neon.h>
#if defined(__linux__)
#include <sys/auxv.h>
#define CG_AVAILABLE ((getauxval(AT_HWCAP) >> 20 & 1) != 0)  // HWCAP_ASIMDDP
#elif defined(__APPLE__)
#define CG_AVAILABLE 1
#else
#define CG_AVAILABLE 0
#endif
#pragma clang attribute push(__attribute__((target("dotprod"))), apply_to = function)
#define CG_ISA neon_dot
#define LANES 4
#define PANEL_VECTORS 4
#define TILE_ROWS 6
#define CG_FMA 1
#define CG_INT8 1
#define CG_OFFSET 0
#define CG_DOT_PRODUCT CG_DOT_ARM
#include "implementation.h"
#pragma clang attribute pop
#endif
