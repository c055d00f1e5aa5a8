// Any processor, with products of signed bytes.
#define CG_ISA portable_int8
#define CG_AVAILABLE 1
#define LANES 4
#define PANEL_VECTORS 2
#define TILE_ROWS 4
#define CG_FMA 0
#define CG_INT8 1
#define CG_OFFSET 0
#define CG_DOT_PRODUCT CG_DOT_PORTABLE
#include "implementation.h"
