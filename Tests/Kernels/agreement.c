// Compares the kernels of every instruction set of a processor with the portable ones, to the last bit but for what a
// NaN carries, and prints a checksum of all results for each group: processors whose checksums agree compute the same.
// `.ci/neon` runs it for 64-bit Arm. CellgateKernelsTests holds the same demands, and those against exact results.

#include "cellgate_kernels.h"
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static const cg_isa *tested, *portable;
static const char *group = "";
static uint64_t checksum, seed;
static size_t failures, compared;

// MARK: Memory whose end is the end of what may be touched

typedef struct {
  char *mapping;
  size_t length;
} block;
static block blocks[128];
static size_t block_count;

static void release(void) {
  for (; block_count > 0; block_count--) munmap(blocks[block_count - 1].mapping, blocks[block_count - 1].length);
}

// `count` floats; with an alignment above a float's their end may come up to that much later.
static float *reserve(size_t count, size_t alignment) {
  const size_t page = (size_t)sysconf(_SC_PAGESIZE);
  const size_t bytes = (count * sizeof(float) + alignment - 1) / alignment * alignment;
  const size_t readable = (bytes + page - 1) / page * page;
  char *memory = mmap(NULL, readable + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED || mprotect(memory + readable, page, PROT_NONE) != 0 || block_count == 128) {
    fprintf(stderr, "no memory\n");
    exit(2);
  }
  blocks[block_count++] = (block){memory, readable + page};
  return (float *)(memory + readable - bytes);
}

static float *copy(size_t count, const float *values) {
  float *memory = reserve(count, sizeof(float));
  if (count) memcpy(memory, values, count * sizeof(float));
  return memory;
}

static float *filled(size_t count, float value) {
  float *memory = reserve(count, sizeof(float));
  for (size_t i = 0; i < count; i++) memory[i] = value;
  return memory;
}

// MARK: Numbers (Steele's SplitMix64)

