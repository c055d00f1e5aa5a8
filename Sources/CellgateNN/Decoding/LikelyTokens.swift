import CellgateBasics
import CellgateKernels
import CellgateTensor

/// A symbol that may come next.
struct LikelyToken {
  var token: Int32
  /// ln p.
  var logProbability: Double
}

/// The likeliest symbols of rows of logits.
enum LikelyTokens {
  /// Numbers that are worth a thread.
  private static let grain = 1 << 14

  /// Of each row of logits [N, V] the likeliest `count` symbols, or fewer where fewer may come, the likeliest first and of
  /// equal ones the first of the vocabulary. ln p is that of the softmax over all symbols, those included that may not come.
  static func best(
    _ logits: Tensor, count: Int, forbidden: Set<Int32>, excluded: (_ row: Int) -> [Int32]
  ) -> [[LikelyToken]] {
    let (rows, width) = (logits.shape[0], logits.shape[1])
    let own = (0..<rows).map(excluded)
    var result = [[LikelyToken]](repeating: [], count: rows)
    let x = unsafe UnsafePointer(logits.pointer)
    unsafe result.withUnsafeMutableBufferPointer { result in
      nonisolated(unsafe) let (result, x) = unsafe (result, x)
      forEachRow(logits) { row, logarithm in
        let numbers = unsafe UnsafeBufferPointer(start: x + row * width, count: width)
        unsafe result[row] = best(numbers, logarithm, count, forbidden, own[row])
      }
    }
    return result
  }

  /// Calls `body` with each row's number and ln Σ eˣ of its logits, on some thread.
  static func forEachRow(_ logits: Tensor, _ body: (_ row: Int, _ logarithm: Double) -> Void) {
    let (rows, width) = (logits.shape[0], logits.shape[1])
    let x = unsafe UnsafePointer(logits.pointer)
    ThreadPool.current.run(over: rows, grain: max(1, grain / max(1, width))) { range in
      let scratch = Storage(count: width)
      var (largest, sum) = (Float(0), 0.0)
      for row in range {
        unsafe cg_softmax(1, width, x + row * width, scratch.pointer, &largest, &sum)
        body(row, Double(largest) + log(sum))
      }
      withExtendedLifetime(scratch) {}
    }
  }

  private static func best(
    _ x: UnsafeBufferPointer<Float>, _ logarithm: Double, _ count: Int, _ forbidden: Set<Int32>,
    _ excluded: [Int32]
  ) -> [LikelyToken] {
    // The indices of the largest so far, the largest first.
    var best: [Int32] = []
    best.reserveCapacity(min(count, x.count) + 1)
    var least = -Float.infinity
    for index in 0..<x.count where unsafe x[index] > least {
      let token = Int32(index)
      if forbidden.contains(token) || excluded.contains(token) { continue }
      if best.count == count { best.removeLast() }
      let value = unsafe x[index]
      var (low, high) = (0, best.count)
      while low < high {
        let middle = (low + high) / 2
        if unsafe x[Int(best[middle])] >= value { low = middle + 1 } else { high = middle }
      }
      best.insert(token, at: low)
      if best.count == count { unsafe least = x[Int(best[count - 1])] }
    }
    return best.map { LikelyToken(token: $0, logProbability: unsafe Double(x[Int($0)]) - logarithm) }
  }
}
