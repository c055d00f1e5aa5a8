// Vectors of LANES floats in terms of the compiler's vector extension, and the functions exp, tanh and
// sigmoid on them. Included once per instruction set; the including file defines LANES and CG_FMA.

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
