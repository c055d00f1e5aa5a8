/// In which order a number of parts is summed: in pairs, 0 + 1, 2 + 3, then both sums. It depends on their number alone.
struct SumTree {
  /// How many parts there are.
  let count: Int

  init(_ count: Int) { self.count = count }

  /// Where a range has its two halves apart: the first one is the largest power of two below the whole.
  private static func middle(_ range: Range<Int>) -> Int {
    range.lowerBound + 1 << (Int.bitWidth - 1 - (range.count - 1).leadingZeroBitCount)
  }

  /// The largest ranges of the tree that lie within `own`, in their order.
  func ranges(within own: Range<Int>) -> [Range<Int>] {
    func ranges(_ range: Range<Int>) -> [Range<Int>] {
      if range.lowerBound >= own.lowerBound && range.upperBound <= own.upperBound { return [range] }
      if range.count == 1 || !range.overlaps(own) { return [] }
      let middle = Self.middle(range)
      return ranges(range.lowerBound..<middle) + ranges(middle..<range.upperBound)
    }
    return ranges(0..<count)
  }

  /// The same with the last of them taken apart: into what comes before its last part, to whose sum that part is added from the last of
  /// these ranges to the first, and the part itself.
  func within(
    _ own: Range<Int>
  ) -> (ranges: [Range<Int>], path: (before: [Range<Int>], last: Int)) {
    var ranges = ranges(within: own), before: [Range<Int>] = []
    var rest = ranges.removeLast()
    while rest.count > 1 {
      let middle = Self.middle(rest)
      before.append(rest.lowerBound..<middle)
      rest = middle..<rest.upperBound
    }
    return (ranges, (before, rest.lowerBound))
  }

  /// The sum of a range of parts, which are asked for in their order.
  static func sum<Value>(
    _ range: Range<Int>, _ part: (Int) throws -> Value, add: (inout Value, Value) -> Void
  ) rethrows -> Value {
    if range.count == 1 { return try part(range.lowerBound) }
    let middle = middle(range)
    var sum = try sum(range.lowerBound..<middle, part, add: add)
    add(&sum, try self.sum(middle..<range.upperBound, part, add: add))
    return sum
  }

  /// The sum of all parts from those of ranges of the tree.
  func sum<Value>(of known: [Range<Int>: Value], add: (inout Value, Value) -> Void) -> Value? {
    func sum(_ range: Range<Int>) -> Value? {
      if let value = known[range] { return value }
      guard range.count > 1 else { return nil }
      let middle = Self.middle(range)
      guard var first = sum(range.lowerBound..<middle), let second = sum(middle..<range.upperBound) else {
        return nil
      }
      add(&first, second)
      return first
    }
    return sum(0..<count)
  }
}
