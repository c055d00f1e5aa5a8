/// Philox4x32-10, the counter-based generator of Salmon et al., "Parallel Random Numbers: As Easy as
/// 1, 2, 3" (SC 2011, https://doi.org/10.1145/2063384.2063405): 128 random bits as a pure function of a
/// 128-bit counter and a 64-bit key.
enum Philox {
  /// The four words at `counter` under `key`. Computed one by one: a vector of four would be taken apart and put
  /// together again in each round.
  static func block(counter: SIMD4<UInt32>, key: SIMD2<UInt32>) -> SIMD4<UInt32> {
    var (a, b, c, d) = (counter.x, counter.y, counter.z, counter.w)
    var (k, l) = (key.x, key.y)
    for _ in 0..<10 {
      let first = UInt64(a) &* 0xD251_1F53
      let second = UInt64(c) &* 0xCD9E_8D57
      (a, b) = (UInt32(truncatingIfNeeded: second >> 32) ^ b ^ k, UInt32(truncatingIfNeeded: second))
      (c, d) = (UInt32(truncatingIfNeeded: first >> 32) ^ d ^ l, UInt32(truncatingIfNeeded: first))
      (k, l) = (k &+ 0x9E37_79B9, l &+ 0xBB67_AE85)
    }
    return SIMD4(a, b, c, d)
  }
}
