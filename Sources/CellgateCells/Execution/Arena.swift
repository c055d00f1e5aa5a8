import CellgateBasics
import CellgateTensor

/// Hands out aligned buffers of one storage. Buffers of equal size start in different cache sets, so that a
/// row of each fits in the first-level cache at once.
struct Arena {
  private let storage: Storage
  private var used = 0

  /// Floats that buffers of these counts take.
  static func size(_ counts: [Int]) -> Int { counts.reduce(64) { $0 + padded($1) } }

  private static func padded(_ count: Int) -> Int { (count + 15) / 16 * 16 + 144 }

  init(_ counts: [Int], zeros: Bool) {
    storage = zeros ? Storage(zeros: Self.size(counts)) : Storage(count: Self.size(counts))
  }

  /// The next buffer of `count` floats.
  mutating func take(_ count: Int) -> UnsafeMutablePointer<Float> {
    let start = used
    used += Self.padded(count)
    require(
      used <= storage.count, "Arena: expected to hand out at most \(storage.count) floats, found \(used)")
    return unsafe storage.pointer + start
  }

  /// What keeps the buffers alive.
  var owner: Storage { storage }
}
