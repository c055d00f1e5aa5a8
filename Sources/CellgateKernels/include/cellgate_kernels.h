// The numeric kernels of Cellgate: matrix products on packed operands, elementwise programs, and
// sweeps of both over the steps of a sequence. Nothing here knows what a recurrent cell is.
//
// Every function below is compiled once per instruction set from the same source and chosen at run
// time. No function allocates, starts a thread, or keeps state but the choice itself.
// Matrices are row-major; a leading dimension (`ld…`) counts floats from one row to the next.

#ifndef CELLGATE_KERNELS_H
#define CELLGATE_KERNELS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// MARK: Instruction sets

/// An instruction set of this processor.
typedef struct cg_isa cg_isa;

/// The instruction set in use: the one that the environment variable CELLGATE_ISA names, else the best.
/// A name that this processor doesn't have ends the process with a line on standard error (exit code 64).
const cg_isa *cg_isa_active(void);

/// The instruction set of this name, "avx512", "avx2", "neon" or "portable"; NULL without it here.
const cg_isa *cg_isa_named(const char *name);

/// How many instruction sets this processor can run, the i-th, best first, and its name.
size_t cg_isa_count(void);
const cg_isa *cg_isa_at(size_t i);
const char *cg_isa_name(const cg_isa *isa);

/// The same instruction set with products whose operands are bfloat16 numbers (sums and everything else stay
/// float); NULL where this processor lacks them. Not among the instruction sets counted and named above.
const cg_isa *cg_isa_bfloat16(const cg_isa *isa);

/// The same instruction set with products whose operands are signed bytes with a scale for each row and column (sums of
/// products are integers, everything else stays float). Its products are the same bits on every instruction set. Not
/// among the instruction sets counted and named above; computes no `cg_outer`.
const cg_isa *cg_isa_int8(const cg_isa *isa);

// The functions below take the one to use where operands are packed once and used for long, and use the
// active one otherwise. What was packed for one cannot be read by another.

// MARK: Matrix products

// Operands of products are words of four bytes in arrays of floats. A word is a float or, for a table from
// `cg_isa_bfloat16`, two bfloat16 numbers that are neighbours along the dimension that is summed, the last one 0
// if there is an odd number of them. Leading dimensions count words; k and the rows of `cg_outer` count numbers.
// Floats become bfloat16 by rounding to nearest even; NaN stays NaN; subnormal numbers count as 0.
//
// For a table from `cg_isa_int8` a word is four neighbours x as bytes round(x / scale), nearest even, in -127 ... 127. Each row
// of a left operand, and each column of a packed one, has its scale: 1 / 127 of its largest magnitude, rounded up to 16
// significant bits, so that bytes · scale is a float of the same scale and bytes. Magnitudes below 2^-100 count as 0. A term adds
// scale of the row · scale of the column · the integer sum, in this order and rounded each time; k is at most 2^17. A row or column
// with a NaN or infinity gives NaN.

/// The words [rows, ⌈k / 2⌉] of source [rows, k], a left operand of `cg_product`; [rows, k], copies, for an
/// instruction set whose words are floats; [rows, 1 + ⌈k / 4⌉], the row's scale first, for one whose words are bytes. Nothing
/// overlaps.
void cg_convert_with(const cg_isa *isa, size_t rows, size_t k, const float *source, size_t ld, float *words,
                     size_t ld_words);

/// The words [⌈rows / 2⌉, n] of source [rows, n], an operand of `cg_outer`; [rows, n], copies, for an
/// instruction set whose words are floats. Nothing overlaps.
void cg_interleave_with(const cg_isa *isa, size_t rows, size_t n, const float *source, size_t ld,
                        float *words, size_t ld_words);

/// Floats that a `k` × `n` operand takes once it is packed for the instruction set in use.
size_t cg_packed_count(size_t k, size_t n);

/// Packs the operand B[k, n] = source[k * k_stride + n * n_stride] for `cg_product`.
/// `packed` holds `cg_packed_count(k, n)` floats, aligned to 64 bytes, and does not overlap `source`.
void cg_pack(size_t k, size_t n, const float *source, size_t k_stride, size_t n_stride, float *packed);

/// The same for a given instruction set, and for a product of `width` >= n columns, the last of which are
/// zeros; `packed` holds `cg_packed_count_with(isa, k, width)` floats.
size_t cg_packed_count_with(const cg_isa *isa, size_t k, size_t n);
void cg_pack_with(const cg_isa *isa, size_t k, size_t n, size_t width, const float *source, size_t k_stride,
                  size_t n_stride, float *packed);

