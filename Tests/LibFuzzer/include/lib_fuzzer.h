// What a program that is linked with libFuzzer calls (https://llvm.org/docs/LibFuzzer.html).

#include <stddef.h>
#include <stdint.h>

/// Calls `callback` with inputs until one crashes, or as often as the arguments say, and returns an exit status.
int LLVMFuzzerRunDriver(int *argc, char ***argv, int (*callback)(const uint8_t *bytes, size_t count));
