// Transposes: squares of LANES rows and columns in registers, the edges number by number.

static void transpose_matrix(size_t rows, size_t columns, const float *source, size_t ld, float *target,
                             size_t ld_target) {
  const size_t whole_rows = rows / LANES * LANES, whole_columns = columns / LANES * LANES;
  for (size_t i = 0; i < whole_rows; i += LANES) {
    for (size_t j = 0; j < whole_columns; j += LANES) {
      vf square[LANES];
#pragma clang loop unroll(full)
      for (size_t r = 0; r < LANES; r++) square[r] = load(source + (i + r) * ld + j);
      transpose(square);
#pragma clang loop unroll(full)
      for (size_t r = 0; r < LANES; r++) store(target + (j + r) * ld_target + i, square[r]);
    }
    for (size_t j = whole_columns; j < columns; j++)
      for (size_t r = i; r < i + LANES; r++) target[j * ld_target + r] = source[r * ld + j];
  }
  for (size_t j = 0; j < columns; j++)
    for (size_t r = whole_rows; r < rows; r++) target[j * ld_target + r] = source[r * ld + j];
}
