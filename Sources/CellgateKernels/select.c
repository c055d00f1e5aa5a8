// The choice of an instruction set, and the public functions that go through it.

#include "isa.h"
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const cg_isa *const known[] = {
#if defined(__x86_64__)
    &cg_isa_avx512, &cg_isa_avx2,
#elif defined(__aarch64__)
    &cg_isa_neon,
#endif
    &cg_isa_portable,
};
enum { known_count = sizeof known / sizeof *known };

static _Atomic(const cg_isa *) chosen;

const cg_isa *cg_isa_active(void) {
  const cg_isa *isa = atomic_load_explicit(&chosen, memory_order_acquire);
  if (!isa) {
    const char *name = getenv("CELLGATE_ISA");
    isa = name && *name ? cg_isa_named(name) : cg_isa_at(0);
    if (!isa) {
      fprintf(stderr, "CELLGATE_ISA: expected an instruction set of this processor (");
      for (size_t i = 0; i < cg_isa_count(); i++)
        fprintf(stderr, "%s%s", i ? ", " : "", cg_isa_name(cg_isa_at(i)));
      fprintf(stderr, "), found '%s'\n", name);
      exit(64);
    }
    atomic_store_explicit(&chosen, isa, memory_order_release);
  }
  return isa;
}

const char *cg_isa_name(const cg_isa *isa) { return isa->name; }

const cg_isa *cg_isa_named(const char *name) {
  for (size_t i = 0; i < known_count; i++)
    if (strcmp(known[i]->name, name) == 0 && known[i]->available()) return known[i];
  return NULL;
}

size_t cg_isa_count(void) {
  size_t count = 0;
  for (size_t i = 0; i < known_count; i++) count += known[i]->available() != 0;
  return count;
}

const cg_isa *cg_isa_at(size_t index) {
  for (size_t i = 0; i < known_count; i++)
    if (known[i]->available() && index-- == 0) return known[i];
  return NULL;
}

const cg_isa *cg_isa_bfloat16(const cg_isa *isa) {
  return isa->bfloat16 && isa->bfloat16->available() ? isa->bfloat16 : NULL;
}

void cg_convert_with(const cg_isa *isa, size_t rows, size_t k, const float *source, size_t ld, float *units,
                     size_t ld_units) {
  isa->convert(rows, k, source, ld, units, ld_units);
}

void cg_interleave_with(const cg_isa *isa, size_t rows, size_t n, const float *source, size_t ld,
                        float *units, size_t ld_units) {
  isa->interleave(rows, n, source, ld, units, ld_units);
}

size_t cg_packed_count_with(const cg_isa *isa, size_t k, size_t n) { return isa->packed_count(k, n); }

size_t cg_packed_count(size_t k, size_t n) { return cg_packed_count_with(cg_isa_active(), k, n); }

void cg_pack_with(const cg_isa *isa, size_t k, size_t n, size_t width, const float *source, size_t k_stride,
                  size_t n_stride, float *packed) {
  isa->pack(k, n, width, source, k_stride, n_stride, packed);
}

void cg_pack(size_t k, size_t n, const float *source, size_t k_stride, size_t n_stride, float *packed) {
  cg_pack_with(cg_isa_active(), k, n, n, source, k_stride, n_stride, packed);
}

void cg_product_with(const cg_isa *isa, size_t m, size_t n, const cg_term *terms, size_t term_count,
                     cg_start start, const float *bias, float *c, size_t ldc) {
  isa->product(m, n, terms, term_count, start, bias, c, ldc, 0);
}

void cg_product(size_t m, size_t n, const cg_term *terms, size_t term_count, cg_start start,
                const float *bias, float *c, size_t ldc) {
  cg_product_with(cg_isa_active(), m, n, terms, term_count, start, bias, c, ldc);
}

void cg_outer_with(const cg_isa *isa, size_t rows, size_t m, size_t n, const float *a, size_t lda,
                   const float *b, size_t ldb, float *c, size_t ldc) {
  isa->outer(rows, m, n, a, lda, b, ldb, c, ldc);
}

void cg_outer(size_t rows, size_t m, size_t n, const float *a, size_t lda, const float *b, size_t ldb,
              float *c, size_t ldc) {
  cg_outer_with(cg_isa_active(), rows, m, n, a, lda, b, ldb, c, ldc);
}

void cg_operate_with(const cg_isa *isa, const cg_operation *operations, size_t count, float *const *slots,
                     size_t n) {
  isa->operate(operations, count, slots, n);
}

void cg_reduce_with(const cg_isa *isa, cg_reduction_kind kind, size_t rows, size_t k, const float *source,
                    size_t ld, float *result, size_t n, size_t ld_result) {
  isa->reduce(kind, rows, k, source, ld, result, n, ld_result);
}

size_t cg_peak_with(const cg_isa *isa, size_t rounds, float factor, float *sum) {
  return isa->peak(rounds, factor, sum);
}

// The functions of n floats are programs of one operation; the last few floats take a padded detour.
static void apply(cg_code code, size_t n, const float *x, float *y) {
  const cg_isa *isa = cg_isa_active();
  const cg_operation operation = {.code = code, .result = 1};
  float *const slots[2] = {(float *)(uintptr_t)x, y};
  size_t whole = n & ~(size_t)15;
  isa->operate(&operation, 1, slots, whole);
  if (whole < n) {
    float edge[16] = {0};
    memcpy(edge, x + whole, (n - whole) * sizeof(float));
    float *const edges[2] = {edge, edge};
    isa->operate(&operation, 1, edges, 16);
    memcpy(y + whole, edge, (n - whole) * sizeof(float));
  }
}

void cg_exp(size_t n, const float *x, float *y) { apply(CG_EXP, n, x, y); }
void cg_tanh(size_t n, const float *x, float *y) { apply(CG_TANH, n, x, y); }
void cg_sigmoid(size_t n, const float *x, float *y) { apply(CG_SIGMOID, n, x, y); }
void cg_log(size_t n, const float *x, float *y) { apply(CG_LOGARITHM, n, x, y); }
void cg_sqrt(size_t n, const float *x, float *y) { apply(CG_SQUARE_ROOT, n, x, y); }
void cg_softplus(size_t n, const float *x, float *y) { apply(CG_SOFTPLUS, n, x, y); }