/// One term of a sum of products: a [m, k] with rows `lda` apart, times a packed [k, n].
typedef struct {
  const float *a;
  size_t lda;
  size_t k;
  const float *packed;
} cg_term;

/// What a product's sum starts from.
typedef enum {
  CG_START_ZERO = 0,
  CG_START_BIAS = 1,   // bias [n], the same for every row
  CG_START_RESULT = 2  // what c holds
} cg_start;

/// c[m, n] = start + Σ over terms of a · b. `c` overlaps no operand. `bias` is read for
/// CG_START_BIAS only. Any m, n, k; the order of additions depends on the k of the terms alone.
void cg_product(size_t m, size_t n, const cg_term *terms, size_t term_count, cg_start start,
                const float *bias, float *c, size_t ldc);

void cg_product_with(const cg_isa *isa, size_t m, size_t n, const cg_term *terms, size_t term_count,
                     cg_start start, const float *bias, float *c, size_t ldc);

/// c[m, n] += Σ over r of a[r, m] b[r, n]: the weight gradient of a linear map over many rows.
/// `lda` may be 0 (the same row of a for every r). Nothing overlaps.
void cg_outer(size_t rows, size_t m, size_t n, const float *a, size_t lda, const float *b, size_t ldb,
              float *c, size_t ldc);

void cg_outer_with(const cg_isa *isa, size_t rows, size_t m, size_t n, const float *a, size_t lda,
                   const float *b, size_t ldb, float *c, size_t ldc);

// MARK: The speed of light

/// Adds factor², of a pair of factors twice, to every lane of a product tile's sums `rounds` times, in registers
/// alone, and returns how many floating-point operations that took (2 per multiply-add). `sum` gets the total of all lanes.
size_t cg_peak_with(const cg_isa *isa, size_t rounds, float factor, float *sum);

// MARK: Barriers

/// Where the threads of a team wait for each other; aligned to 64 bytes, all zeros but `members`.
typedef struct {
  uint32_t members;
  uint32_t arrived;
  uint32_t padding[14];
  uint32_t phase;
  uint32_t more_padding[15];
} cg_barrier;

/// Returns when all members have called it. They spin, and give their processor away when it takes long.
void cg_barrier_wait(cg_barrier *barrier);

// MARK: Elementwise functions of n floats; y may be x

void cg_exp(size_t n, const float *x, float *y);
void cg_tanh(size_t n, const float *x, float *y);
void cg_sigmoid(size_t n, const float *x, float *y);

// MARK: Elementwise programs

typedef enum {
  CG_COPY,                    // a
  CG_FILL,                    // constant
  CG_ADD,                     // a + b
  CG_SUBTRACT,                // a - b
  CG_MULTIPLY,                // a b
  CG_DIVIDE,                  // a / b
  CG_NEGATE,                  // -a
  CG_ADD_CONSTANT,            // a + constant
  CG_SUBTRACT_FROM_CONSTANT,  // constant - a
  CG_MULTIPLY_CONSTANT,       // constant a
  CG_DIVIDE_CONSTANT,         // constant / a
  CG_MULTIPLY_ADD,            // a b + c
  CG_SUBTRACT_MULTIPLY,       // c - a b
  CG_SIGMOID,
  CG_TANH,
  CG_RELU,
  CG_EXP,
  CG_LOGARITHM,
  CG_SQUARE_ROOT,
  CG_SOFTPLUS,  // log(1 + e^a)
  CG_ABSOLUTE,
  CG_MINIMUM,           // the smaller of a and b, NaN if one is NaN
  CG_MAXIMUM,           // the greater
  CG_SIGMOID_GRADIENT,  // a b (1 - b): a arrives at a sigmoid whose value is b
  CG_TANH_GRADIENT,     // a (1 - b²)
  CG_RELU_GRADIENT,     // a where b > 0, else 0
  CG_ABSOLUTE_GRADIENT, // a where b > 0, -a where b < 0, else a b
  CG_GREATER_GRADIENT,  // 0 where b < c, half of a where b = c, else a
  CG_LESS,                // 1 where a < b, else 0
  CG_LESS_EQUAL,          // 1 where a <= b, else 0
  CG_EQUAL,               // 1 where a == b, else 0
  CG_NOT_EQUAL,           // 1 where a != b, else 0
  CG_SELECT,              // b where a != 0, else c
  CG_POWER,               // a ^ constant
  CG_SILU,                // a σ(a)
  CG_GELU,                // a Φ(a)
  CG_GELU_TANH,           // its approximation by tanh
  CG_SILU_GRADIENT,       // a f'(b)
  CG_GELU_GRADIENT,       // a f'(b)
  CG_GELU_TANH_GRADIENT,  // a f'(b)
  CG_ACCUMULATE,          // result + a
  CG_CLAMP,               // a between 0 and constant; NaN if a is NaN
} cg_code;

