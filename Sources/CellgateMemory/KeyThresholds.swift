/// What the scores of a key must exceed to be kept, for many queries side by side: most keys are left out by a few comparisons.
@safe struct KeyThresholds {
  private var thresholds: [SIMD16<Float>]
  private let rows: Int

  init(_ tops: [TopKeys], width: Int) {
    rows = tops.count
    thresholds = (0..<width / 16).map { group in
      SIMD16((0..<16).map { 16 * group + $0 < tops.count ? tops[16 * group + $0].threshold : .infinity })
    }
  }

  /// The scores of one key for all queries, whole vectors of 16.
  @inline(__always)
  mutating func take(_ scores: UnsafePointer<Float>, place: Int, _ tops: inout [TopKeys]) {
    for group in 0..<thresholds.count {
      let own = unsafe UnsafeRawPointer(scores + 16 * group).loadUnaligned(as: SIMD16<Float>.self)
      let isKept = own .> thresholds[group]
      guard any(isKept) else { continue }
      for lane in 0..<16 where isKept[lane] {
        let row = 16 * group + lane
        tops[row].take(own[lane], place)
        thresholds[group][lane] = tops[row].threshold
      }
    }
  }
}

/// Room for a task's keys as floats, and for their products.
@safe final class KeyScratch {
  let keys: UnsafeMutablePointer<Float>
  let products: UnsafeMutablePointer<Float>

  init(rows: Int, dimension: Int, width: Int) {
    unsafe keys = .allocate(capacity: rows * dimension)
    unsafe products = .allocate(capacity: rows * width)
  }

  deinit {
    unsafe keys.deallocate()
    unsafe products.deallocate()
  }
}

/// What tasks on several threads found, each its own part.
@safe final class SharedParts<Part>: @unchecked Sendable {
  private let parts: UnsafeMutableBufferPointer<Part?>

  init(count: Int) {
    unsafe parts = .allocate(capacity: count)
    unsafe parts.initialize(repeating: nil)
  }

  deinit {
    unsafe parts.deinitialize()
    unsafe parts.deallocate()
  }

  /// Each index is set by one task alone.
  func set(_ index: Int, _ part: Part) { unsafe parts[index] = part }

  /// All parts in the order of their indices, once the tasks are done.
  var all: [Part] { unsafe parts.compactMap { $0 } }
}
