// Sums, largest numbers, standardisation and softmax of rows. Sums are taken in 16 lanes of double, whatever LANES is, so that all
// instruction sets give the same bits.

#define SUM_LANES 16

typedef double sd __attribute__((ext_vector_type(SUM_LANES)));
typedef float sf_unaligned __attribute__((ext_vector_type(SUM_LANES), aligned(4)));

#define WIDENED(P) __builtin_convertvector(*(const sf_unaligned *)(P), sd)

// The lanes, halves added to halves.
INLINE double lane_sum(const sd *sum) {
  double lanes[SUM_LANES];
  memcpy(lanes, sum, sizeof lanes);
  for (size_t half = SUM_LANES / 2; half > 0; half /= 2)
    for (size_t i = 0; i < half; i++) lanes[i] += lanes[i + half];
  return lanes[0];
}

// `edge` gets the numbers after the last whole SUM_LANES, then zeros.
INLINE void copy_edge(size_t n, const float *x, float *edge) {
  const size_t whole = n / SUM_LANES * SUM_LANES;
  for (size_t i = 0; i < SUM_LANES; i++) edge[i] = whole + i < n ? x[whole + i] : 0;
}

static double sum(size_t n, const float *x) {
  sd total = 0;
  const size_t whole = n / SUM_LANES * SUM_LANES;
  for (size_t i = 0; i < whole; i += SUM_LANES) total += WIDENED(x + i);
  if (whole < n) {
    float edge[SUM_LANES];
    copy_edge(n, x, edge);
    total += WIDENED(edge);
  }
  return lane_sum(&total);
}

static double dot(size_t n, const float *x, const float *y) {
  sd total = 0;
  const size_t whole = n / SUM_LANES * SUM_LANES;
  for (size_t i = 0; i < whole; i += SUM_LANES) total += WIDENED(x + i) * WIDENED(y + i);
  if (whole < n) {
    float a[SUM_LANES], b[SUM_LANES];
    copy_edge(n, x, a);
    copy_edge(n, y, b);
    total += WIDENED(a) * WIDENED(b);
  }
  return lane_sum(&total);
}

// The larger of each pair; NaN if one is.
INLINE vf larger(vf best, vf next) { return choose(next <= best, best, choose(best == best, next, best)); }

static float largest(size_t n, const float *x) {
  vf best[4];
  UNROLL
  for (size_t v = 0; v < 4; v++) best[v] = splat(-__builtin_inff());
  size_t i = 0;
  for (; i + 4 * LANES <= n; i += 4 * LANES)
    UNROLL
    for (size_t v = 0; v < 4; v++) best[v] = larger(best[v], load(x + i + v * LANES));
  for (; i + LANES <= n; i += LANES) best[0] = larger(best[0], load(x + i));
  best[0] = larger(larger(best[0], best[1]), larger(best[2], best[3]));
  float numbers[LANES];
  if (i < n) {
    for (size_t lane = 0; lane < LANES; lane++) numbers[lane] = i + lane < n ? x[i + lane] : -__builtin_inff();
    best[0] = larger(best[0], load(numbers));
  }
  store(numbers, best[0]);
  UNROLL
  for (size_t half = LANES / 2; half > 0; half /= 2)
    UNROLL
    for (size_t lane = 0; lane < half; lane++) {
      float a = numbers[lane], b = numbers[lane + half];
      numbers[lane] = b <= a ? a : a == a ? b : a;
    }
  return numbers[0];
}

static float standardize(size_t n, const float *x, double epsilon, float *y) {
  const float mean = (float)(sum(n, x) / (double)n);
  const size_t whole = n / LANES * LANES;
  for (size_t i = 0; i < whole; i += LANES) store(y + i, load(x + i) - mean);
  for (size_t i = whole; i < n; i++) y[i] = x[i] - mean;
  const float factor = (float)(1 / __builtin_sqrt(dot(n, y, y) / (double)n + epsilon));
  for (size_t i = 0; i < whole; i += LANES) store(y + i, load(y + i) * factor);
  for (size_t i = whole; i < n; i++) y[i] *= factor;
  return factor;
}

static void softmax(size_t rows, size_t n, const float *x, float *y, float *largest_of_row, double *sum_of_row) {
  const size_t whole = n / LANES * LANES;
  for (size_t r = 0; r < rows; r++, x += n, y += n) {
    const float most = largest(n, x);
    for (size_t i = 0; i < whole; i += LANES) store(y + i, exp_(load(x + i) - most));
    if (whole < n) {
      float edge[LANES];
      for (size_t i = 0; i < LANES; i++) edge[i] = whole + i < n ? x[whole + i] - most : 0;
      store(edge, exp_(load(edge)));
      for (size_t i = whole; i < n; i++) y[i] = edge[i - whole];
    }
    const double total = sum(n, y);
    const float factor = (float)(1 / total);
    for (size_t i = 0; i < whole; i += LANES) store(y + i, load(y + i) * factor);
    for (size_t i = whole; i < n; i++) y[i] *= factor;
    largest_of_row[r] = most;
    sum_of_row[r] = total;
  }
}

// The g of the largest y.
INLINE float at_largest(size_t n, const float *y, const float *g) {
  vf most = splat(-1), at = splat(0);
  const size_t whole = n / LANES * LANES;
  for (size_t i = 0; i < whole; i += LANES) {
    vf next = load(y + i);
    at = choose(next > most, load(g + i), at);
    most = choose(next > most, next, most);
  }
  float numbers[LANES], places[LANES], best = -1, result = 0;
  store(numbers, most);
  store(places, at);
  for (size_t lane = 0; lane < LANES; lane++)
    if (numbers[lane] > best) best = numbers[lane], result = places[lane];
  for (size_t i = whole; i < n; i++)
    if (y[i] > best) best = y[i], result = g[i];
  return result;
}

// y (g - Σ g y), y a softmax. Taken off all g first is the one of the largest y: where y is nearly 1, nearly all would
// cancel.
static void softmax_gradient(size_t rows, size_t n, const float *g, const float *y, float *result) {
  const size_t whole = n / LANES * LANES;
  for (size_t r = 0; r < rows; r++, g += n, y += n, result += n) {
    const float shift = at_largest(n, y, g);
    for (size_t i = 0; i < whole; i += LANES) store(result + i, load(g + i) - shift);
    for (size_t i = whole; i < n; i++) result[i] = g[i] - shift;
    const float mean = (float)dot(n, result, y);
    for (size_t i = 0; i < whole; i += LANES) store(result + i, load(y + i) * (load(result + i) - mean));
    for (size_t i = whole; i < n; i++) result[i] = y[i] * (result[i] - mean);
  }
}
