// Matrix products on packed operands, in words (see words.h). A panel holds PANEL = PANEL_VECTORS · LANES
// columns of the operand, word after word of k; the last panel is as narrow as it can be.

#define PANEL (PANEL_VECTORS * LANES)
#define UNROLL _Pragma("clang loop unroll(full)")

// Vectors that panel p of an n-column operand takes.
INLINE size_t panel_vectors(size_t n, size_t p) {
  size_t left = (n - p * PANEL + LANES - 1) / LANES;
  return left < PANEL_VECTORS ? left : PANEL_VECTORS;
}

static size_t packed_count(size_t k, size_t n) {
  return (PANEL_HEAD + words(k)) * ((n + LANES - 1) / LANES) * LANES;
}

#if CG_INT8

// Column by column, each with its scale.
static void pack(size_t k, size_t n, size_t result_width, const float *source, size_t k_stride,
                 size_t n_stride, float *packed) {
  const size_t count = words(k);
  for (size_t p = 0; p * PANEL < result_width; p++) {
    size_t width = panel_vectors(result_width, p) * LANES;
    for (size_t j = 0; j < width; j++) {
      const float *column = source + (p * PANEL + j) * n_stride;
      const size_t own = p * PANEL + j < n ? k : 0;
      float *to = packed + j, numbers[LANES];
      int32_t most = 0;
      uint32_t sum = 0;  // of a column that has no scale any number, which may be too large for an int32_t
      for (size_t i = 0; i < own; i += LANES) {
        for (size_t e = 0; e < LANES; e++) numbers[e] = i + e < own ? column[(i + e) * k_stride] : 0;
        const int32_t next = most_bits(LANES, numbers);
        most = next > most ? next : most;
      }
      const float scale = scale_of(most), inverse = inverse_of(scale);
      *to = scale;
      for (size_t u = 0; u < count; u += LANES / PER_WORD) {
        const size_t i = u * PER_WORD;
        for (size_t e = 0; e < LANES; e++) numbers[e] = i + e < own ? column[(i + e) * k_stride] : 0;
        const vi whole = whole_numbers(load(numbers), inverse);
        const byte_lanes bytes = __builtin_convertvector(whole & 0xff, byte_lanes);
        sum += (uint32_t)__builtin_reduce_add(whole);
        for (size_t w = 0; w < LANES / PER_WORD && u + w < count; w++)
          memcpy(to + (PANEL_HEAD + u + w) * width, (const char *)&bytes + w * PER_WORD, PER_WORD);
      }
      sum *= (uint32_t)-128;
      if (CG_OFFSET) memcpy(to + width, &sum, sizeof sum);
    }
    packed += (PANEL_HEAD + count) * width;
  }
}

#else

static void pack(size_t k, size_t n, size_t result_width, const float *source, size_t k_stride,
                 size_t n_stride, float *packed) {
  const size_t count = words(k);
  for (size_t p = 0; p * PANEL < result_width; p++) {
    size_t width = panel_vectors(result_width, p) * LANES;
    size_t left = n > p * PANEL ? n - p * PANEL : 0;
    size_t columns = left < width ? left : width;
    const float *from = source + p * PANEL * n_stride;
    if (n_stride == 1) {
      for (size_t u = 0; u < count; u++) {
        size_t i = u * PER_WORD;
        words_of_rows(k - i, columns, from + i * k_stride, k_stride, packed + u * width);
        for (size_t j = columns; j < width; j++) packed[u * width + j] = 0;
      }
    } else {
      for (size_t first = 0; first < count; first += LANES) {
        size_t last = first + LANES < count ? first + LANES : count;
        size_t i = first * PER_WORD, take = last * PER_WORD < k ? last * PER_WORD - i : k - i;
        size_t j = 0;
        if (k_stride == 1 && take == LANES * PER_WORD)
          for (; j + LANES <= columns; j += LANES) {
            vf tile[LANES];
            UNROLL
            for (size_t c = 0; c < LANES; c++) tile[c] = load_words(from + i + (j + c) * n_stride);
            transpose(tile);
            UNROLL
            for (size_t u = 0; u < LANES; u++) store(packed + (first + u) * width + j, tile[u]);
          }
        for (; j < columns; j++)
          words_of_column(take, from + i * k_stride + j * n_stride, k_stride, packed + first * width + j, width);
        for (; j < width; j++)
          for (size_t u = first; u < last; u++) packed[u * width + j] = 0;
      }
    }
    packed += count * width;
  }
}

#endif

#define MOST_VECTORS (4 * PANEL_VECTORS)

