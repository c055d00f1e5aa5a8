// Scores of additive attention, and their gradients. A score's terms are added up as in row_sum: the same order on every
// instruction set.

// p[0 ..< left], then zeros, where left is below `count`.
#define EDGE(edge, count, p, left) \
  for (size_t j = 0; j < (count); j++) (edge)[j] = j < (left) ? (p)[j] : 0

static void additive_scores(size_t rows, size_t n, const float *query, const float *keys, size_t ld,
                            const float *score, float *result) {
  const size_t whole = n / SUMS * SUMS;
  float query_edge[SUMS], score_edge[SUMS], key_edge[SUMS];
  EDGE(query_edge, SUMS, query + whole, n - whole);
  EDGE(score_edge, SUMS, score + whole, n - whole);
  for (size_t r = 0; r < rows; r++) {
    const float *key = keys + r * ld;
    vf sums[SUM_VECTORS];
    UNROLL
    for (size_t v = 0; v < SUM_VECTORS; v++) sums[v] = splat(0);
    for (size_t i = 0; i < whole; i += SUMS)
      UNROLL
      for (size_t v = 0; v < SUM_VECTORS; v++) {
        const size_t at = i + v * LANES;
        sums[v] = fma_(load(score + at), tanh_(load(query + at) + load(key + at)), sums[v]);
      }
    if (whole < n) {
      EDGE(key_edge, SUMS, key + whole, n - whole);
      UNROLL
      for (size_t v = 0; v < SUM_VECTORS; v++)
        sums[v] = fma_(load(score_edge + v * LANES),
                       tanh_(load(query_edge + v * LANES) + load(key_edge + v * LANES)), sums[v]);
    }
    float parts[SUMS];
    UNROLL
    for (size_t v = 0; v < SUM_VECTORS; v++) store(parts + v * LANES, sums[v]);
    for (size_t half = SUMS / 2; half > 0; half /= 2)
      for (size_t j = 0; j < half; j++) parts[j] += parts[j + half];
    result[r] = parts[0];
  }
}

// The gradients of LANES columns of all rows: into q and s what is added to the query's and the score vector's, and to
// the keys' where there are any.
INLINE void additive_columns(size_t rows, vf query, const float *keys, size_t ld, vf score, const float *g,
                             float *key_gradients, size_t ld_gradients, vf *q, vf *s) {
  *q = splat(0);
  *s = splat(0);
  for (size_t r = 0; r < rows; r++) {
    vf y = tanh_(query + load(keys + r * ld)), arriving = splat(g[r]);
    vf slope = arriving * score * fma_(-y, y, splat(1));
    *q += slope;
    *s = fma_(arriving, y, *s);
    if (key_gradients) {
      float *to = key_gradients + r * ld_gradients;
      store(to, load(to) + slope);
    }
  }
}

static void additive_scores_gradient(size_t rows, size_t n, const float *query, const float *keys, size_t ld,
                                     const float *score, const float *g, float *query_gradient,
                                     float *key_gradients, size_t ld_gradients, float *score_gradient) {
  const size_t whole = n / LANES * LANES;
  vf q, s;
  for (size_t i = 0; i < whole; i += LANES) {
    additive_columns(rows, load(query + i), keys + i, ld, load(score + i), g,
                     key_gradients ? key_gradients + i : NULL, ld_gradients, &q, &s);
    if (query_gradient) store(query_gradient + i, load(query_gradient + i) + q);
    if (score_gradient) store(score_gradient + i, load(score_gradient + i) + s);
  }
  const size_t left = n - whole;
  if (!left) return;
  float a[LANES], b[LANES], key[LANES];
  EDGE(a, LANES, query + whole, left);
  EDGE(b, LANES, score + whole, left);
  for (size_t r = 0; r < rows; r++) {
    float sums[LANES];
    EDGE(key, LANES, keys + r * ld + whole, left);
    additive_columns(1, load(a), key, 0, load(b), g + r, NULL, 0, &q, &s);
    store(sums, q);
    for (size_t j = 0; j < left; j++) {
      if (query_gradient) query_gradient[whole + j] += sums[j];
      if (key_gradients) key_gradients[r * ld_gradients + whole + j] += sums[j];
    }
    store(sums, s);
    if (score_gradient)
      for (size_t j = 0; j < left; j++) score_gradient[whole + j] += sums[j];
  }
}
