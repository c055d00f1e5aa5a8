// Means and variances of rows. A row's numbers are added up in sixteen sums, each of every sixteenth number, and those
// pairwise: in the same order on every instruction set.

#define SUMS 16
#define SUM_VECTORS (SUMS / LANES)

// Σ x[i], or Σ (x[i] - mean)². `squares` is a constant where this is inlined, and so is a mean of 0.
INLINE float row_sum(const int squares, size_t k, const float *x, float mean) {
  vf sums[SUM_VECTORS];
  UNROLL
  for (size_t v = 0; v < SUM_VECTORS; v++) sums[v] = splat(0);
  for (size_t i = 0; i < k; i += SUMS) {
    float edge[SUMS];
    const float *from = x + i;
    if (k - i < SUMS) {
      for (size_t j = 0; j < SUMS; j++) edge[j] = i + j < k ? from[j] : mean;
      from = edge;
    }
    UNROLL
    for (size_t v = 0; v < SUM_VECTORS; v++) {
      vf deviation = load(from + v * LANES) - mean;
      sums[v] = squares ? fma_(deviation, deviation, sums[v]) : sums[v] + deviation;
    }
  }
  float parts[SUMS];
  UNROLL
  for (size_t v = 0; v < SUM_VECTORS; v++) store(parts + v * LANES, sums[v]);
  for (size_t half = SUMS / 2; half > 0; half /= 2)
    for (size_t j = 0; j < half; j++) parts[j] += parts[j + half];
  return parts[0];
}

static void reduce_rows(cg_reduction_kind kind, size_t rows, size_t k, const float *source, size_t ld, float *result,
                   size_t n, size_t ld_result) {
  for (size_t r = 0; r < rows; r++) {
    const float *x = source + r * ld;
    float *to = result + r * ld_result, value = row_sum(0, k, x, 0) / (float)k;
    if (kind == CG_VARIANCE) value = row_sum(1, k, x, value) / (float)k;
    for (size_t j = 0; j < n; j++) to[j] = value;
  }
}