// sum[rows, vectors] of `panels` neighbouring panels, each `stride` words after the one before, += a[rows, k] b, in words.
INLINE void add_words(const size_t rows, const size_t vectors, const size_t panels, const float *a, size_t lda,
                      size_t k, const float *b, size_t stride, vf sum[TILE_ROWS][MOST_VECTORS]) {
  const size_t width = vectors * LANES;
  for (size_t i = 0; i < k; i++) {
    vf column[MOST_VECTORS];
    UNROLL
    for (size_t v = 0; v < panels * vectors; v++)
      column[v] = load(b + (v / vectors) * stride + i * width + (v % vectors) * LANES);
    UNROLL
    for (size_t r = 0; r < rows; r++) {
      vf x = repeat(a + r * lda + i);
      UNROLL
      for (size_t v = 0; v < panels * vectors; v++) sum[r][v] = multiply_add(x, column[v], sum[r][v]);
    }
  }
}

// The same of a term's rows and panels, with what stands before their words.
INLINE void add_term(const size_t rows, const size_t vectors, const size_t panels, const float *a, size_t lda,
                     size_t k, const float *b, size_t stride, vf sum[TILE_ROWS][MOST_VECTORS]) {
#if CG_INT8
#pragma clang fp contract(off)
  vf part[TILE_ROWS][MOST_VECTORS];
  const size_t width = vectors * LANES;
  UNROLL
  for (size_t v = 0; v < panels * vectors; v++) {
    vf offset = CG_OFFSET ? load(b + (v / vectors) * stride + width + (v % vectors) * LANES) : sum_from(0);
    UNROLL
    for (size_t r = 0; r < rows; r++) part[r][v] = offset;
  }
  add_words(rows, vectors, panels, a + ROW_HEAD, lda, k, b + PANEL_HEAD * width, stride, part);
  UNROLL
  for (size_t r = 0; r < rows; r++) {
    const float scale = a[r * lda];
    UNROLL
    for (size_t v = 0; v < panels * vectors; v++) {
      vf both = load(b + (v / vectors) * stride + (v % vectors) * LANES) * scale;
      vf product = both * sum_value(part[r][v]);
      sum[r][v] = sum[r][v] + product;
    }
  }
#else
  add_words(rows, vectors, panels, a, lda, k, b, stride, sum);
#endif
}

// c[rows, vectors] of `panels` neighbouring panels, `vectors` wide each. rows, vectors and panels are
// constants wherever this is inlined, so that every sum lives in a register.
INLINE void product_tile(const size_t rows, const size_t vectors, const size_t panels, const cg_term *terms,
                         size_t term_count, size_t first_row, size_t first_panel, cg_start start,
                         const float *bias, float *c, size_t ldc, size_t columns) {
  vf sum[TILE_ROWS][MOST_VECTORS];
  const size_t width = vectors * LANES;
  const int whole = columns >= panels * width;
  float edge[MOST_VECTORS * LANES];
  UNROLL
  for (size_t v = 0; v < panels * vectors; v++) {
    vf s = splat(0);
    if (start == CG_START_BIAS) {
      if (whole) {
        s = load(bias + v * LANES);
      } else {
        for (size_t j = v * LANES; j < (v + 1) * LANES; j++) edge[j] = j < columns ? bias[j] : 0;
        s = load(edge + v * LANES);
      }
    }
    UNROLL
    for (size_t i = 0; i < rows; i++) sum[i][v] = s;
  }
  if (start == CG_START_RESULT)
    UNROLL
    for (size_t i = 0; i < rows; i++) {
      const float *from = c + i * ldc;
      if (!whole) {
        for (size_t j = 0; j < panels * width; j++) edge[j] = j < columns ? from[j] : 0;
        from = edge;
      }
      UNROLL
      for (size_t v = 0; v < panels * vectors; v++) sum[i][v] = load(from + v * LANES);
    }

  for (size_t t = 0; t < term_count; t++) {
    const size_t k = words(terms[t].k), lda = terms[t].lda, stride = (PANEL_HEAD + k) * PANEL;
    add_term(rows, vectors, panels, terms[t].a + first_row * lda, lda, k,
             terms[t].packed + first_panel * stride, stride, sum);
  }

  UNROLL
  for (size_t i = 0; i < rows; i++) {
    float *to = c + i * ldc;
    if (whole) {
      UNROLL
      for (size_t v = 0; v < panels * vectors; v++) store(to + v * LANES, sum[i][v]);
    } else {
      UNROLL
      for (size_t v = 0; v < panels * vectors; v++) store(edge + v * LANES, sum[i][v]);
      for (size_t j = 0; j < columns; j++) to[j] = edge[j];
    }
  }
}

