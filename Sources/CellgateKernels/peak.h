// The fastest that multiply-adds can go: as many sums in registers as a product's tile has, and
// nothing to load or store.

#define PEAK_SUMS (TILE_ROWS * PANEL_VECTORS)

static size_t peak(size_t rounds, float factor, float *sum) {
  float factors[LANES * PER_WORD];
  for (size_t i = 0; i < LANES * PER_WORD; i++) factors[i] = factor;
  const vf x = load_words(factors);
  vf sums[PEAK_SUMS];
  UNROLL
  for (size_t i = 0; i < PEAK_SUMS; i++) sums[i] = sum_from(i);  // different, or one would do for all
  for (size_t r = 0; r < rounds; r++) {
    UNROLL
    for (size_t i = 0; i < PEAK_SUMS; i++) sums[i] = multiply_add(x, x, sums[i]);
  }
  vf all = splat(0);
  UNROLL
  for (size_t i = 0; i < PEAK_SUMS; i++) all += sum_value(sums[i]);
  *sum = 0;
  for (size_t lane = 0; lane < LANES; lane++) *sum += all[lane];
  return rounds * PEAK_SUMS * LANES * PER_WORD * 2;
}
