import CellgateBasics

/// A curve drawn with eight heights of blocks.
enum Sparkline {
  private static let blocks = Array("▁▂▃▄▅▆▇█")

  /// The values as so many blocks at most, between the extremes given; what is not finite is a gap.
  static func draw(_ values: [Double], columns: Int, within bounds: ClosedRange<Double>) -> String {
    guard !values.isEmpty, columns > 0 else { return "" }
    let count = min(columns, values.count)
    return String(
      (0..<count).map { column -> Character in
        let range = column * values.count / count..<(column + 1) * values.count / count
        let mean = values[range].reduce(0, +) / Double(range.count)
        guard mean.isFinite else { return " " }
        let extent = bounds.upperBound - bounds.lowerBound
        let share = extent > 0 ? (mean - bounds.lowerBound) / extent : 0
        return blocks[Int((max(0, min(1, share)) * 7).rounded())]
      })
  }
}
