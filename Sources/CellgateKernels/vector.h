// Vectors of LANES floats in terms of the compiler's vector extension, and the functions exp, tanh, sigmoid, log
// and softplus on them. Included once per instruction set; the including file defines LANES and CG_FMA.

#include <stdint.h>
#include <string.h>
#if LANES == 16
#include <immintrin.h>
#endif

typedef float vf __attribute__((ext_vector_type(LANES)));
typedef double vd __attribute__((ext_vector_type(LANES)));
typedef int32_t vi __attribute__((ext_vector_type(LANES)));
typedef float vf_unaligned __attribute__((ext_vector_type(LANES), aligned(4)));

#define INLINE static inline __attribute__((always_inline))

INLINE vf load(const float *p) { return *(const vf_unaligned *)p; }
INLINE void store(float *p, vf v) { *(vf_unaligned *)p = v; }
INLINE vf splat(float x) { return x - (vf){0}; }

// Lanes of the first and of the second halves of two vectors in turn.
#if LANES == 16
#define FIRST_HALVES(a, b) \
  __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)
#define SECOND_HALVES(a, b) \
  __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31)
#elif LANES == 8
#define FIRST_HALVES(a, b) __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11)
#define SECOND_HALVES(a, b) __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15)
#else
#define FIRST_HALVES(a, b) __builtin_shufflevector(a, b, 0, 4, 1, 5)
#define SECOND_HALVES(a, b) __builtin_shufflevector(a, b, 2, 6, 3, 7)
#endif

// LANES rows become columns: each round moves the highest bit of a lane's number to the lowest of its row's.
INLINE void transpose(vf rows[LANES]) {
#pragma clang loop unroll(full)
  for (size_t round = 1; round < LANES; round *= 2) {
    vf next[LANES];
#pragma clang loop unroll(full)
    for (size_t i = 0; i < LANES / 2; i++) {
      next[2 * i] = FIRST_HALVES(rows[i], rows[i + LANES / 2]);
      next[2 * i + 1] = SECOND_HALVES(rows[i], rows[i + LANES / 2]);
    }
#pragma clang loop unroll(full)
    for (size_t i = 0; i < LANES; i++) rows[i] = next[i];
  }
}

// a b + c, rounded once. Without the instruction it goes through double, which is the same but for rare
// ties: all instruction sets then agree as closely as the order of sums allows.
INLINE vf fma_(vf a, vf b, vf c) {
#if CG_FMA
  return __builtin_elementwise_fma(a, b, c);
#else
  return __builtin_convertvector(
      __builtin_convertvector(a, vd) * __builtin_convertvector(b, vd) + __builtin_convertvector(c, vd), vf);
#endif
}

INLINE vf choose(vi mask, vf yes, vf no) { return mask ? yes : no; }
INLINE vf magnitude(vf x) { return (vf)((vi)x & 0x7fffffff); }

// x, but at least `least`; NaN stays NaN.
INLINE vf at_least(vf x, float least) { return x < least ? splat(least) : x; }

// exp's pieces: x = n ln 2 + r, |r| <= ln 2 / 2. n comes as a number and, in the low bits of `bits`, as an integer.
INLINE void reduce(vf x, vi *bits, vf *n, vf *r) {
  const float magic = 12582912.0f;  // 1.5 · 2^23: adding it rounds to the nearest integer
  vf t = fma_(x, splat(1.44269504088896341f), splat(magic));
  *bits = (vi)t;
  *n = t - magic;
  // ln 2 in two parts, the first with few enough bits that its multiples are exact
  *r = fma_(*n, splat(-0.693359375f), x);
  *r = fma_(*n, splat(2.12194440e-4f), *r);
}

// 2^n for -126 <= n <= 127 from the bits above: those of the magic number leave at the left.
INLINE vf power_of_two(vi bits) { return (vf)((bits << 23) + 0x3f800000); }

// x 2^n, rounded once.
INLINE vf scale(vf x, vi bits, vf n) {
#if LANES == 16
  return (vf)_mm512_scalef_ps((__m512)x, (__m512)n);
#else
  vi whole = bits - (vi)splat(12582912.0f), half = whole >> 1;
  return x * (vf)((half + 127) << 23) * (vf)((whole - half + 127) << 23);
#endif
}

