// Convolutions of which each channel sees itself alone, a row of the result at a time: sums over the taps in registers,
// LANES channels side by side.

// y [0, LANES) of the places from `first` to `end`, whose columns are all there: for a kernel of 3 by 3 the weights stay
// in registers. `rows` lead to the first entry under the first place, `step` floats lie between two places.
INLINE void depthwise_nine(size_t count, const float *const rows[3], size_t channels, size_t step, size_t column,
                           const float *weight, vf start, float *y) {
  vf w[9];
  UNROLL
  for (size_t t = 0; t < 9; t++) w[t] = load(weight + t * channels);
  for (size_t i = 0; i < count; i++) {
    vf sum = start;
    UNROLL
    for (size_t r = 0; r < 3; r++)
      UNROLL
      for (size_t k = 0; k < 3; k++) sum = fma_(w[3 * r + k], load(rows[r] + i * step + k * column), sum);
    store(y + i * channels, sum);
  }
}

static void depthwise(size_t places, size_t channels, size_t row_taps, const float *const *rows, size_t column_taps,
                      size_t columns, size_t step, size_t dilation, size_t before, const float *weight,
                      const float *bias, float *y) {
  // The places whose columns are all there: from `inner` to `outer`.
  const size_t span = dilation * (column_taps - 1);
  size_t inner = (before + step - 1) / step;
  size_t outer = columns + before > span ? (columns + before - span - 1) / step + 1 : 0;
  if (inner > places) inner = places;
  if (outer > places) outer = places;
  const int nine = row_taps == 3 && column_taps == 3 && rows[0] && rows[1] && rows[2] && outer > inner;
  for (size_t c = 0; c < channels; c += LANES) {
    const size_t width = channels - c < LANES ? channels - c : LANES;
    for (size_t place = 0; place < places; place++) {
      if (nine && width == LANES && place == inner) {
        const size_t from = (inner * step - before) * channels + c;
        const float *const starts[3] = {rows[0] + from, rows[1] + from, rows[2] + from};
        depthwise_nine(outer - inner, starts, channels, step * channels, dilation * channels, weight + c,
                       bias ? load(bias + c) : splat(0), y + inner * channels + c);
        place = outer - 1;
        continue;
      }
      float edge[3][LANES] = {{0}};
      vf sum = splat(0);
      if (bias) {
        if (width < LANES) memcpy(edge[0], bias + c, width * sizeof(float));
        sum = load(width < LANES ? edge[0] : bias + c);
      }
      for (size_t r = 0; r < row_taps; r++) {
        if (!rows[r]) continue;
        for (size_t k = 0; k < column_taps; k++) {
          const size_t column = place * step + k * dilation;
          if (column < before || column - before >= columns) continue;
          const float *w = weight + (r * column_taps + k) * channels + c;
          const float *x = rows[r] + (column - before) * channels + c;
          if (width < LANES) {
            memcpy(edge[1], w, width * sizeof(float));
            memcpy(edge[2], x, width * sizeof(float));
            w = edge[1];
            x = edge[2];
          }
          sum = fma_(load(w), load(x), sum);
        }
      }
      if (width < LANES) {
        store(edge[0], sum);
        memcpy(y + place * channels + c, edge[0], width * sizeof(float));
      } else {
        store(y + place * channels + c, sum);
      }
    }
  }
}
