// Scores of keys that are known by 4-bit codes: each of a key's parts has a code, which picks an entry of the part's table.
// A table of 16 bytes fits a register, or a quarter of one, and one instruction looks up a code in each byte. All sums are whole
// numbers: the same on every instruction set.

// Parts side by side in a vector.
#define PARTS (LANES / 4)

typedef uint8_t vb __attribute__((ext_vector_type(4 * LANES)));
typedef uint16_t vw __attribute__((ext_vector_type(2 * LANES)));

// The entries of tables at places below 16, table by table.
INLINE vb look_up(vb tables, vb places) {
#if LANES == 16
  typedef char bytes __attribute__((vector_size(64)));
  return (vb)__builtin_ia32_pshufb512((bytes)tables, (bytes)places);
#elif LANES == 8
  typedef char bytes __attribute__((vector_size(32)));
  return (vb)__builtin_ia32_pshufb256((bytes)tables, (bytes)places);
#elif defined(__aarch64__)
  typedef __attribute__((neon_vector_type(16))) int8_t bytes;
  return (vb)__builtin_neon_vqtbl1q_v((bytes)tables, (bytes)places, 48);
#else
  vb result;
  for (size_t i = 0; i < 16; i++) result[i] = tables[places[i]];
  return result;
#endif
}

INLINE vb load_bytes(const uint8_t *p) {
  vb v;
  memcpy(&v, p, sizeof v);
  return v;
}

// sums[first + 2 i] += Σ over the vector's parts of words[8 part + i].
INLINE void add_parts(vw words, uint16_t *sums) {
  uint16_t all[2 * LANES];
  memcpy(all, &words, sizeof all);
  UNROLL
  for (size_t part = 0; part < PARTS; part++)
    for (size_t i = 0; i < 8; i++) sums[2 * i] += all[8 * part + i];
}

static void code_scores(size_t blocks, size_t parts, const uint8_t *codes, const uint8_t *tables, float factor,
                        float start, const float *less, float *scores) {
  for (size_t block = 0; block < blocks; block++) {
    // Keys with even and odd places, of the lower and the upper halves of bytes.
    vw low_even = 0, low_odd = 0, high_even = 0, high_odd = 0;
    for (size_t part = 0; part < parts; part += 2 * PARTS, codes += 32 * PARTS) {
      const vb a = load_bytes(codes), b = load_bytes(codes + 16 * PARTS);
      const vb first = load_bytes(tables + 16 * part), second = load_bytes(tables + 16 * (part + PARTS));
      // Two entries of at most 127 fit a byte.
      const vw low = (vw)(look_up(first, a & 15) + look_up(second, b & 15));
      const vw high = (vw)(look_up(first, a >> 4) + look_up(second, b >> 4));
      low_even += low & 255;
      low_odd += low >> 8;
      high_even += high & 255;
      high_odd += high >> 8;
    }
    uint16_t sums[CG_KEYS_OF_BLOCK] = {0};
    add_parts(low_even, sums);
    add_parts(low_odd, sums + 1);
    add_parts(high_even, sums + 16);
    add_parts(high_odd, sums + 17);
    for (size_t key = 0; key < CG_KEYS_OF_BLOCK; key += LANES) {
      float values[LANES];
      for (size_t lane = 0; lane < LANES; lane++) values[lane] = sums[key + lane];
      // Each is rounded for itself, with or without a fused multiply-add.
      vf product = load(values) * factor;
      vf score = product + start;
      if (less) score = score - load(less + block * CG_KEYS_OF_BLOCK + key);
      store(scores + block * CG_KEYS_OF_BLOCK + key, score);
    }
  }
}
