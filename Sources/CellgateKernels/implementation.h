// Everything that is compiled once per instruction set. The including file defines
//   CG_ISA          the table's suffix          CG_AVAILABLE   whether this processor has it
//   LANES           floats in a vector          PANEL_VECTORS  vectors in a packed panel
//   TILE_ROWS       rows of a product's tile    CG_FMA         fused multiply-add exists
//   CG_BF16         products take bfloat16      CG_BFLOAT16    the table whose products do; neither by default
//   CG_INT8         products take signed bytes  CG_INT8_TABLES the tables whose products do, the best first
// and with CG_INT8
//   CG_OFFSET       1 where bytes of rows are unsigned, with 128 added, else 0
//   CG_DOT_PRODUCT  how bytes are multiplied: one of the CG_DOT_… below

#ifndef CG_BF16
#define CG_BF16 0
#endif
#ifndef CG_BFLOAT16
#define CG_BFLOAT16 NULL
#endif
#define CG_DOT_PORTABLE 0
#define CG_DOT_AVX2 1
#define CG_DOT_VNNI 2
#define CG_DOT_NEON 3
#define CG_DOT_ARM 4
#ifndef CG_INT8
#define CG_INT8 0
#endif
#ifndef CG_INT8_TABLES
#define CG_INT8_TABLES NULL
#endif

#include "isa.h"
#include "vector.h"
#include "functions.h"
#include "words.h"
#include "product.h"
#include "operations.h"
#include "reductions.h"
#include "rows.h"
#include "attention.h"
#include "transposition.h"
#include "coins.h"
#include "codes.h"
#include "depthwise.h"
#include "peak.h"

_Static_assert(CG_SHARE_COLUMNS % PANEL == 0, "a share of a sweep is whole panels");

#define CG_JOIN_(a, b) a##b
#define CG_JOIN(a, b) CG_JOIN_(a, b)
#define CG_STRING_(a) #a
#define CG_STRING(a) CG_STRING_(a)

static int available(void) { return CG_AVAILABLE; }

const cg_isa CG_JOIN(cg_isa_, CG_ISA) = {
    .name = CG_STRING(CG_ISA),
    .available = available,
    .bfloat16 = CG_BFLOAT16,
    .int8 = {CG_INT8_TABLES},
    .packed_count = packed_count,
    .pack = pack,
    .convert = convert,
#if !CG_INT8
    .interleave = interleave,
    .outer = outer,
#endif
    .product = product,
    .operate = operate,
    .reduce = reduce_rows,
    .sum = sum,
    .dot = dot,
    .largest = largest,
    .standardize = standardize,
    .softmax = softmax,
    .softmax_gradient = softmax_gradient,
    .additive_scores = additive_scores,
    .additive_scores_gradient = additive_scores_gradient,
    .attention_weights = attention_weights,
    .attention_gradient = attention_gradient,
    .transpose = transpose_matrix,
    .coins = coins,
    .code_scores = code_scores,
    .depthwise = depthwise,
    .peak = peak,
};
