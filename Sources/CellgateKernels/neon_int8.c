// NEON with products of signed bytes, which are widened to 16 bits.
#if defined(__aarch64__)
#include <arm_neon.h>
#define CG_ISA neon_int8
#define CG_AVAILABLE 1
#define LANES 4
#define PANEL_VECTORS 4
#define TILE_ROWS 6
#define CG_FMA 1
#define CG_INT8 1
#define CG_OFFSET 0
#define CG_DOT_PRODUCT CG_DOT_NEON
#include "implementation.h"
#endif
