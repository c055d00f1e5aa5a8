// Products and elementwise programs, step after step.

#include "isa.h"

static void operate_on_rows(const cg_isa *isa, const cg_program *program, const cg_stage *stage,
                            const cg_slot *slots, size_t rows, float *const *at, float **tile) {
  const size_t width = program->width;
  const cg_operation *operations = program->operations + stage->first;
  for (size_t row = 0; row < rows; row += program->tile_rows) {
    size_t take = rows - row < program->tile_rows ? rows - row : program->tile_rows;
    for (size_t column = 0; column < width; column += program->tile_columns) {
      size_t columns = width - column < program->tile_columns ? width - column : program->tile_columns;
      for (size_t s = 0; s < program->slot_count; s++)
        tile[s] = at[s] + (slots[s].layout == CG_ROWS      ? row * width + column
                           : slots[s].layout == CG_COLUMNS ? column
                                                           : 0);
      isa->operate(operations, stage->count, tile, take * columns);
    }
  }
}

void cg_sweep(const cg_isa *isa, const cg_program *program, const cg_slot *slots, const uint32_t *rows,
              size_t first, size_t count, int backward, float **scratch, cg_term *terms) {
  float **at = scratch, **tile = scratch + program->slot_count;
  for (size_t done = 0; done < count; done++) {
    const size_t step = backward ? first - done : first + done;
    if (rows[step] == 0) continue;
    for (size_t s = 0; s < program->slot_count; s++) {
      const cg_slot *slot = slots + s;
      at[s] = slot->base + (slot->offset ? slot->offset[step] : 0);
    }
    for (size_t i = 0; i < program->stage_count; i++) {
      const cg_stage *stage = program->stages + i;
      if (!stage->is_products) {
        operate_on_rows(isa, program, stage, slots, rows[step], at, tile);
        continue;
      }
      for (size_t p = stage->first; p < stage->first + stage->count; p++) {
        const cg_step_product *product = program->products + p;
        for (size_t f = 0; f < product->factor_count; f++) {
          const cg_factor *factor = program->factors + product->first_factor + f;
          terms[f] = (cg_term){at[factor->slot], factor->ld, factor->k, factor->packed};
        }
        isa->product(rows[step], product->n, terms, product->factor_count, product->start, product->bias,
                     at[product->result], product->ld);
      }
    }
  }
}