/// One operation over n floats; operands are indices of slots. The result may be an operand's slot.
typedef struct {
  uint16_t code;
  uint16_t result, a, b, c;
  float constant;
} cg_operation;

/// Runs operations in their order over n floats of each slot, n a multiple of 16.
void cg_operate_with(const cg_isa *isa, const cg_operation *operations, size_t count, float *const *slots,
                     size_t n);

/// One operation over n floats, any number of them: y = code(a, b, c, constant). Of the operands b and c
/// those that the code doesn't have may be NULL; y may be an operand.
void cg_apply(cg_code code, size_t n, const float *a, const float *b, const float *c, float constant, float *y);
void cg_apply_with(const cg_isa *isa, cg_code code, size_t n, const float *a, const float *b, const float *c,
                   float constant, float *y);

// MARK: Reductions of rows

typedef enum {
  CG_MEAN = 0,
  CG_VARIANCE = 1  // the mean square of the deviations from the mean
} cg_reduction_kind;

/// result[rows, n] = the mean or variance of the row of source[rows, k], the same in every column. The order of
/// additions depends on k alone. `ld` may be 0. Nothing overlaps.
void cg_reduce_with(const cg_isa *isa, cg_reduction_kind kind, size_t rows, size_t k, const float *source,
                    size_t ld, float *result, size_t n, size_t ld_result);

// MARK: Sums, extremes and softmax of rows, scores of attention, transposes

/// Σ x and Σ x y, added in double in 16 lanes: the same bits on every instruction set.
double cg_sum(size_t n, const float *x);
double cg_dot(size_t n, const float *x, const float *y);
double cg_sum_with(const cg_isa *isa, size_t n, const float *x);
double cg_dot_with(const cg_isa *isa, size_t n, const float *x, const float *y);

/// The largest number; NaN if there is one, minus infinity of none.
float cg_largest(size_t n, const float *x);
float cg_largest_with(const cg_isa *isa, size_t n, const float *x);

/// y = (x - mean) / √(variance + epsilon) of a row [n], n > 0, and the factor 1 / √(variance + epsilon). The sums are taken
/// in double; the variance is the mean square of the deviations.
float cg_standardize(size_t n, const float *x, double epsilon, float *y);
float cg_standardize_with(const cg_isa *isa, size_t n, const float *x, double epsilon, float *y);

/// y = e^(x - largest) / sum of each row [n], and each row's largest number and sum, which is taken in double. y may be x.
void cg_softmax(size_t rows, size_t n, const float *x, float *y, float *largest, double *sum);
void cg_softmax_with(const cg_isa *isa, size_t rows, size_t n, const float *x, float *y, float *largest,
                     double *sum);

/// result = y (g - Σ g y) of each row [n], y a softmax; the sums are taken in double. Nothing overlaps.
void cg_softmax_gradient(size_t rows, size_t n, const float *g, const float *y, float *result);
void cg_softmax_gradient_with(const cg_isa *isa, size_t rows, size_t n, const float *g, const float *y,
                              float *result);

/// result[r] = Σ over i of score[i] tanh(query[i] + keys[r, i]) of rows [rows, n] that lie `ld` apart: the scores of additive
/// attention. The order of additions depends on n alone. Nothing overlaps.
void cg_additive_scores(size_t rows, size_t n, const float *query, const float *keys, size_t ld, const float *score,
                        float *result);
void cg_additive_scores_with(const cg_isa *isa, size_t rows, size_t n, const float *query, const float *keys, size_t ld,
                             const float *score, float *result);

/// Adds the gradients of those scores, of which g [rows] arrive, to query_gradient [n], key_gradients [rows, n], rows
/// `ld_gradients` apart, and score_gradient [n]; each may be NULL. Nothing overlaps.
void cg_additive_scores_gradient(size_t rows, size_t n, const float *query, const float *keys, size_t ld,
                                 const float *score, const float *g, float *query_gradient, float *key_gradients,
                                 size_t ld_gradients, float *score_gradient);
void cg_additive_scores_gradient_with(const cg_isa *isa, size_t rows, size_t n, const float *query, const float *keys,
                                      size_t ld, const float *score, const float *g, float *query_gradient,
                                      float *key_gradients, size_t ld_gradients, float *score_gradient);

