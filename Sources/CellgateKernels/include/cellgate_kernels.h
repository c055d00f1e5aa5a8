// The numeric kernels of Cellgate: matrix products on packed operands, elementwise programs, and
// sweeps of both over the steps of a sequence. Nothing here knows what a recurrent cell is.
//
// Every function below is compiled once per instruction set from the same source and chosen at run
// time (`cg_select`). No function allocates, starts a thread, or keeps state but the choice itself.
// Matrices are row-major; a leading dimension (`ld…`) counts floats from one row to the next.

#ifndef CELLGATE_KERNELS_H
#define CELLGATE_KERNELS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// MARK: Instruction sets

/// The name of the instruction set in use: "avx512", "avx2", "neon" or "portable".
const char *cg_isa_name(void);

/// Chooses an instruction set by name; 0 when this processor has it, -1 otherwise (nothing changes).
/// Without a call the best one is taken. Not to be called while kernels run.
int cg_select(const char *name);

/// How many instruction sets this processor can run, best first, and the name of the i-th.
size_t cg_isa_count(void);
const char *cg_isa_at(size_t i);

// MARK: Matrix products

/// Floats that a `k` × `n` operand takes once it is packed for the instruction set in use.
size_t cg_packed_count(size_t k, size_t n);

/// Packs the operand B[k, n] = source[k * k_stride + n * n_stride] for `cg_product`.
/// `packed` holds `cg_packed_count(k, n)` floats, aligned to 64 bytes, and does not overlap `source`.
void cg_pack(size_t k, size_t n, const float *source, size_t k_stride, size_t n_stride, float *packed);

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

/// c[m, n] += Σ over r of a[r, m] b[r, n]: the weight gradient of a linear map over many rows.
/// `lda` may be 0 (the same row of a for every r). Nothing overlaps.
void cg_outer(size_t rows, size_t m, size_t n, const float *a, size_t lda, const float *b, size_t ldb,
              float *c, size_t ldc);

// MARK: Elementwise functions of n floats; y may be x

void cg_exp(size_t n, const float *x, float *y);
void cg_tanh(size_t n, const float *x, float *y);
void cg_sigmoid(size_t n, const float *x, float *y);

#ifdef __cplusplus
}
#endif

#endif
