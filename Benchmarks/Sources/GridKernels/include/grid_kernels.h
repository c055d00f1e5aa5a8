// Loops that do nothing but read or write memory: the limits that the kernels are held against.

#ifndef GRID_KERNELS_H
#define GRID_KERNELS_H

#include <stddef.h>

/// The sum of n floats, n a multiple of 128.
float grid_read(size_t n, const float *x);

/// Sets n floats, n a multiple of 128 and x aligned to 64 bytes: through the caches, or past them.
void grid_write(size_t n, float value, float *x);
void grid_write_past_caches(size_t n, float value, float *x);

#endif