/// Which columns of a block [rows, n] of scores each row sees: row r those from first + r · step on and below last +
/// r · step, of these those from `least` on and below `most`.
typedef struct {
  ptrdiff_t first, last, step, least, most;
} cg_band;

/// A block of the softmax of factor · scores, whose rows go on from block to block with their largest number `most` [rows]
/// (minus infinity at first) and the sum of their weights `sum` [rows] (0 at first). Scores [rows, n] become weights
/// e^(factor · score - most), 0 in columns that a row doesn't see; `kept` [rows] is what sums over earlier blocks count
/// since the largest number is another one. Rows lie `ld` apart and have room for n rounded up to 16; what is beyond n
/// becomes 0. Nothing overlaps.
void cg_attention_weights(size_t rows, size_t n, cg_band band, float factor, float *scores, size_t ld, float *most,
                          float *sum, float *kept);
void cg_attention_weights_with(const cg_isa *isa, size_t rows, size_t n, cg_band band, float factor, float *scores,
                               size_t ld, float *most, float *sum, float *kept);

/// The way back through the same block: scores become the softmax w = e^(factor · score - most) / sum, and gradients [rows,
/// n], those that arrive at w, become factor · w (gradient - shift), those of the scores; `shift` [rows] is Σ over all columns of w ·
/// gradient. Both have rows `ld` apart as above. Nothing overlaps.
void cg_attention_gradient(size_t rows, size_t n, cg_band band, float factor, const float *most, const float *sum,
                           const float *shift, float *scores, float *gradients, size_t ld);
void cg_attention_gradient_with(const cg_isa *isa, size_t rows, size_t n, cg_band band, float factor,
                                const float *most, const float *sum, const float *shift, float *scores,
                                float *gradients, size_t ld);

/// target [columns, rows] = source [rows, columns], transposed. Nothing overlaps.
void cg_transpose(size_t rows, size_t columns, const float *source, size_t ld, float *target, size_t ld_target);
void cg_transpose_with(const cg_isa *isa, size_t rows, size_t columns, const float *source, size_t ld,
                       float *target, size_t ld_target);

// MARK: Random numbers

/// The numbers `first` ..< `first` + n of the sequence of `key`: each 1 with the probability `threshold` / 65536, else 0,
/// the same on every instruction set. `first` is a multiple of 4, n one of 16.
void cg_coins_with(const cg_isa *isa, uint64_t key, uint64_t first, uint32_t threshold, size_t n, float *y);

// MARK: Keys known by codes

/// Keys in a block of `cg_code_scores`.
#define CG_KEYS_OF_BLOCK 32

/// scores[key] = (Σ over parts of tables[part, code of the key's part]) · factor + start - less[key], for the keys of some blocks of
/// 32; less [32 · blocks], or NULL for 0. codes [blocks, parts, 16]: byte j of a part has the code of key j in its lower four
/// bits and that of key j + 16 in the upper ones. tables [parts, 16], numbers up to 127. parts is a multiple of 8, and at
/// most 512, so that sums fit 16 bits. The scores are the same on every instruction set. Nothing overlaps.
void cg_code_scores(size_t blocks, size_t parts, const uint8_t *codes, const uint8_t *tables, float factor, float start,
                    const float *less, float *scores);
void cg_code_scores_with(const cg_isa *isa, size_t blocks, size_t parts, const uint8_t *codes, const uint8_t *tables,
                         float factor, float start, const float *less, float *scores);

// MARK: Convolutions of single channels

/// A row of a convolution of which each channel sees itself alone: y [places, channels] = bias + Σ over row taps r and column
/// taps k of weight[r, k] rows[r][place · step + k · dilation - before], the sums in this order. rows[r] is a row
/// [columns, channels] of the input, or NULL for one beside it; columns beside it count as 0. weight [row_taps,
/// column_taps, channels]; bias [channels], or NULL for 0. step, dilation > 0, column_taps > 0. `y` overlaps nothing.
void cg_depthwise(size_t places, size_t channels, size_t row_taps, const float *const *rows, size_t column_taps,
                  size_t columns, size_t step, size_t dilation, size_t before, const float *weight, const float *bias,
                  float *y);
void cg_depthwise_with(const cg_isa *isa, size_t places, size_t channels, size_t row_taps, const float *const *rows,
                       size_t column_taps, size_t columns, size_t step, size_t dilation, size_t before,
                       const float *weight, const float *bias, float *y);

// MARK: Sweeps over the steps of a sequence

