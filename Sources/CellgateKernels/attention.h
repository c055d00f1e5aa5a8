// Scores of additive attention, blocks of the weights of attention by products, and their gradients. The terms of a sum are
// added up as in row_sum: in the same order on every instruction set.

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

// The gradient of LANES columns of one row's key, and what is added to the sums of the query's and the score vector's.
INLINE vf additive_row(vf query, vf key, vf score, vf arriving, vf *q, vf *s) {
  vf y = tanh_(query + key), slope = arriving * score * fma_(-y, y, splat(1));
  *q += slope;
  *s = fma_(arriving, y, *s);
  return slope;
}

// The sums of a column go over all rows first, wherever the column lies: in the same order whatever LANES is.
static void additive_scores_gradient(size_t rows, size_t n, const float *query, const float *keys, size_t ld,
                                     const float *score, const float *g, float *query_gradient,
                                     float *key_gradients, size_t ld_gradients, float *score_gradient) {
  const size_t whole = n / LANES * LANES;
  for (size_t i = 0; i < whole; i += LANES) {
    vf q = splat(0), s = splat(0);
    for (size_t r = 0; r < rows; r++) {
      vf slope = additive_row(load(query + i), load(keys + r * ld + i), load(score + i), splat(g[r]), &q, &s);
      if (key_gradients) {
        float *to = key_gradients + r * ld_gradients + i;
        store(to, load(to) + slope);
      }
    }
    if (query_gradient) store(query_gradient + i, load(query_gradient + i) + q);
    if (score_gradient) store(score_gradient + i, load(score_gradient + i) + s);
  }
  const size_t left = n - whole;
  if (!left) return;
  vf q = splat(0), s = splat(0);
  float a[LANES], b[LANES], key[LANES], sums[LANES];
  EDGE(a, LANES, query + whole, left);
  EDGE(b, LANES, score + whole, left);
  for (size_t r = 0; r < rows; r++) {
    EDGE(key, LANES, keys + r * ld + whole, left);
    store(sums, additive_row(load(a), load(key), load(b), splat(g[r]), &q, &s));
    if (key_gradients)
      for (size_t j = 0; j < left; j++) key_gradients[r * ld_gradients + whole + j] += sums[j];
  }
  store(sums, q);
  if (query_gradient)
    for (size_t j = 0; j < left; j++) query_gradient[whole + j] += sums[j];
  store(sums, s);
  if (score_gradient)
    for (size_t j = 0; j < left; j++) score_gradient[whole + j] += sums[j];
}

// MARK: Blocks of the weights of many queries

// Whether the LANES columns from `at` on lie in first ..< last.
INLINE vi lanes_inside(size_t at, size_t first, size_t last) {
  vi lane;
  for (int32_t i = 0; i < LANES; i++) lane[i] = i;
  const int32_t from = first > at ? (int32_t)(first - at < LANES ? first - at : LANES) : 0;
  const int32_t to = last > at ? (int32_t)(last - at < LANES ? last - at : LANES) : 0;
  return (lane >= from) & (lane < to);
}

// The columns that row r of a block of n sees.
INLINE void band_of_row(cg_band band, size_t r, size_t n, size_t *first, size_t *last) {
  ptrdiff_t low = band.first + (ptrdiff_t)r * band.step, high = band.last + (ptrdiff_t)r * band.step;
  if (band.least > low) low = band.least;
  if (band.most < high) high = band.most;
  if (high > (ptrdiff_t)n) high = (ptrdiff_t)n;
  if (low < 0) low = 0;
  *first = (size_t)low;
  *last = high > low ? (size_t)high : (size_t)low;
}

static void attention_weights(size_t rows, size_t n, cg_band band, float factor, float *scores, size_t ld,
                              float *most, float *sum, float *kept) {
  const size_t width = (n + SUMS - 1) / SUMS * SUMS;
  for (size_t r = 0; r < rows; r++) {
    float *x = scores + r * ld;
    size_t first, last;
    band_of_row(band, r, n, &first, &last);
    if (first == last) {
      memset(x, 0, width * sizeof(float));
      kept[r] = 1;
      continue;
    }
    const size_t begin = first / SUMS * SUMS, end = (last + SUMS - 1) / SUMS * SUMS;
    vf best[SUM_VECTORS];
    UNROLL
    for (size_t v = 0; v < SUM_VECTORS; v++) best[v] = splat(-__builtin_inff());
    for (size_t i = begin; i < end; i += SUMS) {
      const int inside = i >= first && i + SUMS <= last;
      UNROLL
      for (size_t v = 0; v < SUM_VECTORS; v++) {
        vf value = load(x + i + v * LANES) * factor;
        if (!inside) value = choose(lanes_inside(i + v * LANES, first, last), value, splat(-__builtin_inff()));
        best[v] = larger(best[v], value);
      }
    }
    float numbers[SUMS];
    UNROLL
    for (size_t v = 0; v < SUM_VECTORS; v++) store(numbers + v * LANES, best[v]);
    const float before = most[r], here = largest(SUMS, numbers), now = here <= before ? before : here;
    vf less = exp_(splat(before - now));
    store(numbers, less);
    kept[r] = before == now ? 1 : numbers[0];
    most[r] = now;

    vf sums[SUM_VECTORS];
    UNROLL
    for (size_t v = 0; v < SUM_VECTORS; v++) sums[v] = splat(0);
    memset(x, 0, begin * sizeof(float));
    for (size_t i = begin; i < end; i += SUMS) {
      const int inside = i >= first && i + SUMS <= last;
      UNROLL
      for (size_t v = 0; v < SUM_VECTORS; v++) {
        float *at = x + i + v * LANES;
        vf weight = exp_(fma_(load(at), splat(factor), splat(-now)));
        if (!inside) weight = choose(lanes_inside(i + v * LANES, first, last), weight, splat(0));
        store(at, weight);
        sums[v] += weight;
      }
    }
    memset(x + end, 0, (width - end) * sizeof(float));
    UNROLL
    for (size_t v = 0; v < SUM_VECTORS; v++) store(numbers + v * LANES, sums[v]);
    for (size_t half = SUMS / 2; half > 0; half /= 2)
      for (size_t j = 0; j < half; j++) numbers[j] += numbers[j + half];
    sum[r] = sum[r] * kept[r] + numbers[0];
  }
}

static void attention_gradient(size_t rows, size_t n, cg_band band, float factor, const float *most,
                               const float *sum, const float *shift, float *scores, float *gradients, size_t ld) {
  const size_t width = (n + SUMS - 1) / SUMS * SUMS;
  for (size_t r = 0; r < rows; r++) {
    float *x = scores + r * ld, *g = gradients + r * ld;
    size_t first, last;
    band_of_row(band, r, n, &first, &last);
    const size_t begin = first / LANES * LANES, end = first < last ? (last + LANES - 1) / LANES * LANES : begin;
    const float part = first < last ? 1 / sum[r] : 0;
    memset(x, 0, begin * sizeof(float));
    memset(g, 0, begin * sizeof(float));
    for (size_t i = begin; i < end; i += LANES) {
      vf weight = exp_(fma_(load(x + i), splat(factor), splat(-most[r]))) * part;
      vf slope = weight * factor * (load(g + i) - shift[r]);
      if (i < first || i + LANES > last) {
        vi seen = lanes_inside(i, first, last);
        weight = choose(seen, weight, splat(0));
        slope = choose(seen, slope, splat(0));
      }
      store(x + i, weight);
      store(g + i, slope);
    }
    memset(x + end, 0, (width - end) * sizeof(float));
    memset(g + end, 0, (width - end) * sizeof(float));
  }
}
