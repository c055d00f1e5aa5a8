import CellgateTensor
import Foundation

extension OperationCase {
  /// Sums, means, extremes, variances and softmax along axes.
  static var reductions: [OperationCase] {
    let axes: [(suffix: String, shape: [Int], axes: [Int], large: [Int]?)] = [
      ("last", [3, 7], [1], [256, 1024]), ("first", [7, 3], [0], [256, 1024]),
      ("middle", [2, 5, 3], [1], [16, 32, 512]),
      ("ends", [2, 3, 4], [0, 2], [16, 32, 512]), ("all", [3, 4], [0, 1], [256, 1024]),
      ("long", [2, 70], [1], nil),
      ("wide", [5, 33], [0], nil), ("many", [4, 2, 3, 2], [0, 2, 3], nil), ("none", [3, 2], [], nil),
    ]
    func along(
      _ name: String, of numbers: Numbers = .uniform(-1..<1),
      _ apply: @escaping @Sendable (Tensor, [Int], Bool) -> Tensor,
      _ reference: @escaping @Sendable ([Double]) -> Double
    ) -> [OperationCase] {
      axes.enumerated().map { index, variant in
        let keeps = index % 2 == 1
        return OperationCase(
          "\(name)_\(variant.suffix)", [Input(variant.shape, numbers)],
          large: variant.large.map { [Input($0, numbers)] },
          // Multiples of 0.1 up to 12 lose digits that they don't have in Float.
          tolerance: 2e-6, { apply($0[0], variant.axes, keeps) },
          reference: { $0[0].reduced(variant.axes, keepDims: keeps, reference) })
      }
    }
    @Sendable func sum(_ x: [Double]) -> Double { x.reduce(0, +) }
    @Sendable func mean(_ x: [Double]) -> Double { sum(x) / Double(x.count) }
    @Sendable func variance(_ x: [Double]) -> Double { mean(x.map { ($0 - mean(x)) * ($0 - mean(x)) }) }
    let alongAxes = [
      along("sum", { $0.sum(axes: $1, keepDims: $2) }, sum),
      along("mean", { $0.mean(axes: $1, keepDims: $2) }, mean),
      along("max", of: .apart, { $0.max(axes: $1, keepDims: $2) }, { $0.max() ?? 0 }),
      along("min", of: .apart, { $0.min(axes: $1, keepDims: $2) }, { $0.min() ?? 0 }),
      along("variance", { $0.variance(axes: $1, keepDims: $2) }, variance),
    ]
    let others = [
      OperationCase("sum", [Input([5, 7])], { $0[0].sum() }, reference: { $0[0].reduced([0, 1], sum) }),
      OperationCase("mean", [Input([5, 7])], { $0[0].mean() }, reference: { $0[0].reduced([0, 1], mean) }),
      OperationCase(
        "sum_axis", [Input([5, 7])], { $0[0].sum(axis: -1) }, reference: { $0[0].reduced([1], sum) }),
      OperationCase(
        "max_axis", [Input([5, 7], .apart)], { $0[0].max(axis: 0) },
        reference: { $0[0].reduced([0]) { $0.max() ?? 0 } }),
      OperationCase(
        "variance_corrected", [Input([5, 7])], { $0[0].variance(correction: 1) },
        reference: { $0[0].reduced([0, 1]) { variance($0) * 35 / 34 } }),
      OperationCase(
        "sum_of_nothing", [Input([3, 0])], { $0[0].sum(axis: 1) },
        reference: { _ in DoubleArray([3], [0, 0, 0]) }),
      OperationCase(
        "sum_empty", [Input([0, 3])], { $0[0].sum(axis: 1) }, reference: { _ in DoubleArray([0], []) }),
      OperationCase(
        "max_empty", [Input([0, 3])], { $0[0].max(axis: 1) }, reference: { _ in DoubleArray([0], []) }),
    ]
    return alongAxes.flatMap { $0 } + softmaxes + others
  }

  private static var softmaxes: [OperationCase] {
    let variants: [(suffix: String, shape: [Int], axis: Int, large: [Int]?)] = [
      ("", [3, 7], 1, [256, 1024]), ("_first", [5, 3], 0, [256, 1024]),
      ("_middle", [2, 5, 4], 1, [16, 32, 512]),
      ("_short", [6, 1], 1, nil), ("_wide", [2, 37], 1, nil), ("_empty", [0, 4], 1, nil),
      ("_nothing", [4, 0], 1, nil),
    ]
    return variants.flatMap { variant in
      let large = variant.large.map { [Input($0, .uniform(-3..<3))] }
      let inputs = [Input(variant.shape, .uniform(-3..<3))]
      @Sendable func logarithm(_ x: DoubleArray) -> DoubleArray {
        x.reduced([variant.axis], keepDims: true) { Foundation.log($0.reduce(0) { $0 + Foundation.exp($1) }) }
      }
      return [
        OperationCase(
          "softmax\(variant.suffix)", inputs, large: large, { $0[0].softmax(axis: variant.axis) },
          reference: { x in x[0].with(logarithm(x[0])) { Foundation.exp($0 - $1) } }),
        OperationCase(
          "log_softmax\(variant.suffix)", inputs, large: large, { $0[0].logSoftmax(axis: variant.axis) },
          reference: { x in x[0].with(logarithm(x[0])) { $0 - $1 } }),
      ]
    }
  }
}
