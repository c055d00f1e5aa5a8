// The choice of an instruction set, and the public functions that go through it.

#include "isa.h"
#include <stdatomic.h>
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
    isa = known[0];
    for (size_t i = 0; !isa->available(); isa = known[++i]) {
    }
    atomic_store_explicit(&chosen, isa, memory_order_release);
  }
  return isa;
}

const char *cg_isa_name(void) { return cg_isa_active()->name; }

int cg_select(const char *name) {
  for (size_t i = 0; i < known_count; i++)
    if (strcmp(known[i]->name, name) == 0 && known[i]->available()) {
      atomic_store_explicit(&chosen, known[i], memory_order_release);
      return 0;
    }
  return -1;
}

size_t cg_isa_count(void) {
  size_t count = 0;
  for (size_t i = 0; i < known_count; i++) count += known[i]->available() != 0;
  return count;
}

const char *cg_isa_at(size_t index) {
  for (size_t i = 0; i < known_count; i++)
    if (known[i]->available() && index-- == 0) return known[i]->name;
  return NULL;
}

size_t cg_packed_count(size_t k, size_t n) { return cg_isa_active()->packed_count(k, n); }

void cg_pack(size_t k, size_t n, const float *source, size_t k_stride, size_t n_stride, float *packed) {
  cg_isa_active()->pack(k, n, n, source, k_stride, n_stride, packed);
}

void cg_pack_padded(size_t k, size_t n, size_t width, const float *source, size_t k_stride,
                    size_t n_stride, float *packed) {
  cg_isa_active()->pack(k, n, width, source, k_stride, n_stride, packed);
}

void cg_product(size_t m, size_t n, const cg_term *terms, size_t term_count, cg_start start,
                const float *bias, float *c, size_t ldc) {
  cg_isa_active()->product(m, n, terms, term_count, start, bias, c, ldc);
}

void cg_outer(size_t rows, size_t m, size_t n, const float *a, size_t lda, const float *b, size_t ldb,
              float *c, size_t ldc) {
  cg_isa_active()->outer(rows, m, n, a, lda, b, ldb, c, ldc);
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
