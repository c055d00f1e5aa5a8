// A barrier whose phase counts how often all have arrived.

#include "cellgate_kernels.h"
#include <sched.h>

// A few microseconds: waiting longer than that means that the other one has no processor, and may want this one.
enum { SPINS = 500 };

static void pause(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __builtin_arm_yield();
#endif
}

void cg_barrier_wait(cg_barrier *barrier) {
  if (barrier->members < 2) return;
  const uint32_t phase = __atomic_load_n(&barrier->phase, __ATOMIC_RELAXED);
  if (__atomic_add_fetch(&barrier->arrived, 1, __ATOMIC_ACQ_REL) == barrier->members) {
    __atomic_store_n(&barrier->arrived, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&barrier->phase, phase + 1, __ATOMIC_RELEASE);
    return;
  }
  for (int spins = 0; __atomic_load_n(&barrier->phase, __ATOMIC_ACQUIRE) == phase; spins++) {
    if (spins < SPINS)
      pause();
    else
      sched_yield();
  }
}
