// Random numbers that are 1 or 0, from the 64-bit numbers of SplitMix64 (Steele et al. 2014, "Fast Splittable
// Pseudorandom Number Generators", https://doi.org/10.1145/2660193.2660195) by their place in its sequence. Each gives
// four, of 16 bits.

typedef uint64_t vl __attribute__((ext_vector_type(LANES)));
typedef uint16_t vh __attribute__((ext_vector_type(LANES)));

static void coins(uint64_t key, uint64_t first, uint32_t threshold, size_t n, float *y) {
  const uint64_t golden = 0x9e3779b97f4a7c15;
  vl lanes;
  for (size_t lane = 0; lane < LANES; lane++) lanes[lane] = lane * golden;
  const vi bound = (vi){0} + (int32_t)threshold;
  for (size_t i = 0; i < n; i += 4 * LANES) {
    vl word = lanes + (key + ((first + i) / 4 + 1) * golden);
    word = (word ^ (word >> 30)) * 0xbf58476d1ce4e5b9;
    word = (word ^ (word >> 27)) * 0x94d049bb133111eb;
    word ^= word >> 31;
    vh parts[4];
    memcpy(parts, &word, sizeof parts);
    UNROLL
    for (size_t part = 0; part < 4; part++)
      if (i + part * LANES < n)
        store(y + i + part * LANES,
              choose(__builtin_convertvector(parts[part], vi) < bound, splat(1), splat(0)));
  }
}