#define PRODUCT_CASE(ROWS)                                                                               \
  case ROWS:                                                                                             \
    product_tile(ROWS, vectors, 1, terms, term_count, row, panel, start, bias, c, ldc, columns);         \
    break;

// One panel for all rows of a block. `vectors` is a constant where this is inlined.
INLINE void product_rows(const size_t vectors, size_t row, size_t rows, const cg_term *terms,
                         size_t term_count, size_t panel, cg_start start, const float *bias, float *c,
                         size_t ldc, size_t columns) {
  size_t tiles = (rows + TILE_ROWS - 1) / TILE_ROWS;
  for (size_t tile = 0; tile < tiles; tile++) {
    size_t take = rows / (tiles - tile);
    switch (take) {
      PRODUCT_CASE(1) PRODUCT_CASE(2) PRODUCT_CASE(3) PRODUCT_CASE(4)
#if TILE_ROWS > 4
      PRODUCT_CASE(5) PRODUCT_CASE(6)
#endif
#if TILE_ROWS > 6
      PRODUCT_CASE(7) PRODUCT_CASE(8) PRODUCT_CASE(9) PRODUCT_CASE(10) PRODUCT_CASE(11) PRODUCT_CASE(12)
#endif
    }
    row += take;
    rows -= take;
    c += take * ldc;
  }
}

#define PRODUCT_SIDE(ROWS, PANELS)                                                                       \
  product_tile(ROWS, PANEL_VECTORS, PANELS, terms, term_count, row, panel, start, from, to, ldc, columns)

// The panels from `panel` on that are taken side by side: of a few rows several, or else one sum would wait for
// itself.
INLINE size_t panels_at_once(size_t rows, size_t n, size_t panel) {
  size_t left = n / PANEL - (panel < n / PANEL ? panel : n / PANEL);  // whole ones
  if (TILE_ROWS >= 8 && rows <= 2 && left >= 4) return 4;
  if (TILE_ROWS >= 8 && rows <= 4 && left >= 2) return 2;
  return 1;
}

static void product_panels(size_t row, size_t rows, size_t n, const cg_term *terms, size_t term_count,
                           size_t panel, size_t panels, cg_start start, const float *bias, float *c,
                           size_t ldc) {
  size_t column = panel * PANEL, columns = n - column;
  const float *from = start == CG_START_BIAS ? bias + column : bias;
  float *to = c + row * ldc + column;
  switch (panels) {
    case 4:
      if (rows == 1)
        PRODUCT_SIDE(1, 4);
      else
        PRODUCT_SIDE(2, 4);
      return;
    case 2:
      switch (rows) {
        case 1: PRODUCT_SIDE(1, 2); return;
        case 2: PRODUCT_SIDE(2, 2); return;
        case 3: PRODUCT_SIDE(3, 2); return;
        default: PRODUCT_SIDE(4, 2); return;
      }
  }
  switch (panel_vectors(n, panel)) {
    case 1: product_rows(1, row, rows, terms, term_count, panel, start, from, to, ldc, columns); break;
#if PANEL_VECTORS > 2
    case 2: product_rows(2, row, rows, terms, term_count, panel, start, from, to, ldc, columns); break;
    case 3: product_rows(3, row, rows, terms, term_count, panel, start, from, to, ldc, columns); break;
#endif
    default: product_rows(PANEL_VECTORS, row, rows, terms, term_count, panel, start, from, to, ldc, columns);
  }
}

static void product(size_t m, size_t n, const cg_term *terms, size_t term_count, cg_start start,
                    const float *bias, float *c, size_t ldc, int descending) {
  // Blocks of rows whose operands stay in the second-level cache, all of about the same size.
  size_t blocks = (m + 12 * TILE_ROWS - 1) / (12 * TILE_ROWS);
  for (size_t block = 0; block < blocks; block++) {
    size_t row = m * block / blocks, rows = m * (block + 1) / blocks - row;
    // Panels are taken four, two and one at a time from the first to the last, or in groups of four backwards.
    size_t groups = (n + 4 * PANEL - 1) / (4 * PANEL);
    for (size_t group = 0; group < groups; group++) {
      size_t panel = 4 * (descending ? groups - 1 - group : group), end = panel + 4;
      while (panel < end && panel * PANEL < n) {
        size_t panels = panels_at_once(rows, n, panel);
        product_panels(row, rows, n, terms, term_count, panel, panels, start, bias, c, ldc);
        panel += panels;
      }
    }
  }
}