static uint64_t next_number(void) {
  uint64_t z = seed += 0x9e3779b97f4a7c15;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

// -1 ..< 1.
static float *numbers(size_t count) {
  float *memory = reserve(count, sizeof(float));
  for (size_t i = 0; i < count; i++) memory[i] = (float)(next_number() >> 40) * 0x1p-23f - 1;
  return memory;
}

static float from_bits(uint32_t bits) {
  float x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

static uint32_t bits_of(float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  return x == x ? bits : 0x7fc00000;
}

// MARK: Comparison

static void sum_up(const float *values, size_t count) {
  for (size_t i = 0; i < count; i++) checksum = (checksum ^ bits_of(values[i])) * 0x100000001b3;
}

static void begin(const char *name) {
  group = name;
  checksum = 0xcbf29ce484222325;
  seed = 1;
}

static void end(void) { printf("%-24s %016llx\n", group, (unsigned long long)checksum); }

// `found` of the instruction set that is tested, `expected` of the portable one.
static void compare_alone(const char *what, size_t a, size_t b, const float *found, const float *expected,
                          size_t count) {
  compared += count;
  for (size_t i = 0; i < count; i++)
    if (bits_of(found[i]) != bits_of(expected[i])) {
      if (failures++ < 20)
        fprintf(stderr, "%s, %s: %s (%zu, %zu) [%zu]: expected %a (%08x), found %a (%08x)\n", cg_isa_name(tested),
                group, what, a, b, i, (double)expected[i], bits_of(expected[i]), (double)found[i],
                bits_of(found[i]));
      return;
    }
}

static void compare(const char *what, size_t a, size_t b, const float *found, const float *expected, size_t count) {
  sum_up(found, count);
  compare_alone(what, a, b, found, expected, count);
}

#define COUNT(list) (sizeof(list) / sizeof *(list))

// MARK: Products

static float *packed(const cg_isa *isa, const float *b, size_t k, size_t n, size_t width, int transposed) {
  size_t count = cg_packed_count_with(isa, k, width);
  float *memory = reserve(count, 64);
  for (size_t i = 0; i < count; i++) memory[i] = NAN;
  cg_pack_with(isa, k, n, width, b, transposed ? 1 : n, transposed ? k : 1, memory);
  return memory;
}

static void products(void) {
  static const size_t rows[] = {0, 1, 2, 3, 4, 5, 6, 7, 11, 12, 13, 25, 41, 61, 73, 121};
  static const size_t columns[] = {0, 1, 3, 4, 5, 7, 8, 9, 12, 13, 15, 16, 17, 31, 32, 33, 49, 63, 65, 131, 201};
  static const size_t ks[][3] = {{5, 0, 0}, {0, 3, 0}, {1, 2, 4}, {0, 0, 0}, {127, 3, 0}};
  static const size_t counts[] = {1, 2, 3, 0, 2};
  begin("products");
  for (size_t i = 0; i < COUNT(rows); i++)
    for (size_t j = 0; j < COUNT(columns); j++)
      for (size_t start = 0; start < 3; start++) {
        const size_t m = rows[i], n = columns[j], choice = (i + j + start) % COUNT(counts);
        const size_t ldc = n + 3, result_count = m ? (m - 1) * ldc + n : 0;
        const float *bias = numbers(n), *before = numbers(result_count);
        cg_term terms[2][3];
        for (size_t t = 0; t < counts[choice]; t++) {
          const size_t k = ks[choice][t], lda = k + t;
          const float *a = numbers(m ? (m - 1) * lda + k : 0), *b = numbers(k * n);
          terms[0][t] = (cg_term){a, lda, k, packed(tested, b, k, n, n, 0)};
          terms[1][t] = (cg_term){a, lda, k, packed(portable, b, k, n, n, 0)};
        }
        float *found = copy(result_count, before), *expected = copy(result_count, before);
        cg_product_with(tested, m, n, terms[0], counts[choice], (cg_start)start, bias, found, ldc);
        cg_product_with(portable, m, n, terms[1], counts[choice], (cg_start)start, bias, expected, ldc);
        compare("product", m, n, found, expected, result_count);
        release();
      }
  end();
}

// Packing from rows and from columns is the same, pads with zeros, and is undone by the identity.
static void packing(void) {
  static const size_t ks[] = {0, 1, 5, 16, 17, 33};
  static const size_t widths[][2] = {{1, 1}, {3, 16}, {16, 16}, {17, 17}, {17, 48}, {20, 70}, {0, 16}, {64, 64}, {65, 96}};
  begin("packing");
  for (size_t i = 0; i < COUNT(ks); i++)
    for (size_t j = 0; j < COUNT(widths); j++) {
      const size_t k = ks[i], n = widths[j][0], width = widths[j][1];
      const float *b = numbers(k * n);
      float *transposed = reserve(n * k, sizeof(float)), *identity = filled(k * k, 0);
      float *expected = filled(k * width, 0), *found = filled(k * width, NAN);
      for (size_t row = 0; row < k; row++) {
        identity[row * k + row] = 1;
        for (size_t column = 0; column < n; column++)
          transposed[column * k + row] = expected[row * width + column] = b[row * n + column];
      }
      const float *rows = packed(tested, b, k, n, width, 0), *columns = packed(tested, transposed, k, n, width, 1);
      // Panels are as wide as an instruction set's registers make them: no part of the checksum.
      compare_alone("packing from columns", k, n, columns, rows, cg_packed_count_with(tested, k, width));
      const cg_term term = {identity, k, k, rows};
      cg_product_with(tested, k, width, &term, 1, CG_START_ZERO, NULL, found, width);
      compare("packing undone", k, n, found, expected, k * width);
      release();
    }
  end();
}

// MARK: Products of bytes

// A 127th of the largest magnitude of k numbers, rounded up to 16 significant bits.
static float byte_scale(size_t k, const float *x, size_t stride) {
  float most = 0;
  for (size_t i = 0; i < k; i++) {
    if (!isfinite(x[i * stride])) return NAN;
    most = fmaxf(most, fabsf(x[i * stride]));
  }
  if (most < 0x1p-100f) return 0;
  int exponent;
  const float fraction = frexpf(most / 127, &exponent);
  return ldexpf(ceilf(fraction * 0x1p16f), exponent - 16);
}

static int byte_of(float x, float scale) { return scale > 0 ? (int)nearbyintf(x * (1 / scale)) : 0; }

// c += scale of the row · scale of the column · the sum of whole numbers, term by term.
static void byte_product(size_t m, size_t n, size_t k, const float *a, size_t lda, const float *b, float *c, size_t ldc) {
  for (size_t i = 0; i < m; i++)
    for (size_t j = 0; j < n; j++) {
      const float left = byte_scale(k, a + i * lda, 1), right = byte_scale(k, b + j, n);
      int sum = 0;
      for (size_t p = 0; p < k; p++) sum += byte_of(a[i * lda + p], left) * byte_of(b[p * n + j], right);
      volatile float both = right * left, product = both * (float)sum;
      c[i * ldc + j] += product;
    }
}

static void byte_products(void) {
  static const size_t rows[] = {0, 1, 2, 3, 4, 5, 7, 12, 13, 61};
  static const size_t columns[] = {0, 1, 3, 4, 5, 8, 9, 15, 16, 17, 31, 33, 63, 65, 131, 201};
  static const size_t ks[][3] = {{5, 0, 0}, {0, 3, 0}, {1, 2, 4}, {0, 0, 0}, {127, 3, 0}, {64, 33, 0}};
  static const size_t counts[] = {1, 2, 3, 0, 2, 2};
  const cg_isa *isa = cg_isa_int8(tested);
  begin("products of bytes");
  for (size_t i = 0; i < COUNT(rows); i++)
    for (size_t j = 0; j < COUNT(columns); j++)
      for (size_t start = 0; start < 3; start++) {
        const size_t m = rows[i], n = columns[j], choice = (i + j + start) % COUNT(counts);
        const size_t ldc = n + 3, result_count = m ? (m - 1) * ldc + n : 0;
        const float *bias = numbers(n), *before = numbers(result_count);
        float *found = copy(result_count, before), *expected = copy(result_count, before);
        for (size_t r = 0; r < m; r++)
          for (size_t c = 0; start < 2 && c < n; c++) expected[r * ldc + c] = start ? bias[c] : 0;
        cg_term terms[3];
        for (size_t t = 0; t < counts[choice]; t++) {
          const size_t k = ks[choice][t], lda = k + t, words = 2 + (k + 3) / 4;
          float *a = numbers(m ? (m - 1) * lda + k : 0), *b = numbers(k * n);
          for (size_t p = 0; n && p < k; p++) b[p * n] = 0;  // a column of zeros
          for (size_t p = 0; m > 2 && p < k; p++) a[lda + p] *= 0x1p-110f, a[2 * lda + p] *= 1e30f;
          if (m > 4 && k) a[3 * lda + k / 2] = NAN, a[4 * lda] = -INFINITY;
          if (n > 8 && k) b[8] = INFINITY;
          float *converted = filled(m ? (m - 1) * words + words - 1 : 0, 7);
          cg_convert_with(isa, m, k, a, lda, converted, words);
          for (size_t r = 0; r + 1 < m; r++)
            if (converted[(r + 1) * words - 1] != 7) failures++, fprintf(stderr, "a word too many\n");
          terms[t] = (cg_term){converted, words, k, packed(isa, b, k, n, n, 0)};
          byte_product(m, n, k, a, lda, b, expected, ldc);
        }
        cg_product_with(isa, m, n, terms, counts[choice], (cg_start)start, bias, found, ldc);
        compare("product", m, n, found, expected, result_count);
        release();
      }
  end();
}

static void outer_products(void) {
  static const size_t ms[] = {0, 1, 2, 3, 5, 6, 7, 12, 13, 25};
  static const size_t ns[] = {0, 1, 4, 7, 8, 15, 16, 17, 31, 33, 70};
  static const size_t rows[] = {0, 1, 3, 10, 257, 600};
  begin("outer products");
  for (size_t i = 0; i < COUNT(ms); i++)
    for (size_t j = 0; j < COUNT(ns); j++)
      for (size_t r = 0; r < COUNT(rows); r++) {
        const size_t m = ms[i], n = ns[j], count = rows[r], ldb = n + 1, ldc = n + 3;
        const size_t lda = (i + j + r) % 3 ? m + 2 : 0, result_count = m ? (m - 1) * ldc + n : 0;
        const float *a = numbers(count ? (count - 1) * lda + m : 0), *b = numbers(count ? (count - 1) * ldb + n : 0);
        const float *before = numbers(result_count);
        float *found = copy(result_count, before), *expected = copy(result_count, before);
        cg_outer_with(tested, count, m, n, a, lda, b, ldb, found, ldc);
        cg_outer_with(portable, count, m, n, a, lda, b, ldb, expected, ldc);
        compare("outer", m, n, found, expected, result_count);
        release();
      }
  end();
}

// MARK: Elementwise codes

static const float special[] = {
    0,        -0.0f,    INFINITY,  -INFINITY,  NAN,        0x1p-149f, -0x1p-149f, 0x1p-127f,  -0x1p-127f, 0x1p-126f,
    -0x1p-126f, 0x1.fffffep127f, -0x1.fffffep127f, 88.7228f, 88.7229f, 88.73f, 89, 89.1f,     -87.33f,    -87.34f,
    -103.9f,  -103.98f, -104,      -104.1f,    9.01f,      9.02f,     -9.02f,     15,         -15,        16.6f,
    16.7f,    17.4f,    -17.4f,    1,          -1,         0x1p-13f,  0x1p-24f,   -0x1p-24f,  0.3f};

// Of all bit patterns one in 20,011, of those of sizes 2^-12 to 128 one in 3001, and special ones.
static size_t samples(float *to) {
  size_t count = 0;
  for (uint64_t bits = 0; bits <= 0xffffffff; bits += 20011, count++)
    if (to) to[count] = from_bits((uint32_t)bits);
  for (uint32_t bits = bits_of(0x1p-12f); bits < bits_of(128); bits += 3001, count += 2)
    if (to) to[count] = from_bits(bits), to[count + 1] = from_bits(bits | 0x80000000);
  for (size_t i = 0; i < COUNT(special); i++, count++)
    if (to) to[count] = special[i];
  return count;
}

static void functions(void) {
  static const struct {
    cg_code code;
    const char *name;
    float constant;
  } all[] = {{CG_EXP, "exp", 0},
             {CG_TANH, "tanh", 0},
             {CG_SIGMOID, "sigmoid", 0},
             {CG_LOGARITHM, "log", 0},
             {CG_SQUARE_ROOT, "sqrt", 0},
             {CG_SOFTPLUS, "softplus", 0},
             {CG_SILU, "silu", 0},
             {CG_GELU, "gelu", 0},
             {CG_GELU_TANH, "gelu by tanh", 0},
             {CG_SILU_GRADIENT, "slope of silu", 0},
             {CG_GELU_GRADIENT, "slope of gelu", 0},
             {CG_GELU_TANH_GRADIENT, "slope of gelu by tanh", 0},
             {CG_POWER, "power 0.5", 0.5f},
             {CG_POWER, "power 3", 3},
             {CG_POWER, "power -2.5", -2.5f},
             {CG_POWER, "power 7.3", 7.3f},
             {CG_POWER, "power 1e30", 1e30f}};
  const size_t count = samples(NULL);
  for (size_t f = 0; f < COUNT(all); f++) {
    begin(all[f].name);
    float *x = reserve(count, sizeof(float)), *arriving = numbers(count);
    samples(x);
    const int slope = all[f].code == CG_SILU_GRADIENT || all[f].code == CG_GELU_GRADIENT ||
                      all[f].code == CG_GELU_TANH_GRADIENT;
    const float *a = slope ? arriving : x;
    float *found = filled(count, 7), *expected = filled(count, 7);
    cg_apply_with(tested, all[f].code, count, a, x, NULL, all[f].constant, found);
    cg_apply_with(portable, all[f].code, count, a, x, NULL, all[f].constant, expected);
    for (size_t i = 0; i < count; i++)
      if (bits_of(found[i]) != bits_of(expected[i])) {
        compare("function", i, bits_of(x[i]), found + i, expected + i, 1);
        if (failures > 20) break;
      }
    sum_up(found, count);
    compared += count;
    end();
    release();
  }
}

// Every code on random numbers and on every pair of special ones, for lengths around those of vectors, in place too.
static void operations(void) {
  static const size_t lengths[] = {0, 1, 3, 4, 5, 15, 16, 17, 33};
  static const float constants[] = {0.7f, -3, 0};
  const size_t pairs = COUNT(special) * COUNT(special), count = pairs + 203;
  begin("operations");
  for (int code = CG_COPY; code <= CG_CLAMP; code++)
    for (size_t k = 0; k < COUNT(constants); k++) {
      float *operands[4];
      for (size_t o = 0; o < 4; o++) operands[o] = numbers(count);
      for (size_t i = 0; i < pairs; i++) {
        operands[0][203 + i] = special[i / COUNT(special)];
        operands[1][203 + i] = operands[3][203 + i] = special[i % COUNT(special)];
        operands[2][203 + i] = special[i * 7 % COUNT(special)];
      }
      for (size_t l = 0; l <= COUNT(lengths); l++)
        for (size_t target = 0; target < 4; target++) {
          const size_t n = l < COUNT(lengths) ? lengths[l] : count;
          float *own[2][4];
          for (size_t side = 0; side < 2; side++)
            for (size_t o = 0; o < 4; o++) own[side][o] = copy(n, operands[o]);
          for (size_t side = 0; side < 2; side++)
            cg_apply_with(side ? portable : tested, (cg_code)code, n, own[side][0], own[side][1], own[side][2],
                          constants[k], own[side][target]);
          for (size_t o = 0; o < 4; o++) compare("operation", (size_t)code, n, own[0][o], own[1][o], n);
          for (; block_count > 4; block_count--)
            munmap(blocks[block_count - 1].mapping, blocks[block_count - 1].length);
        }
      release();
    }
  end();
}

// MARK: Rows

static const size_t sizes[] = {0, 1, 3, 4, 5, 7, 8, 15, 16, 17, 31, 33, 64, 65, 100, 530};

static void compare_double(const char *what, size_t n, double found, double expected) {
  float parts[2][2];
  memcpy(parts[0], &found, sizeof found);
  memcpy(parts[1], &expected, sizeof expected);
  compare(what, n, 0, parts[0], parts[1], 2);
}

static void rows(void) {
  begin("rows");
  for (size_t s = 0; s < COUNT(sizes); s++) {
    const size_t n = sizes[s];
    const float *x = numbers(3 * n), *y = numbers(3 * n);
    compare_double("sum", n, cg_sum_with(tested, n, x), cg_sum_with(portable, n, x));
    compare_double("dot", n, cg_dot_with(tested, n, x, y), cg_dot_with(portable, n, x, y));
    float largest[2] = {cg_largest_with(tested, n, x), cg_largest_with(portable, n, x)};
    compare("largest", n, 0, largest, largest + 1, 1);
    for (size_t place = 0; place < n; place++) {
      float *changed = copy(n, x);
      changed[place] = 5;
      float five = 5, nan = NAN, found = cg_largest_with(tested, n, changed);
      compare("largest at", n, place, &found, &five, 1);
      changed[place] = NAN;
      found = cg_largest_with(tested, n, changed);
      compare("largest of NaN", n, place, &found, &nan, 1);
      block_count--;
      munmap(blocks[block_count].mapping, blocks[block_count].length);
    }
    for (int kind = CG_MEAN; n > 0 && kind <= CG_VARIANCE; kind++) {
      float *found = filled(2 * 6 + 4, 7), *expected = filled(2 * 6 + 4, 7);
      cg_reduce_with(tested, (cg_reduction_kind)kind, 3, n, x, n, found, 4, 6);
      cg_reduce_with(portable, (cg_reduction_kind)kind, 3, n, x, n, expected, 4, 6);
      compare("reduction", n, (size_t)kind, found, expected, 2 * 6 + 4);
    }
    if (n > 0) {
      float *found = filled(n + 1, 7), *expected = filled(n + 1, 7);
      found[n] = cg_standardize_with(tested, n, x, 1e-3, found);
      expected[n] = cg_standardize_with(portable, n, x, 1e-3, expected);
      compare("standardize", n, 0, found, expected, n + 1);
      float *softmax[2] = {filled(3 * n, 7), filled(3 * n, 7)}, most[2][3];
      double sums[2][3];
      cg_softmax_with(tested, 3, n, x, softmax[0], most[0], sums[0]);
      cg_softmax_with(portable, 3, n, x, softmax[1], most[1], sums[1]);
      compare("softmax", n, 0, softmax[0], softmax[1], 3 * n);
      compare("softmax, largest", n, 0, most[0], most[1], 3);
      for (size_t r = 0; r < 3; r++) compare_double("softmax, sum", n, sums[0][r], sums[1][r]);
      float *gradients[2] = {filled(3 * n, 7), filled(3 * n, 7)};
      cg_softmax_gradient_with(tested, 3, n, y, softmax[1], gradients[0]);
      cg_softmax_gradient_with(portable, 3, n, y, softmax[1], gradients[1]);
      compare("softmax, gradient", n, 0, gradients[0], gradients[1], 3 * n);
    }
    release();
  }
  end();
}

static void attention(void) {
  begin("attention");
  for (size_t s = 0; s < COUNT(sizes); s++) {
    const size_t n = sizes[s], ld = n + 2, key_count = 2 * ld + n;
    const float *query = numbers(n), *keys = numbers(key_count), *score = numbers(n), *g = numbers(3);
    float *found = filled(3, 7), *expected = filled(3, 7);
    cg_additive_scores_with(tested, 3, n, query, keys, ld, score, found);
    cg_additive_scores_with(portable, 3, n, query, keys, ld, score, expected);
    compare("scores", n, 0, found, expected, 3);
    for (int asked = 1; asked < 8; asked++) {
      float *q[2], *k[2], *v[2];
      for (size_t side = 0; side < 2; side++) {
        q[side] = filled(n, 1), k[side] = filled(key_count, 2), v[side] = filled(n, 3);
        cg_additive_scores_gradient_with(side ? portable : tested, 3, n, query, keys, ld, score, g,
                                         asked & 1 ? q[side] : NULL, asked & 2 ? k[side] : NULL, ld,
                                         asked & 4 ? v[side] : NULL);
      }
      compare("gradient of the query", n, (size_t)asked, q[0], q[1], n);
      compare("gradient of the keys", n, (size_t)asked, k[0], k[1], key_count);
      compare("gradient of the scores", n, (size_t)asked, v[0], v[1], n);
    }
    const size_t padded = (n + 15) / 16 * 16, block = 3 * padded;
    const cg_band band = {-1, (ptrdiff_t)n - 1, 1, 0, (ptrdiff_t)n};
    const float *weighed = numbers(block), *arriving = numbers(block);
    float *w[2], *slopes[2], *rows[2];
    for (size_t side = 0; side < 2; side++) {
      const cg_isa *isa = side ? portable : tested;
      w[side] = filled(block, 0), slopes[side] = filled(block, 0), rows[side] = filled(9, 0);
      for (size_t i = 0; i < block; i++) w[side][i] = weighed[i], slopes[side][i] = arriving[i];
      // The first block left a largest number and a sum.
      for (size_t r = 0; r < 3; r++) rows[side][r] = -1, rows[side][r + 3] = 0.7f;
      cg_attention_weights_with(isa, 3, n, band, 0.7f, w[side], padded, rows[side], rows[side] + 3, rows[side] + 6);
      for (size_t i = 0; i < block; i++) w[side][i] = weighed[i];
      cg_attention_gradient_with(isa, 3, n, band, 0.7f, rows[side], rows[side] + 3, g, w[side], slopes[side], padded);
    }
    compare("largest scores and sums of a block", n, 0, rows[0], rows[1], 9);
    compare("weights of a block", n, 0, w[0], w[1], block);
    compare("gradients of a block", n, 0, slopes[0], slopes[1], block);
    release();
  }
  end();
}

static void transposes(void) {
  static const size_t heights[] = {0, 1, 3, 4, 5, 16, 17, 35}, widths[] = {0, 1, 3, 4, 16, 19, 33};
  begin("transposes");
  for (size_t i = 0; i < COUNT(heights); i++)
    for (size_t j = 0; j < COUNT(widths); j++) {
      const size_t height = heights[i], width = widths[j], ld = width + 3, ld_target = height + 2;
      const float *source = numbers(height * ld);
      float *found = filled(width * ld_target, -1), *expected = filled(width * ld_target, -1);
      for (size_t row = 0; row < height; row++)
        for (size_t column = 0; column < width; column++)
          expected[column * ld_target + row] = source[row * ld + column];
      cg_transpose_with(tested, height, width, source, ld, found, ld_target);
      compare("transpose", height, width, found, expected, width * ld_target);
      release();
    }
  end();
}

// Whole numbers of at most `most`.
static uint8_t *small_numbers(size_t count, uint8_t most) {
  uint8_t *memory = (uint8_t *)reserve((count + 3) / 4, sizeof(float));
  for (size_t i = 0; i < count; i++) memory[i] = (uint8_t)((next_number() >> 40) % ((size_t)most + 1));
  return memory;
}

static void codes(void) {
  begin("codes");
  for (size_t blocks = 0; blocks < 4; blocks++) {
    for (size_t parts = 0; parts <= 512; parts += parts < 32 ? 8 : 120) {
      const uint8_t *own = small_numbers(16 * blocks * parts, 255), *tables = small_numbers(16 * parts, 127);
      const size_t keys = blocks * CG_KEYS_OF_BLOCK;
      const float *less = numbers(keys);
      for (int has_less = 0; has_less < 2; has_less++) {
        float *found = filled(keys, 7), *expected = filled(keys, 7);
        cg_code_scores_with(tested, blocks, parts, own, tables, 0.37f, -1.3f, has_less ? less : NULL, found);
        cg_code_scores_with(portable, blocks, parts, own, tables, 0.37f, -1.3f, has_less ? less : NULL, expected);
        compare("codes", parts, blocks, found, expected, keys);
      }
      release();
    }
  }
  end();
}

static void coins(void) {
  static const uint32_t thresholds[] = {0, 3277, 40000, 65535, 65536};
  begin("coins");
  for (size_t n = 0; n <= 208; n += 16)
    for (size_t t = 0; t < COUNT(thresholds); t++)
      for (uint64_t first = 0; first < 5; first += 4) {
        const uint64_t place = first ? 4294967308 : 0;
        float *found = filled(n, 7), *expected = filled(n, 7);
        cg_coins_with(tested, 77, place, thresholds[t], n, found);
        cg_coins_with(portable, 77, place, thresholds[t], n, expected);
        compare("coins", n, thresholds[t], found, expected, n);
        release();
      }
  end();
}

static void convolutions(void) {
  static const struct {
    size_t columns, channels, row_taps, column_taps, step, dilation, before, missing;
    int has_bias;
  } shapes[] = {{7, 16, 3, 3, 1, 1, 1, 0, 1},  {8, 35, 3, 3, 2, 1, 1, 0, 1},  {112, 32, 3, 3, 1, 1, 1, 1, 1},
                {1, 48, 3, 3, 1, 1, 1, 0, 1},  {2, 64, 3, 3, 1, 1, 1, 0, 0},  {9, 20, 3, 3, 1, 2, 2, 0, 1},
                {5, 3, 1, 5, 1, 1, 2, 0, 1},   {6, 17, 2, 2, 3, 1, 0, 0, 1},  {4, 16, 3, 3, 1, 1, 3, 0, 1},
                {3, 32, 3, 3, 1, 1, 1, 7, 1},  {10, 16, 3, 3, 4, 1, 0, 0, 1}, {10, 6, 3, 3, 1, 1, 1, 0, 0}};
  begin("convolutions");
  for (size_t s = 0; s < COUNT(shapes); s++) {
    const size_t channels = shapes[s].channels, columns = shapes[s].columns;
    const size_t span = shapes[s].dilation * (shapes[s].column_taps - 1) + 1, wide = columns + 2 * shapes[s].before;
    const size_t places = (wide > span ? wide - span : 0) / shapes[s].step + 1;
    const float *picture[3] = {0};
    for (size_t r = 0; r < shapes[s].row_taps; r++) {
      const float *row = numbers(columns * channels);
      picture[r] = shapes[s].missing >> r & 1 ? NULL : row;
    }
    const float *weight = numbers(shapes[s].row_taps * shapes[s].column_taps * channels);
    const float *bias = numbers(channels);
    float *result[2];
    for (size_t side = 0; side < 2; side++) {
      result[side] = filled(places * channels, 7);
      cg_depthwise_with(side ? portable : tested, places, channels, shapes[s].row_taps, picture, shapes[s].column_taps,
                        columns, shapes[s].step, shapes[s].dilation, shapes[s].before, weight,
                        shapes[s].has_bias ? bias : NULL, result[side]);
    }
    compare("convolution", s, channels, result[0], result[1], places * channels);
    release();
  }
  end();
}

// MARK: Sweeps

enum { SLOTS = 9, MOST_MEMBERS = 4 };

// One of the threads that share a sweep: what it calls cg_sweep with.
typedef struct {
  const cg_isa *isa;
  const cg_program *program;
  cg_location slots[SLOTS];
  const uint32_t *active;
  size_t steps;
  int backward;
  cg_share share;
  float *scratch[3 * SLOTS];
  cg_term terms[2];
  pthread_t thread;
} member;

static void *take_part(void *argument) {
  member *own = argument;
  cg_sweep(own->isa, own->program, own->slots, own->active, own->backward ? own->steps - 1 : 0, own->steps, own->backward,
           own->scratch, own->terms, &own->share);
  return NULL;
}

// A recurrence of all kinds of stages: u = b + W h' + Q m, m = mean(h'), h = σ(u) tanh(u) v + k − relu(h'), h' the state
// before. Its columns are shared out among the threads of a team.
static void sweep(const cg_isa *isa, size_t team, size_t width, size_t tile_rows, size_t tile_columns,
                  const uint32_t *active, size_t steps, int backward, float *h, float *u) {
  const size_t most = active[0], frame = most * width, tile = tile_rows * tile_columns;
  float *weights = numbers(width * width), *other = numbers(width * width), *bias = numbers(width);
  float *v = numbers(width), *columns = reserve(tile_rows * width, sizeof(float));
  for (size_t i = 0; i < tile_rows * width; i++) columns[i] = v[i % width];
  size_t before[8], after[8], now[8];
  for (size_t t = 0; t < steps; t++) {
    before[t] = (backward ? t + 1 : t) * frame;
    after[t] = (backward ? t : t + 1) * frame;
    now[t] = t * frame;
  }
  const cg_location slots[SLOTS] = {
      {h, before, CG_ROWS, 0},
      {u, now, CG_ROWS, 0},
      {NULL, NULL, CG_TILE, 0},  // a member's own
      {columns, NULL, CG_COLUMNS, 0},
      {filled(tile, 0.25f), NULL, CG_TILE, 0},
      {h, after, CG_ROWS, 0},
      {filled(frame, NAN), NULL, CG_ROWS, 0},  // means
      {filled(frame, NAN), NULL, CG_ROWS, 0},  // words of the states
      {NULL, NULL, CG_TILE, 0},                // a member's own
  };
  const cg_factor factors[] = {{7, (uint32_t)width, width, packed(isa, weights, width, width, width, 0)},
                               {6, (uint32_t)width, width, packed(isa, other, width, width, width, 1)}};
  const cg_step_product products[] = {{1, 0, 2, CG_START_BIAS, width, width, bias}};
  const cg_conversion conversions[] = {{0, 7, width, width, width, {0}}};
  const cg_reduction reductions[] = {{0, 6, CG_MEAN, width}};
  const cg_operation operations[] = {
      {.code = CG_SIGMOID, .result = 2, .a = 1}, {.code = CG_TANH, .result = 8, .a = 1},
      {.code = CG_MULTIPLY, .result = 2, .a = 2, .b = 8}, {.code = CG_MULTIPLY_ADD, .result = 2, .a = 2, .b = 3, .c = 4},
      {.code = CG_RELU, .result = 5, .a = 0}, {.code = CG_SUBTRACT, .result = 5, .a = 2, .b = 5}};
  const cg_stage stages[] = {{CG_REDUCTIONS, 1, 0, 1}, {CG_CONVERSIONS, 0, 0, 1}, {CG_PRODUCTS, 1, 0, 1},
                             {CG_ELEMENTWISE, 0, 0, COUNT(operations)}};
  const cg_program program = {stages,      COUNT(stages), products, factors, 2,         operations,
                              conversions, reductions,    SLOTS,    width,   tile_rows, tile_columns};
  cg_barrier barrier = {.members = (uint32_t)team};
  member members[MOST_MEMBERS];
  const size_t shares = (width + CG_SHARE_COLUMNS - 1) / CG_SHARE_COLUMNS;
  for (size_t m = 0; m < team; m++) {
    const size_t first = shares * m / team * CG_SHARE_COLUMNS, last = shares * (m + 1) / team * CG_SHARE_COLUMNS;
    members[m] = (member){.isa = isa, .program = &program, .active = active, .steps = steps, .backward = backward,
                          .share = {&barrier, first, (last < width ? last : width) - first}};
    memcpy(members[m].slots, slots, sizeof slots);
    members[m].slots[2].base = filled(tile, NAN);
    members[m].slots[8].base = filled(tile, NAN);
  }
  for (size_t m = 1; m < team; m++)
    if (pthread_create(&members[m].thread, NULL, take_part, &members[m]) != 0) {
      fprintf(stderr, "no thread\n");
      exit(2);
    }
  take_part(&members[0]);
  for (size_t m = 1; m < team; m++) pthread_join(members[m].thread, NULL);
}

static void sweeps(void) {
  static const struct {
    size_t width, tile_rows, tile_columns, steps;
    uint32_t rows[5];
  } shapes[] = {{16, 1, 16, 1, {1}},          {16, 4, 16, 4, {5, 5, 3, 0}}, {32, 2, 32, 5, {7, 6, 6, 1, 1}},
                {48, 1, 16, 3, {3, 2, 2}},    {80, 1, 32, 2, {4, 4}},       {128, 1, 64, 4, {13, 12, 7, 2}}};
  begin("sweeps");
  for (size_t s = 0; s < COUNT(shapes); s++)
    for (int backward = 0; backward < 2; backward++) {
      const size_t frame = shapes[s].rows[0] * shapes[s].width, steps = shapes[s].steps;
      const float *states = numbers((steps + 1) * frame);
      float *h[2], *u[2];
      const uint64_t start = seed;
      for (size_t side = 0; side < 2; side++) {
        h[side] = copy((steps + 1) * frame, states);
        u[side] = filled(steps * frame, 7);
        seed = start;  // the same weights
        sweep(side ? portable : tested, 1, shapes[s].width, shapes[s].tile_rows, shapes[s].tile_columns, shapes[s].rows,
              steps, backward, h[side], u[side]);
      }
      compare("states", s, (size_t)backward, h[0], h[1], (steps + 1) * frame);
      compare("sums", s, (size_t)backward, u[0], u[1], steps * frame);
      // Tiles of several rows are whole rows: one thread's.
      const size_t shares = (shapes[s].width + CG_SHARE_COLUMNS - 1) / CG_SHARE_COLUMNS;
      for (size_t team = 2; team <= shares && shapes[s].tile_rows == 1; team++) {
        memcpy(h[0], states, (steps + 1) * frame * sizeof(float));
        for (size_t i = 0; i < steps * frame; i++) u[0][i] = 7;
        seed = start;
        sweep(tested, team, shapes[s].width, 1, shapes[s].tile_columns, shapes[s].rows, steps, backward, h[0], u[0]);
        compare_alone("states of a team", s, team, h[0], h[1], (steps + 1) * frame);
        compare_alone("sums of a team", s, team, u[0], u[1], steps * frame);
      }
      release();
    }
  end();
}

static void speed(void) {
  begin("speed of light");
  float start, sum;
  cg_peak_with(tested, 0, 2, &start);
  size_t counted = cg_peak_with(tested, 7, 2, &sum);
  float found = sum - start, expected = 4 * (float)(counted / 2);
  // The sums depend on how many registers there are.
  compare_alone("peak", counted > 0, 7, &found, &expected, 1);
}

int main(int count, char **arguments) {
  portable = cg_isa_named("portable");
  tested = cg_isa_named(count > 1 ? arguments[1] : "portable");
  if (!tested || !portable) {
    fprintf(stderr, "no instruction set '%s' here\n", arguments[1]);
    return 2;
  }
  products();
  packing();
  byte_products();
  outer_products();
  functions();
  operations();
  rows();
  attention();
  transposes();
  coins();
  codes();
  convolutions();
  sweeps();
  speed();
  if (failures) {
    fprintf(stderr, "%s: %zu differences from the portable kernels\n", cg_isa_name(tested), failures);
    return 1;
  }
  fprintf(stderr, "%s: %zu numbers with the bits of the portable kernels\n", cg_isa_name(tested), compared);
  return 0;
}
