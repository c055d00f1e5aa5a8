import CellgateTensor
import Foundation

extension OperationCase {
  /// The loss of connectionist temporal classification, whose reference goes through all paths.
  static var temporalClassification: [OperationCase] {
    func loss(
      _ name: String, _ inputs: [Input], large: [Input]? = nil, many: [Input]? = nil,
      targets: @escaping @Sendable (_ batch: Int) -> [[Int32]], lengths: [Int]? = nil, blank: Int = 0,
      zeroInfinity: Bool = false
    ) -> OperationCase {
      OperationCase(
        name, inputs, large: large, many: many, tolerance: 2e-6,
        { x in
          ctcLoss(
            x[0], targets: targets(x[0].shape[1]), lengths: lengths, blank: blank, zeroInfinity: zeroInfinity)
        },
        reference: { x in
          let (steps, batch, count) = (x[0].shape[0], x[0].shape[1], x[0].shape[2])
          return DoubleArray([batch]) { index in
            let length = lengths?[index[0]] ?? steps
            let target = targets(batch)[index[0]].map(Int.init)
            let paths = DoubleArray.indices([Int](repeating: count, count: length))
            let sum = paths.filter { collapsed($0, blank) == target }.reduce(0.0) {
              $0 + exp(probability($1, x[0], index[0]))
            }
            return zeroInfinity && sum == 0 ? 0 : -log(sum)
          }
        })
    }
    func cycle(_ targets: [[Int32]]) -> @Sendable (Int) -> [[Int32]] {
      { batch in (0..<batch).map { targets[$0 % targets.count] } }
    }
    return [
      loss(
        "ctc_loss", [Input([5, 4, 3])], large: [Input([150, 32, 29])], many: [Input([6, 24, 3])],
        targets: cycle([[1, 2], [2, 2], [], [1, 2, 1]])),
      loss(
        "ctc_loss_lengths", [Input([4, 4, 3])], targets: cycle([[1], [2, 1], [], []]), lengths: [4, 2, 3, 0]),
      loss("ctc_loss_other_blank", [Input([4, 2, 3])], targets: cycle([[0, 1], [1]]), blank: 2),
      loss(
        "ctc_loss_zero_infinity", [Input([2, 3, 3])], targets: cycle([[1, 1], [1, 2], [1, 2, 1]]),
        zeroInfinity: true),
      loss("ctc_loss_no_sequences", [Input([3, 0, 2])], targets: { _ in [] }),
    ]
  }

  /// A path without blanks, of each run of a symbol one.
  @Sendable private static func collapsed(_ path: [Int], _ blank: Int) -> [Int] {
    path.indices.filter { path[$0] != blank && ($0 == 0 || path[$0 - 1] != path[$0]) }.map { path[$0] }
  }

  /// ln p of a path.
  @Sendable private static func probability(_ path: [Int], _ x: DoubleArray, _ sequence: Int) -> Double {
    path.enumerated().reduce(0) { total, place in
      let row = (0..<x.shape[2]).map { x[[place.offset, sequence, $0]] }
      return total + row[place.element] - log(row.reduce(0) { $0 + exp($1) })
    }
  }
}
