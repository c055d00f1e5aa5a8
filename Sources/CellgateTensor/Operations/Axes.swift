import CellgateBasics

/// The dimensions of a shape by number, where −1 is the last one.
enum Axes {
  /// `axis` as a number from 0 on.
  static func index(_ axis: Int, of shape: [Int], _ operation: String) -> Int {
    require(
      axis >= -shape.count && axis < shape.count,
      "\(operation): expected an axis in \(-shape.count)..<\(shape.count) of a tensor \(shape), found \(axis)"
    )
    return axis < 0 ? axis + shape.count : axis
  }

  /// `axes`, each from 0 on, in increasing order.
  static func indices(_ axes: [Int], of shape: [Int], _ operation: String) -> [Int] {
    let indices = axes.map { index($0, of: shape, operation) }.sorted()
    require(
      Set(indices).count == indices.count,
      "\(operation): expected different axes of a tensor \(shape), found \(axes)")
    return indices
  }
}

/// A shape around neighbouring axes: numbers [outer, size, inner].
struct AxisBlocks {
  let outer: Int, size: Int, inner: Int

  init(_ shape: [Int], axes: ClosedRange<Int>) {
    outer = shape[..<axes.lowerBound].reduce(1, *)
    size = shape[axes].reduce(1, *)
    inner = shape[(axes.upperBound + 1)...].reduce(1, *)
  }

  init(_ shape: [Int], axis: Int) { self.init(shape, axes: axis...axis) }
}
