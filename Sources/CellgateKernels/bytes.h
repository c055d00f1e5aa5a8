// Words of four signed bytes: neighbours along the dimension that is summed, of a row or column whose numbers are its
// scale times whole numbers in -127 ... 127. A row of words begins with its scale, a float. A panel begins with its
// columns' scales and, where bytes of rows have 128 added (CG_OFFSET), with what takes that off again.

#define PER_WORD 4
#define ROW_HEAD 1
#define PANEL_HEAD (1 + CG_OFFSET)

typedef int8_t byte_lanes __attribute__((ext_vector_type(LANES)));

// sum + the four products of bytes that lie in the same word, in integers.
INLINE vi add_products(vi x, vi y, vi sum) {
#if CG_DOT_PRODUCT == CG_DOT_VNNI
  return (vi)_mm512_dpbusd_epi32((__m512i)sum, (__m512i)x, (__m512i)y);
#elif CG_DOT_PRODUCT == CG_DOT_ARM
  return (vi)vdotq_s32((int32x4_t)sum, (int8x16_t)x, (int8x16_t)y);
#elif CG_DOT_PRODUCT == CG_DOT_AVX2
  // The even and the odd bytes of both, widened: two products fill a lane's 32 bits, and nothing saturates.
  typedef int16_t vs __attribute__((ext_vector_type(2 * LANES)));
  vs x_even = (vs)x << 8 >> 8, y_even = (vs)y << 8 >> 8, x_odd = (vs)x >> 8, y_odd = (vs)y >> 8;
  return sum + (vi)_mm256_madd_epi16((__m256i)x_even, (__m256i)y_even) +
         (vi)_mm256_madd_epi16((__m256i)x_odd, (__m256i)y_odd);
#elif CG_DOT_PRODUCT == CG_DOT_NEON
  int16x8_t low = vmull_s8(vget_low_s8((int8x16_t)x), vget_low_s8((int8x16_t)y));
  int16x8_t high = vmull_high_s8((int8x16_t)x, (int8x16_t)y);
  return sum + (vi)vpaddq_s32(vpaddlq_s16(low), vpaddlq_s16(high));
#else
  return sum + (x << 24 >> 24) * (y << 24 >> 24) + (x << 16 >> 24) * (y << 16 >> 24) +
         (x << 8 >> 24) * (y << 8 >> 24) + (x >> 24) * (y >> 24);
#endif
}

INLINE vf multiply_add(vf x, vf y, vf sum) { return (vf)add_products((vi)x, (vi)y, (vi)sum); }

INLINE vf repeat(const float *word) {
  int32_t bits;
  memcpy(&bits, word, sizeof bits);
  return (vf)(bits - (vi){0});
}

// The largest magnitude's bits: magnitudes are in the order of their bits, infinity and NaN last.
INLINE int32_t most_bits(size_t n, const float *x) {
  vi most = 0;
  const size_t whole = n / LANES * LANES;
  for (size_t i = 0; i < whole; i += LANES)
    most = __builtin_elementwise_max(most, (vi)load(x + i) & 0x7fffffff);
  int32_t result = __builtin_reduce_max(most);
  for (size_t i = whole; i < n; i++) {
    int32_t bits;
    memcpy(&bits, x + i, sizeof bits);
    bits &= 0x7fffffff;
    result = bits > result ? bits : result;
  }
  return result;
}

// A 127th of the largest magnitude, of 16 significant bits, the last one rounded up: whole numbers up to 127 times the
// scale are floats, which have the same scale and give the same whole numbers. Magnitudes below 2^-100 count as 0; one that
// is not finite has no scale.
INLINE float scale_of(int32_t most_bits) {
  float most, scale;
  memcpy(&most, &most_bits, sizeof most);
  if (most_bits >= 0x7f800000) return __builtin_nanf("");
  if (most < 0x1p-100f) return 0;
  scale = most / 127;
  int32_t bits;
  memcpy(&bits, &scale, sizeof bits);
  bits = (bits + 0xff) & ~0xff;
  memcpy(&scale, &bits, sizeof bits);
  return scale;
}

// What numbers of this scale are multiplied with: 0 without one.
INLINE float inverse_of(float scale) { return scale > 0 ? 1 / scale : 0; }

// The nearest whole numbers, the even ones of two; any of numbers that are not finite.
INLINE vi whole_numbers(vf x, float inverse) {
#pragma clang fp contract(off)
  vf scaled = x * inverse;
  vf rounded = scaled + 12582912.0f;  // 1.5 · 2^23: whole numbers are the low bits
  return (vi)rounded << 8 >> 8;
}

INLINE byte_lanes row_bytes(vf x, float inverse) {
  return __builtin_convertvector((whole_numbers(x, inverse) & 0xff) ^ CG_OFFSET << 7, byte_lanes);
}

// The words of k neighbours.
INLINE void words_of_neighbours(size_t k, const float *source, float inverse, float *words) {
  char *bytes = (char *)words;
  const size_t whole = k / LANES * LANES;
  for (size_t i = 0; i < whole; i += LANES) {
    byte_lanes b = row_bytes(load(source + i), inverse);
    memcpy(bytes + i, &b, LANES);
  }
  if (whole < k) {
    float edge[LANES] = {0};
    for (size_t i = whole; i < k; i++) edge[i - whole] = source[i];
    byte_lanes b = row_bytes(load(edge), inverse);
    memcpy(bytes + whole, &b, (k - whole + 3) & ~(size_t)3);
  }
}

// LANES words of scale 1 of a packed operand.
INLINE vf load_words(const float *source) {
  int8_t bytes[LANES * PER_WORD];
  vf words;
  for (size_t i = 0; i < LANES * PER_WORD; i++) bytes[i] = (int8_t)source[i];
  memcpy(&words, bytes, sizeof words);
  return words;
}

// A sum of products that starts from a whole number, and what one holds.
INLINE vf sum_from(size_t start) { return (vf)((int32_t)start - (vi){0}); }
INLINE vf sum_value(vf sum) { return __builtin_convertvector((vi)sum, vf); }

// Words that k numbers take.
INLINE size_t words(size_t k) { return (k + PER_WORD - 1) / PER_WORD; }

// All threads of a team take the same scale from the whole row; the one with the first columns writes it.
static void convert(size_t rows, size_t k, size_t first, size_t columns, const float *source, size_t ld,
                    float *result, size_t ld_result) {
  for (size_t r = 0; r < rows; r++) {
    const float *x = source + r * ld;
    float *to = result + r * ld_result;
    const float scale = scale_of(most_bits(k, x));
    if (first == 0) *to = scale;
    words_of_neighbours(columns, x + first, inverse_of(scale), to + ROW_HEAD + first / PER_WORD);
  }
}
