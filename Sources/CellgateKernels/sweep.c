// Conversions, products, reductions and elementwise programs, step after step.

#include "isa.h"

// Tiles of several rows, which lie side by side when the share is all columns.
static void operate_on_tiles(const cg_isa *isa, const cg_program *program, const cg_stage *stage,
                             const cg_location *slots, size_t rows, float *const *at, float **tile, size_t *stride) {
  const size_t width = program->width, count = program->slot_count;
  for (size_t s = 0; s < count; s++) {
    tile[s] = at[s];
    stride[s] = slots[s].layout == CG_ROWS ? program->tile_rows * width : 0;
  }
  for (size_t row = 0; row < rows; row += program->tile_rows) {
    size_t take = rows - row < program->tile_rows ? rows - row : program->tile_rows;
    isa->operate(program->operations + stage->first, stage->count, tile, take * width);
    for (size_t s = 0; s < count; s++) tile[s] += stride[s];
  }
}

// Tiles of one row. A row finds its values per column where it would in a tile of several rows.
static void operate_on_rows(const cg_isa *isa, const cg_program *program, const cg_stage *stage,
                              const cg_location *slots, size_t rows, const cg_share *share, float *const *at,
                              float **tile, size_t *stride) {
  const size_t width = program->width, count = program->slot_count;
  const size_t first = share->first_column, end = first + share->columns;
  for (size_t s = 0; s < count; s++) stride[s] = slots[s].layout == CG_TILE ? 0 : program->tile_columns;
  for (size_t row = 0; row < rows; row++) {
    for (size_t s = 0; s < count; s++)
      tile[s] = at[s] + (slots[s].layout == CG_ROWS      ? row * width + first
                         : slots[s].layout == CG_COLUMNS ? row % program->tile_rows * width + first
                                                         : 0);
    for (size_t column = first; column < end; column += program->tile_columns) {
      size_t columns = end - column < program->tile_columns ? end - column : program->tile_columns;
      isa->operate(program->operations + stage->first, stage->count, tile, columns);
      for (size_t s = 0; s < count; s++) tile[s] += stride[s];
    }
  }
}

static void convert(const cg_isa *isa, const cg_conversion *conversion, size_t rows, const cg_share *share,
                    float *const *at) {
  size_t column = share->first_column, end = column + share->columns;
  if (end > conversion->k) end = conversion->k;
  if (column < end && conversion->grid.kernel)
    cg_gather_neighbours(conversion->grid, 0, rows, end - column, at[conversion->source] + column, conversion->ld,
                         at[conversion->result] + column, conversion->ld_result, conversion->k);
  else if (column < end)
    isa->convert(rows, conversion->k, column, end - column, at[conversion->source], conversion->ld,
                 at[conversion->result], conversion->ld_result);
}

static void reduce(const cg_isa *isa, const cg_program *program, const cg_reduction *reduction,
                   const cg_location *slots, size_t rows, const cg_share *share, float *const *at) {
  const size_t width = program->width, ld = slots[reduction->source].layout == CG_ROWS ? width : 0;
  isa->reduce(reduction->kind, rows, reduction->k, at[reduction->source], ld,
              at[reduction->result] + share->first_column, share->columns, width);
}

void cg_sweep(const cg_isa *isa, const cg_program *program, const cg_location *slots, const uint32_t *rows,
              size_t first, size_t count, int backward, float **scratch, cg_term *terms,
              const cg_share *share) {
  float **at = scratch, **tile = at + program->slot_count;
  size_t *stride = (size_t *)(tile + program->slot_count);
  const size_t column = share->first_column;
  const int whole_rows = share->columns == program->width && program->tile_columns == program->width;
  for (size_t done = 0; done < count; done++) {
    const size_t step = backward ? first - done : first + done;
    if (rows[step] == 0) continue;
    for (size_t s = 0; s < program->slot_count; s++) {
      const cg_location *slot = slots + s;
      at[s] = slot->base + (slot->offset ? slot->offset[step] : 0);
    }
    for (size_t i = 0; i < program->stage_count; i++) {
      const cg_stage *stage = program->stages + i;
      if (stage->waits) cg_barrier_wait(share->barrier);
      if (stage->kind == CG_CONVERSIONS) {
        for (size_t c = stage->first; c < stage->first + stage->count; c++)
          convert(isa, program->conversions + c, rows[step], share, at);
        continue;
      }
      if (stage->kind == CG_REDUCTIONS) {
        for (size_t r = stage->first; r < stage->first + stage->count; r++)
          reduce(isa, program, program->reductions + r, slots, rows[step], share, at);
        continue;
      }
      if (stage->kind == CG_ELEMENTWISE) {
        if (whole_rows)
          operate_on_tiles(isa, program, stage, slots, rows[step], at, tile, stride);
        else
          operate_on_rows(isa, program, stage, slots, rows[step], share, at, tile, stride);
        continue;
      }
      for (size_t p = 0; p < stage->count; p++) {
        // Every other step goes through the weights from the last to the first: what doesn't fit in the cache as
        // a whole is still there in part.
        const cg_step_product *product =
            program->products + stage->first + (step & 1 ? stage->count - 1 - p : p);
        if (product->columns <= column || slots[product->result].skipped == step + 1) continue;
        const size_t left = product->columns - column, columns = left < share->columns ? left : share->columns;
        for (size_t f = 0; f < product->factor_count; f++) {
          const cg_factor *factor = program->factors + product->first_factor + f;
          const size_t k = slots[factor->slot].skipped == step + 1 ? 0 : factor->k;
          terms[f] = (cg_term){at[factor->slot], factor->ld, k,
                               factor->packed + isa->packed_count(factor->k, column)};
        }
        isa->product(rows[step], columns, terms, product->factor_count, product->start,
                     product->bias ? product->bias + column : NULL, at[product->result] + column, product->ld,
                     step & 1);
      }
    }
  }
}