// e^r - 1 for |r| <= ln 2 / 2, relative error below 1 ULP (the polynomial is Cephes' expf).
INLINE vf expm1_reduced(vf r) {
  vf p = splat(1.9875691500e-4f);
  p = fma_(p, r, splat(1.3981999507e-3f));
  p = fma_(p, r, splat(8.3334519073e-3f));
  p = fma_(p, r, splat(4.1665795894e-2f));
  p = fma_(p, r, splat(1.6666665459e-1f));
  p = fma_(p, r, splat(5.0000001201e-1f));
  return fma_(p, r * r, r);
}

// e^x; overflows to infinity, underflows gradually to 0, NaN stays NaN.
INLINE vf exp_(vf x) {
  x = at_least(x > 89.0f ? splat(89.0f) : x, -104.0f);
  vi bits;
  vf n, r;
  reduce(x, &bits, &n, &r);
  return scale(expm1_reduced(r) + 1.0f, bits, n);
}

// From E = e^(-2|x|) - 1, which loses no digits near 0: -E / (2 + E).
INLINE vf tanh_(vf x) {
  vf y = at_least((vf)((vi)x | (int32_t)0x80000000) * 2.0f, -30.0f);
  vi bits;
  vf n, r;
  reduce(y, &bits, &n, &r);
  vf s = power_of_two(bits), E = fma_(s, expm1_reduced(r), s - 1.0f);
  vf q = E / (E + 2.0f);
  return (vf)(((vi)q & 0x7fffffff) | ((vi)x & (int32_t)0x80000000));
}

// e / (1 + e) from e = e^-|x|, which never overflows, or what it leaves of 1.
INLINE vf sigmoid_(vf x) {
  vf y = at_least((vf)((vi)x | (int32_t)0x80000000), -104.0f);
  vi bits;
  vf n, r;
  reduce(y, &bits, &n, &r);
  vf e = scale(expm1_reduced(r) + 1.0f, bits, n);
  vf q = e / (e + 1.0f);
  return x < 0.0f ? q : 1.0f - q;
}

// x = 2^n m, √½ <= m < √2: the logarithm n ln 2 + log m of a positive normal number, below 1 ULP (the polynomial in
// m - 1 is Cephes' logf). `less` is taken off n.
INLINE vf log_normal(vf x, vf less) {
  const int32_t root_half = 0x3f3504f3;
  vi above = (vi)x - root_half;
  vf n = __builtin_convertvector(above >> 23, vf) - less;
  vf f = (vf)((above & 0x7fffff) + root_half) - 1.0f, square = f * f;
  vf p = splat(7.0376836292e-2f);
  p = fma_(p, f, splat(-1.1514610310e-1f));
  p = fma_(p, f, splat(1.1676998740e-1f));
  p = fma_(p, f, splat(-1.2420140846e-1f));
  p = fma_(p, f, splat(1.4249322787e-1f));
  p = fma_(p, f, splat(-1.6668057665e-1f));
  p = fma_(p, f, splat(2.0000714765e-1f));
  p = fma_(p, f, splat(-2.4999993993e-1f));
  p = fma_(p, f, splat(3.3333331174e-1f));
  // ln 2 in the two parts of `reduce`, the small terms first
  vf rest = fma_(n, splat(-2.12194440e-4f), p * f * square);
  rest = fma_(square, splat(-0.5f), rest);
  return fma_(n, splat(0.693359375f), f + rest);
}

// log x; of 0 minus infinity, of negative numbers NaN. Subnormal numbers are scaled up.
INLINE vf log_(vf x) {
  vi tiny = x < 0x1p-126f;
  vf y = log_normal(choose(tiny, x * 0x1p23f, x), choose(tiny, splat(23), splat(0)));
  y = choose(x < __builtin_inff(), y, x);
  return choose(x > 0.0f, y, choose(x == 0.0f, splat(-__builtin_inff()), splat(__builtin_nanf(""))));
}

// max(x, 0) + log(1 + e) from e = e^-|x|. What 1 + e rounds away counts e / (1 + e) times as much.
INLINE vf softplus_(vf x) {
  vf e = exp_((vf)((vi)x | (int32_t)0x80000000));
  vf sum = e + 1.0f, rest = e - (sum - 1.0f);
  return (log_normal(sum, splat(0)) + rest / sum) + choose(x > 0.0f, x, splat(0));
}
