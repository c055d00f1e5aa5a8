// Everything that is compiled once per instruction set. The including file defines
//   CG_ISA          the table's suffix          CG_AVAILABLE   whether this processor has it
//   LANES           floats in a vector          PANEL_VECTORS  vectors in a packed panel
//   TILE_ROWS       rows of a product's tile    CG_FMA         fused multiply-add exists
//   CG_BF16         products take bfloat16      CG_BFLOAT16    the table whose products do; neither by default

#ifndef CG_BF16
#define CG_BF16 0
#endif
#ifndef CG_BFLOAT16
#define CG_BFLOAT16 NULL
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
    .per_word = PER_WORD,
    .packed_count = packed_count,
    .pack = pack,
    .convert = convert,
    .interleave = interleave,
    .product = product,
    .outer = outer,
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
