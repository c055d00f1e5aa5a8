// The table of one instruction set's functions. Private to the target.

#ifndef CELLGATE_ISA_H
#define CELLGATE_ISA_H

#include "cellgate_kernels.h"

struct cg_isa {
  const char *name;
  int (*available)(void);
  const cg_isa *bfloat16;  // the same with products of bfloat16 numbers, or NULL
  const cg_isa *int8[2];   // with products of signed bytes, the best first, then NULL
  size_t (*packed_count)(size_t k, size_t n);
  void (*pack)(size_t k, size_t n, size_t width, const float *source, size_t k_stride, size_t n_stride,
               float *packed);
  // Of rows [rows, k] the words of `columns` numbers from the first on, a multiple of CG_SHARE_COLUMNS.
  void (*convert)(size_t rows, size_t k, size_t first, size_t columns, const float *source, size_t ld, float *words,
                  size_t ld_words);
  // These two are NULL where operands are signed bytes.
  void (*interleave)(size_t rows, size_t n, const float *source, size_t ld, float *words, size_t ld_words);
  void (*outer)(size_t rows, size_t m, size_t n, const float *a, size_t lda, const float *b, size_t ldb,
                float *c, size_t ldc);
  void (*product)(size_t m, size_t n, const cg_term *terms, size_t term_count, cg_start start,
                  const float *bias, float *c, size_t ldc, int descending);
  void (*operate)(const cg_operation *operations, size_t count, float *const *slots, size_t n);
  void (*reduce)(cg_reduction_kind kind, size_t rows, size_t k, const float *source, size_t ld, float *result,
                 size_t n, size_t ld_result);
  double (*sum)(size_t n, const float *x);
  double (*dot)(size_t n, const float *x, const float *y);
  float (*largest)(size_t n, const float *x);
  float (*standardize)(size_t n, const float *x, double epsilon, float *y);
  void (*softmax)(size_t rows, size_t n, const float *x, float *y, float *largest, double *sum);
  void (*softmax_gradient)(size_t rows, size_t n, const float *g, const float *y, float *result);
  void (*additive_scores)(size_t rows, size_t n, const float *query, const float *keys, size_t ld, const float *score,
                          float *result);
  void (*additive_scores_gradient)(size_t rows, size_t n, const float *query, const float *keys, size_t ld,
                                   const float *score, const float *g, float *query_gradient,
                                   float *key_gradients, size_t ld_gradients, float *score_gradient);
  void (*attention_weights)(size_t rows, size_t n, cg_band band, float factor, float *scores, size_t ld, float *most,
                            float *sum, float *kept);
  void (*attention_gradient)(size_t rows, size_t n, cg_band band, float factor, const float *most, const float *sum,
                             const float *shift, float *scores, float *gradients, size_t ld);
  void (*transpose)(size_t rows, size_t columns, const float *source, size_t ld, float *target,
                    size_t ld_target);
  void (*coins)(uint64_t key, uint64_t first, uint32_t threshold, size_t n, float *y);
  void (*code_scores)(size_t blocks, size_t parts, const uint8_t *codes, const uint8_t *tables, float factor, float start,
                      const float *less, float *scores);
  void (*depthwise)(size_t places, size_t channels, size_t row_taps, const float *const *rows, size_t column_taps,
                    size_t columns, size_t step, size_t dilation, size_t before, const float *weight,
                    const float *bias, float *y);
  size_t (*peak)(size_t rounds, float factor, float *sum);
};

extern const cg_isa cg_isa_portable, cg_isa_portable_int8;
#if defined(__x86_64__)
extern const cg_isa cg_isa_avx2, cg_isa_avx2_int8, cg_isa_avx512, cg_isa_avx512_bf16, cg_isa_avx512_vnni;
#elif defined(__aarch64__)
extern const cg_isa cg_isa_neon, cg_isa_neon_int8, cg_isa_neon_dot;
#endif

#endif
