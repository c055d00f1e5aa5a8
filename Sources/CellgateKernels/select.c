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

const cg_isa *cg_isa_int8(const cg_isa *isa) {
  for (size_t i = 0; i < sizeof isa->int8 / sizeof *isa->int8; i++)
    if (isa->int8[i] && isa->int8[i]->available()) return isa->int8[i];
  return NULL;
}

void cg_convert_with(const cg_isa *isa, size_t rows, size_t k, const float *source, size_t ld, float *words,
                     size_t ld_words) {
  isa->convert(rows, k, 0, k, source, ld, words, ld_words);
}

void cg_interleave_with(const cg_isa *isa, size_t rows, size_t n, const float *source, size_t ld,
                        float *words, size_t ld_words) {
  isa->interleave(rows, n, source, ld, words, ld_words);
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

// A program of one operation; the last few floats take a padded detour.
void cg_apply_with(const cg_isa *isa, cg_code code, size_t n, const float *a, const float *b, const float *c,
                   float constant, float *y) {
  const cg_operation operation = {.code = code, .result = 3, .a = 0, .b = 1, .c = 2, .constant = constant};
  const float *const operands[3] = {a, b ? b : a, c ? c : a};
  float *const slots[4] = {(float *)(uintptr_t)operands[0], (float *)(uintptr_t)operands[1],
                           (float *)(uintptr_t)operands[2], y};
  size_t whole = n & ~(size_t)15;
  isa->operate(&operation, 1, slots, whole);
  if (whole < n) {
    float edge[4][16] = {{0}};
    float *const edges[4] = {edge[0], edge[1], edge[2], edge[3]};
    for (size_t i = 0; i < 3; i++) memcpy(edge[i], operands[i] + whole, (n - whole) * sizeof(float));
    if (code == CG_ACCUMULATE) memcpy(edge[3], y + whole, (n - whole) * sizeof(float));
    isa->operate(&operation, 1, edges, 16);
    memcpy(y + whole, edge[3], (n - whole) * sizeof(float));
  }
}

void cg_apply(cg_code code, size_t n, const float *a, const float *b, const float *c, float constant, float *y) {
  cg_apply_with(cg_isa_active(), code, n, a, b, c, constant, y);
}

static void apply(cg_code code, size_t n, const float *x, float *y) { cg_apply(code, n, x, x, x, 0, y); }

void cg_exp(size_t n, const float *x, float *y) { apply(CG_EXP, n, x, y); }
void cg_tanh(size_t n, const float *x, float *y) { apply(CG_TANH, n, x, y); }
void cg_sigmoid(size_t n, const float *x, float *y) { apply(CG_SIGMOID, n, x, y); }

double cg_sum_with(const cg_isa *isa, size_t n, const float *x) { return isa->sum(n, x); }
double cg_sum(size_t n, const float *x) { return cg_sum_with(cg_isa_active(), n, x); }

double cg_dot_with(const cg_isa *isa, size_t n, const float *x, const float *y) { return isa->dot(n, x, y); }
double cg_dot(size_t n, const float *x, const float *y) { return cg_dot_with(cg_isa_active(), n, x, y); }

float cg_largest_with(const cg_isa *isa, size_t n, const float *x) { return isa->largest(n, x); }
float cg_largest(size_t n, const float *x) { return cg_largest_with(cg_isa_active(), n, x); }

float cg_standardize_with(const cg_isa *isa, size_t n, const float *x, double epsilon, float *y) {
  return isa->standardize(n, x, epsilon, y);
}

float cg_standardize(size_t n, const float *x, double epsilon, float *y) {
  return cg_standardize_with(cg_isa_active(), n, x, epsilon, y);
}

void cg_softmax_with(const cg_isa *isa, size_t rows, size_t n, const float *x, float *y, float *largest,
                     double *sum) {
  isa->softmax(rows, n, x, y, largest, sum);
}

void cg_softmax(size_t rows, size_t n, const float *x, float *y, float *largest, double *sum) {
  cg_softmax_with(cg_isa_active(), rows, n, x, y, largest, sum);
}

void cg_softmax_gradient_with(const cg_isa *isa, size_t rows, size_t n, const float *g, const float *y,
                              float *result) {
  isa->softmax_gradient(rows, n, g, y, result);
}

void cg_softmax_gradient(size_t rows, size_t n, const float *g, const float *y, float *result) {
  cg_softmax_gradient_with(cg_isa_active(), rows, n, g, y, result);
}

void cg_additive_scores_with(const cg_isa *isa, size_t rows, size_t n, const float *query, const float *keys, size_t ld,
                             const float *score, float *result) {
  isa->additive_scores(rows, n, query, keys, ld, score, result);
}

void cg_additive_scores(size_t rows, size_t n, const float *query, const float *keys, size_t ld, const float *score,
                        float *result) {
  cg_additive_scores_with(cg_isa_active(), rows, n, query, keys, ld, score, result);
}

void cg_additive_scores_gradient_with(const cg_isa *isa, size_t rows, size_t n, const float *query, const float *keys,
                                      size_t ld, const float *score, const float *g, float *query_gradient,
                                      float *key_gradients, size_t ld_gradients, float *score_gradient) {
  isa->additive_scores_gradient(rows, n, query, keys, ld, score, g, query_gradient, key_gradients, ld_gradients,
                                score_gradient);
}

void cg_additive_scores_gradient(size_t rows, size_t n, const float *query, const float *keys, size_t ld,
                                 const float *score, const float *g, float *query_gradient, float *key_gradients,
                                 size_t ld_gradients, float *score_gradient) {
  cg_additive_scores_gradient_with(cg_isa_active(), rows, n, query, keys, ld, score, g, query_gradient, key_gradients,
                                   ld_gradients, score_gradient);
}

void cg_attention_weights_with(const cg_isa *isa, size_t rows, size_t n, cg_band band, float factor, float *scores,
                               size_t ld, float *most, float *sum, float *kept) {
  isa->attention_weights(rows, n, band, factor, scores, ld, most, sum, kept);
}

void cg_attention_weights(size_t rows, size_t n, cg_band band, float factor, float *scores, size_t ld, float *most,
                          float *sum, float *kept) {
  cg_attention_weights_with(cg_isa_active(), rows, n, band, factor, scores, ld, most, sum, kept);
}

void cg_attention_gradient_with(const cg_isa *isa, size_t rows, size_t n, cg_band band, float factor,
                                const float *most, const float *sum, const float *shift, float *scores,
                                float *gradients, size_t ld) {
  isa->attention_gradient(rows, n, band, factor, most, sum, shift, scores, gradients, ld);
}

void cg_attention_gradient(size_t rows, size_t n, cg_band band, float factor, const float *most, const float *sum,
                           const float *shift, float *scores, float *gradients, size_t ld) {
  cg_attention_gradient_with(cg_isa_active(), rows, n, band, factor, most, sum, shift, scores, gradients, ld);
}

void cg_transpose_with(const cg_isa *isa, size_t rows, size_t columns, const float *source, size_t ld,
                       float *target, size_t ld_target) {
  isa->transpose(rows, columns, source, ld, target, ld_target);
}

void cg_transpose(size_t rows, size_t columns, const float *source, size_t ld, float *target,
                  size_t ld_target) {
  cg_transpose_with(cg_isa_active(), rows, columns, source, ld, target, ld_target);
}

void cg_coins_with(const cg_isa *isa, uint64_t key, uint64_t first, uint32_t threshold, size_t n, float *y) {
  isa->coins(key, first, threshold, n, y);
}

void cg_code_scores_with(const cg_isa *isa, size_t blocks, size_t parts, const uint8_t *codes, const uint8_t *tables,
                         float factor, float start, const float *less, float *scores) {
  isa->code_scores(blocks, parts, codes, tables, factor, start, less, scores);
}

void cg_code_scores(size_t blocks, size_t parts, const uint8_t *codes, const uint8_t *tables, float factor, float start,
                    const float *less, float *scores) {
  cg_code_scores_with(cg_isa_active(), blocks, parts, codes, tables, factor, start, less, scores);
}

void cg_depthwise_with(const cg_isa *isa, size_t places, size_t channels, size_t row_taps, const float *const *rows,
                       size_t column_taps, size_t columns, size_t step, size_t dilation, size_t before,
                       const float *weight, const float *bias, float *y) {
  isa->depthwise(places, channels, row_taps, rows, column_taps, columns, step, dilation, before, weight, bias, y);
}

void cg_depthwise(size_t places, size_t channels, size_t row_taps, const float *const *rows, size_t column_taps,
                  size_t columns, size_t step, size_t dilation, size_t before, const float *weight, const float *bias,
                  float *y) {
  cg_depthwise_with(cg_isa_active(), places, channels, row_taps, rows, column_taps, columns, step, dilation, before,
                    weight, bias, y);
}