// MARK: Sums of outer products

#if !CG_INT8

#define OUTER_BLOCK 256  // words of rows at a time: a panel of b stays in the first-level cache

INLINE void outer_tile(const size_t ms, const size_t vectors, size_t rows, const float *a, size_t lda,
                       const float *b, size_t ldb, float *c, size_t ldc, size_t columns) {
  vf sum[TILE_ROWS][PANEL_VECTORS];
  UNROLL
  for (size_t i = 0; i < ms; i++)
    UNROLL
    for (size_t v = 0; v < vectors; v++) sum[i][v] = splat(0);
  for (size_t r = 0; r < rows; r++) {
    vf row[PANEL_VECTORS];
    UNROLL
    for (size_t v = 0; v < vectors; v++) row[v] = load(b + r * ldb + v * LANES);
    UNROLL
    for (size_t i = 0; i < ms; i++) {
      vf x = repeat(a + r * lda + i);
      UNROLL
      for (size_t v = 0; v < vectors; v++) sum[i][v] = multiply_add(x, row[v], sum[i][v]);
    }
  }
  UNROLL
  for (size_t i = 0; i < ms; i++) {
    float *to = c + i * ldc;
    if (columns >= vectors * LANES) {
      UNROLL
      for (size_t v = 0; v < vectors; v++) store(to + v * LANES, load(to + v * LANES) + sum[i][v]);
    } else {
      float edge[PANEL];
      UNROLL
      for (size_t v = 0; v < vectors; v++) store(edge + v * LANES, sum[i][v]);
      for (size_t j = 0; j < columns; j++) to[j] += edge[j];
    }
  }
}

#define OUTER_CASE(MS)                                                      \
  case MS:                                                                  \
    outer_tile(MS, vectors, rows, a, lda, b, ldb, c, ldc, columns);         \
    break;

INLINE void outer_panel(const size_t vectors, size_t rows, size_t m, const float *a, size_t lda,
                        const float *b, size_t ldb, float *c, size_t ldc, size_t columns) {
  size_t tiles = (m + TILE_ROWS - 1) / TILE_ROWS;
  for (size_t tile = 0; tile < tiles; tile++) {
    size_t take = m / (tiles - tile);
    switch (take) {
      OUTER_CASE(1) OUTER_CASE(2) OUTER_CASE(3) OUTER_CASE(4)
#if TILE_ROWS > 4
      OUTER_CASE(5) OUTER_CASE(6)
#endif
#if TILE_ROWS > 6
      OUTER_CASE(7) OUTER_CASE(8) OUTER_CASE(9) OUTER_CASE(10) OUTER_CASE(11) OUTER_CASE(12)
#endif
    }
    a += take;
    c += take * ldc;
    m -= take;
  }
}

static void outer(size_t rows, size_t m, size_t n, const float *a, size_t lda, const float *b, size_t ldb,
                  float *c, size_t ldc) {
  _Alignas(64) float packed[OUTER_BLOCK * PANEL];
  const size_t count = words(rows);
  for (size_t first = 0; first < count; first += OUTER_BLOCK) {
    size_t take = count - first < OUTER_BLOCK ? count - first : OUTER_BLOCK;
    for (size_t column = 0; column < n; column += PANEL) {
      size_t columns = n - column < PANEL ? n - column : PANEL;
      size_t vectors = (columns + LANES - 1) / LANES;
      const float *panel = b + first * ldb + column;
      size_t ld = ldb;
      if (m > TILE_ROWS || columns < vectors * LANES) {
        ld = vectors * LANES;
        for (size_t r = 0; r < take; r++) {
          memcpy(packed + r * ld, panel + r * ldb, columns * sizeof(float));
          for (size_t j = columns; j < ld; j++) packed[r * ld + j] = 0;
        }
        panel = packed;
      }
      const float *left = a + first * lda;
      float *to = c + column;
      switch (vectors) {
        case 1: outer_panel(1, take, m, left, lda, panel, ld, to, ldc, columns); break;
#if PANEL_VECTORS > 2
        case 2: outer_panel(2, take, m, left, lda, panel, ld, to, ldc, columns); break;
        case 3: outer_panel(3, take, m, left, lda, panel, ld, to, ldc, columns); break;
#endif
        default: outer_panel(PANEL_VECTORS, take, m, left, lda, panel, ld, to, ldc, columns);
      }
    }
  }
}

#endif
