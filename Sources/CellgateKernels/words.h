// What products multiply: words of four bytes, each a float or, with CG_BF16, two bfloat16 numbers that are
// neighbours along the dimension that is summed, an odd one out followed by 0, or, with CG_INT8, four signed bytes.
// Words live in arrays of floats and are moved, never computed with, outside multiply_add.

#if CG_INT8

#include "bytes.h"

#else

// Words before those of a row, and rows of words before those of a panel.
#define ROW_HEAD 0
#define PANEL_HEAD 0

#if CG_BF16

#define PER_WORD 2

// The 16-bit words of two vectors in turn: a0, b0, a1, b1, …
static const uint16_t in_turn[2 * LANES] = {0, 16, 1, 17, 2,  18, 3,  19, 4,  20, 5,  21, 6,  22, 7,  23,
                                            8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31};

INLINE __mmask16 up_to(size_t n) { return n >= LANES ? 0xffff : (__mmask16)((1u << n) - 1); }
INLINE __m512 load_up_to(size_t n, const float *p) { return _mm512_maskz_loadu_ps(up_to(n), p); }

// Both rounded to nearest even, `low` in the lower half; NaN stays NaN.
INLINE __m512i rounded(__m512 low, __m512 high) { return (__m512i)_mm512_cvtne2ps_pbh(high, low); }

INLINE vf multiply_add(vf x, vf y, vf sum) {
  return (vf)_mm512_dpbf16_ps((__m512)sum, (__m512bh)x, (__m512bh)y);
}

INLINE vf repeat(const float *word) {
  int32_t bits;
  memcpy(&bits, word, sizeof bits);
  return (vf)_mm512_set1_epi32(bits);
}

// LANES words.
INLINE vf load_words(const float *source) {
  return (vf)rounded(_mm512_loadu_ps(source), _mm512_loadu_ps(source + LANES));
}

// The words [n] of a row and the one below it, which counts as zeros where `rows` is 1.
INLINE void words_of_rows(size_t rows, size_t n, const float *source, size_t ld, float *words) {
  const __m512i order = _mm512_loadu_si512(in_turn);
  for (size_t j = 0; j < n; j += LANES) {
    __m512 upper = load_up_to(n - j, source + j);
    __m512 lower = rows > 1 ? load_up_to(n - j, source + ld + j) : _mm512_setzero_ps();
    __m512i pairs = _mm512_permutexvar_epi16(order, rounded(upper, lower));
    _mm512_mask_storeu_ps(words + j, up_to(n - j), (__m512)pairs);
  }
}

// The words of k neighbours.
INLINE void words_of_neighbours(size_t k, const float *source, float *words) {
  for (size_t i = 0; i < k; i += 2 * LANES) {
    size_t left = k - i;
    __m512 low = load_up_to(left, source + i);
    __m512 high = left > LANES ? load_up_to(left - LANES, source + i + LANES) : _mm512_setzero_ps();
    _mm512_mask_storeu_ps(words + i / 2, up_to((left + 1) / 2), (__m512)rounded(low, high));
  }
}

// The words of k numbers `stride` apart, at most 2 · LANES of them, `step` apart.
INLINE void words_of_column(size_t k, const float *source, size_t stride, float *words, size_t step) {
  float numbers[2 * LANES], column[LANES];
  if (stride != 1) {
    for (size_t i = 0; i < k; i++) numbers[i] = source[i * stride];
    source = numbers;
  }
  words_of_neighbours(k, source, column);
  for (size_t i = 0; i < (k + 1) / 2; i++) memcpy(words + i * step, column + i, sizeof(float));
}

#else

#define PER_WORD 1

INLINE vf multiply_add(vf x, vf y, vf sum) { return fma_(x, y, sum); }
INLINE vf repeat(const float *word) { return splat(*word); }
INLINE vf load_words(const float *source) { return load(source); }

INLINE void words_of_rows(size_t rows, size_t n, const float *source, size_t ld, float *words) {
  (void)rows, (void)ld;
  memcpy(words, source, n * sizeof(float));
}

INLINE void words_of_neighbours(size_t k, const float *source, float *words) {
  memcpy(words, source, k * sizeof(float));
}

INLINE void words_of_column(size_t k, const float *source, size_t stride, float *words, size_t step) {
  for (size_t i = 0; i < k; i++) words[i * step] = source[i * stride];
}

#endif

// A sum of products that starts from a whole number, and what one holds.
INLINE vf sum_from(size_t start) { return splat((float)start); }
INLINE vf sum_value(vf sum) { return sum; }

// Words that k numbers take.
INLINE size_t words(size_t k) { return (k + PER_WORD - 1) / PER_WORD; }

static void convert(size_t rows, size_t k, size_t first, size_t columns, const float *source, size_t ld,
                    float *result, size_t ld_result) {
  (void)k;
  for (size_t r = 0; r < rows; r++)
    words_of_neighbours(columns, source + r * ld + first, result + r * ld_result + first / PER_WORD);
}

static void interleave(size_t rows, size_t n, const float *source, size_t ld, float *result,
                       size_t ld_result) {
  for (size_t r = 0; r < rows; r += PER_WORD)
    words_of_rows(rows - r, n, source + r * ld, ld, result + r / PER_WORD * ld_result);
}

#endif
