// Scores of keys that are known by 4-bit codes: each of a key's parts has a code, which picks an entry of the part's table.
// A table of 16 bytes fits a register, and one instruction looks up 16 codes. All sums are whole numbers: the same on every
// instruction set.

typedef uint8_t bytes16 __attribute__((ext_vector_type(16)));
typedef uint16_t words16 __attribute__((ext_vector_type(16)));

// The entries of a table at 16 places below 16.
INLINE bytes16 look_up(bytes16 table, bytes16 places) {
#if defined(__aarch64__)
  return (bytes16)__builtin_neon_vqtbl1q_v((__attribute__((neon_vector_type(16))) int8_t)table,
                                           (__attribute__((neon_vector_type(16))) int8_t)places, 48);
#elif defined(__x86_64__) && LANES > 4
  typedef char chars16 __attribute__((vector_size(16)));
  return (bytes16)__builtin_ia32_pshufb128((chars16)table, (chars16)places);
#else
  bytes16 result;
  for (size_t i = 0; i < 16; i++) result[i] = table[places[i]];
  return result;
#endif
}

INLINE bytes16 load_bytes(const uint8_t *p) {
  bytes16 v;
  memcpy(&v, p, sizeof v);
  return v;
}

static void code_scores(size_t blocks, size_t parts, const uint8_t *codes, const uint8_t *tables, float factor,
                        float start, const float *less, float *scores) {
  for (size_t block = 0; block < blocks; block++) {
    words16 low = 0, high = 0;
    for (size_t part = 0; part < parts; part += 2, codes += 32) {
      const bytes16 a = load_bytes(codes), b = load_bytes(codes + 16);
      const bytes16 first = load_bytes(tables + 16 * part), second = load_bytes(tables + 16 * part + 16);
      // Two entries of at most 127 fit a byte.
      low += __builtin_convertvector(look_up(first, a & 15) + look_up(second, b & 15), words16);
      high += __builtin_convertvector(look_up(first, a >> 4) + look_up(second, b >> 4), words16);
    }
    uint16_t sums[CG_KEYS_OF_BLOCK];
    memcpy(sums, &low, sizeof low);
    memcpy(sums + 16, &high, sizeof high);
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