/// How a slot's memory is laid out beside the rows [rows, width] of a step.
typedef enum {
  CG_ROWS = 0,     // a value per row and column
  CG_COLUMNS = 1,  // a value per column, repeated for `tile_rows` rows
  CG_TILE = 2      // scratch for one tile, or a constant tile
} cg_layout;

/// Where a slot lies at each step: base + offset[step], or base without offsets. At the step before `skipped`, where that
/// is not 0, products leave it out: as a factor, whose rows are 0 then, and as a result, which nobody reads.
typedef struct {
  float *base;
  const size_t *offset;
  uint32_t layout;
  uint32_t skipped;
} cg_location;

/// One factor of a product: the rows of a slot, which holds words `ld` apart, times a packed [k, columns].
typedef struct {
  uint32_t slot;
  uint32_t k;
  size_t ld;
  const float *packed;
} cg_factor;

/// result[rows, columns] = start + Σ over factors, of the program's columns the first ones.
typedef struct {
  uint32_t result;
  uint32_t first_factor, factor_count;
  uint32_t start;  // cg_start
  size_t columns;
  size_t ld;
  const float *bias;
} cg_step_product;

/// A grid whose places are rows, each height · width of them a sequence, and the odd side of a neighbourhood.
typedef struct {
  size_t height, width, kernel;
} cg_grid;

/// The neighbourhoods [rows, kernel · kernel, columns] of the places in the rows from `first_row` on: of each neighbour, from the
/// upper left to the lower right, `columns` numbers, or zeros beyond the border. `source` has all rows, `ld` apart, and `result`
/// those rows alone, `ld_result` apart, with the numbers of a neighbour `stride` after those of the one before. The two don't
/// overlap.
void cg_gather_neighbours(cg_grid grid, size_t first_row, size_t rows, size_t columns, const float *source,
                          size_t ld, float *result, size_t ld_result, size_t stride);

/// The words of the rows [rows, k] of a slot, as left operands of products, into another slot: of each row itself, or of its
/// neighbourhood where the grid has a kernel.
typedef struct {
  uint32_t source, result;
  size_t k, ld, ld_result;
  cg_grid grid;
} cg_conversion;

/// The mean or variance of each row [rows, k] of a slot that is no tile, into every column of another.
typedef struct {
  uint32_t source, result;
  uint32_t kind;  // cg_reduction_kind
  size_t k;
} cg_reduction;

typedef enum {
  CG_ELEMENTWISE = 0,  // operations, in their order
  CG_PRODUCTS = 1,     // in any order
  CG_CONVERSIONS = 2,  // in any order; each thread of a team converts its own columns
  CG_REDUCTIONS = 3    // in any order; each thread reads whole rows and writes its own columns
} cg_stage_kind;

/// A run of operations, products, conversions or reductions. `waits` says that it reads columns which other threads of the team
/// have written, or overwrites some that they may still read.
typedef struct {
  uint32_t kind;  // cg_stage_kind
  uint32_t waits;
  uint32_t first, count;
} cg_stage;

/// What is done at every step: stages in order, over `rows` [step] rows of `width` columns.
/// Elementwise stages go tile by tile: `tile_rows` rows of `tile_columns` columns, which divide `width`
/// into whole vectors; tile_rows > 1 only where tile_columns == width.
typedef struct {
  const cg_stage *stages;
  size_t stage_count;
  const cg_step_product *products;
  const cg_factor *factors;
  size_t most_factors;  // of one product
  const cg_operation *operations;
  const cg_conversion *conversions;
  const cg_reduction *reductions;
  size_t slot_count;
  size_t width, tile_rows, tile_columns;
} cg_program;

/// A thread's share of a sweep that a team runs together: `columns` columns from the first on. The first is a
/// multiple of CG_SHARE_COLUMNS, and so is their number unless they are the last ones.
typedef struct {
  cg_barrier *barrier;
  size_t first_column, columns;
} cg_share;

enum { CG_SHARE_COLUMNS = 32 };

/// Runs the program over the steps first, first ± 1, … (count of them; forward unless `backward`).
/// rows[step] is the number of active rows. `scratch` holds 3 · slot_count pointers and `terms`
/// most_factors terms, both used by this call alone. Every thread of a team makes the same call with its own
/// share; the shares cover the columns, and results don't depend on how. Scratch tiles are a thread's own.
void cg_sweep(const cg_isa *isa, const cg_program *program, const cg_location *slots,
              const uint32_t *rows, size_t first, size_t count, int backward, float **scratch,
              cg_term *terms, const cg_share *share);

#ifdef __cplusplus
}
#endif

#endif
