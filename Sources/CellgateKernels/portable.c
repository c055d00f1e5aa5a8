// Any processor: vectors of 4 floats as the compiler can make them, no fused multiply-add.
#define CG_ISA portable
#define CG_AVAILABLE 1
#define LANES 4
#define PANEL_VECTORS 2
#define TILE_ROWS 4
#define CG_FMA 0
#define CG_INT8_TABLES &cg_isa_portable_int8
#include "implementation.h"
