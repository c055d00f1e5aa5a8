// Counts the allocations of memory of a thread.

#ifndef ALLOCATION_COUNTER_H
#define ALLOCATION_COUNTER_H

#include <stddef.h>

/// How often the calling thread has asked for memory so far: malloc, calloc, realloc and aligned forms. Always 0 where
/// `allocation_counter_works` is 0.
size_t allocation_count(void);

/// Whether allocations are counted: with glibc, and no sanitizer that has an allocator of its own.
int allocation_counter_works(void);

#endif
