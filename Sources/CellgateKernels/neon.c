// NEON on 64-bit Arm: 32 registers of 4 floats.
#if defined(__aarch64__)
#define CG_ISA neon
#define CG_AVAILABLE 1
#define LANES 4
#define PANEL_VECTORS 4
#define TILE_ROWS 6
#define CG_FMA 1
#define CG_INT8_TABLES &cg_isa_neon_dot, &cg_isa_neon_int8
#include "implementation.h"
#endif
