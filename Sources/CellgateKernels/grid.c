// Neighbourhoods of the places of a grid, as the rows that convolutions multiply.

#include <string.h>

#include "cellgate_kernels.h"

void cg_gather_neighbours(cg_grid grid, size_t first_row, size_t rows, size_t columns, const float *source,
                          size_t ld, float *result, size_t ld_result, size_t stride) {
  const size_t places = grid.height * grid.width, half = grid.kernel / 2;
  for (size_t row = first_row; row < first_row + rows; row++, result += ld_result) {
    const size_t place = row % places, y = place / grid.width, x = place % grid.width;
    const float *sequence = source + (row - place) * ld;
    float *to = result;
    for (size_t v = 0; v < grid.kernel; v++) {
      // Unsigned, so that what lies before the first one is beyond the last.
      const size_t other_y = y + v - half;
      for (size_t u = 0; u < grid.kernel; u++, to += stride) {
        const size_t other_x = x + u - half;
        if (other_y < grid.height && other_x < grid.width)
          memcpy(to, sequence + (other_y * grid.width + other_x) * ld, columns * sizeof(float));
        else
          memset(to, 0, columns * sizeof(float));
      }
    }
  }
}
