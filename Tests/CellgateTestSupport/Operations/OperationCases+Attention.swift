import CellgateTensor
import Foundation

extension OperationCase {
  /// Attention: contexts and weights side by side.
  static var attention: [OperationCase] {
    additive + dot + [
      scaled("scaled_dot_product_attention", large: ([16, 8, 64, 64], [16, 8, 64, 64], [16, 8, 64, 64])),
      scaled("scaled_dot_product_attention_lengths", lengths: [3, 0]),
      scaled("scaled_dot_product_attention_causal", isCausal: true),
      scaled("scaled_dot_product_attention_both", lengths: [2, 4], isCausal: true),
      OperationCase(
        "softmax_of_first", [Input([4, 5])], large: [Input([1024, 196])],
        { x in x[0].softmax(first: (0..<x[0].shape[0]).map { $0 * 7 % (x[0].shape[1] + 1) }) },
        reference: { x in
          DoubleArray(x[0].shape) { index in
            let row = (0..<index[0] * 7 % 6).map { exp(x[0][[index[0], $0]]) }
            return index[1] < row.count ? row[index[1]] / row.reduce(0, +) : 0
          }
        }),
    ]
  }

  /// Of 3 sequences of 4 places the first is seen whole, of the second nothing, of the third all but the second place.
  private static let seen: [[Range<Int>]] = [[0..<4], [], [0..<1, 2..<4]]
  private static let owners: [Int32] = [2, 0, 1, 2, 0]

  private static func joined(_ result: Attended) -> Tensor { concatenated([result.context, result.weights]) }

  private static var additive: [OperationCase] {
    func shapes(_ n: [Int], _ s: Int, _ b: Int, _ a: Int, _ m: Int) -> [Input] {
      [
        Input(n + [a], .uniform(-2..<2)), Input([s, b, a]), Input([s, b, m]), Input([a]),
      ]
    }
    @Sendable func reference(_ seen: [[Range<Int>]]?, _ owners: [Int32]?)
      -> @Sendable ([DoubleArray]) -> DoubleArray
    {
      { x in
        definition(x, seen, owners) { q, k in
          zip(zip(q, k), x[3].values).reduce(0) { $0 + $1.1 * tanh($1.0.0 + $1.0.1) }
        }
      }
    }
    return [
      OperationCase(
        "additive_attention", shapes([2, 3], 4, 3, 5, 2), large: shapes([128], 49, 128, 512, 512),
        many: shapes([40], 9, 40, 64, 32), tolerance: 2e-6,
        { joined(additiveAttention($0[0], keys: $0[1], values: $0[2], score: $0[3])) },
        reference: reference(nil, nil)),
      OperationCase(
        "additive_attention_seen", shapes([3], 4, 3, 17, 3), tolerance: 2e-6,
        { joined(additiveAttention($0[0], keys: $0[1], values: $0[2], score: $0[3], seen: seen)) },
        reference: reference(seen, nil)),
      OperationCase(
        "additive_attention_sequences", shapes([5], 4, 3, 33, 3), tolerance: 2e-6,
        {
          joined(
            additiveAttention(
              $0[0], keys: $0[1], values: $0[2], score: $0[3], seen: seen, sequences: owners))
        },
        reference: reference(seen, owners)),
      OperationCase(
        "additive_attention_no_queries", shapes([0], 4, 0, 5, 2), isDifferentiable: true,
        { joined(additiveAttention($0[0], keys: $0[1], values: $0[2], score: $0[3])) },
        reference: { _ in DoubleArray([0, 6], []) }),
      OperationCase(
        "additive_attention_no_places", shapes([2], 0, 2, 5, 3),
        { joined(additiveAttention($0[0], keys: $0[1], values: $0[2], score: $0[3])) },
        reference: { _ in DoubleArray([2, 3], [Double](repeating: 0, count: 6)) }),
    ]
  }

  private static var dot: [OperationCase] {
    func shapes(_ n: [Int], _ s: Int, _ b: Int, _ a: Int, _ m: Int) -> [Input] {
      [Input(n + [a]), Input([s, b, a]), Input([s, b, m])]
    }
    @Sendable func reference(_ seen: [[Range<Int>]]?, _ owners: [Int32]?)
      -> @Sendable ([DoubleArray]) -> DoubleArray
    {
      { x in definition(x, seen, owners) { q, k in 0.7 * zip(q, k).reduce(0) { $0 + $1.0 * $1.1 } } }
    }
    return [
      OperationCase(
        "dot_attention", shapes([2, 3], 4, 3, 5, 2), large: shapes([128], 49, 128, 512, 512),
        many: shapes([40], 9, 40, 64, 32), tolerance: 2e-6,
        { joined(dotAttention($0[0], keys: $0[1], values: $0[2], scale: 0.7)) },
        reference: reference(nil, nil)),
      OperationCase(
        "dot_attention_sequences", shapes([5], 4, 3, 17, 3), tolerance: 2e-6,
        {
          joined(
            dotAttention($0[0], keys: $0[1], values: $0[2], scale: 0.7, seen: seen, sequences: owners))
        },
        reference: reference(seen, owners)),
      // The gradients of keys and values meet in one tensor.
      OperationCase(
        "dot_attention_shared", [Input([3, 5]), Input([4, 3, 5])], tolerance: 2e-6,
        { joined(dotAttention($0[0], keys: $0[1], values: $0[1], scale: 0.7)) },
        reference: { x in reference(nil, nil)([x[0], x[1], x[1]]) }),
    ]
  }

  /// Contexts and weights of queries x[0], keys x[1] and values x[2] by their scores.
  @Sendable private static func definition(
    _ x: [DoubleArray], _ seen: [[Range<Int>]]?, _ owners: [Int32]?,
    _ score: (_ query: [Double], _ key: [Double]) -> Double
  ) -> DoubleArray {
    let (places, batch, size, width) = (x[1].shape[0], x[1].shape[1], x[1].shape[2], x[2].shape[2])
    let leading = Array(x[0].shape.dropLast())
    var values: [Double] = []
    for (row, index) in DoubleArray.indices(leading).enumerated() {
      let sequence = owners.map { Int($0[row]) } ?? row % batch
      let visible = seen.map { $0[sequence].flatMap(Array.init) } ?? Array(0..<places)
      let query = (0..<size).map { x[0][index + [$0]] }
      var weights = [Double](repeating: 0, count: places)
      for place in visible {
        weights[place] = exp(score(query, (0..<size).map { x[1][[place, sequence, $0]] }))
      }
      let sum = weights.reduce(0, +)
      if sum > 0 { weights = weights.map { $0 / sum } }
      values += (0..<width).map { column in
        (0..<places).reduce(0) { $0 + weights[$1] * x[2][[$1, sequence, column]] }
      }
      values += weights
    }
    return DoubleArray(leading + [width + places], values)
  }

  private static func scaled(
    _ name: String, lengths: [Int]? = nil, isCausal: Bool = false, large: ([Int], [Int], [Int])? = nil
  ) -> OperationCase {
    let (steps, places, size, width) = (3, 4, 5, 2)
    return OperationCase(
      name, [Input([2, 2, steps, size]), Input([2, 2, places, size]), Input([2, 2, places, width])],
      large: large.map { [Input($0.0), Input($0.1), Input($0.2)] }, tolerance: 2e-6,
      { joined(scaledDotProductAttention($0[0], $0[1], $0[2], lengths: lengths, isCausal: isCausal)) },
      reference: { x in
        DoubleArray([2, 2, steps, width + places]) { index in
          let own = Array(index.prefix(2)), step = index[2]
          let count = min(lengths?[index[0]] ?? places, isCausal ? step + 1 + places - steps : places)
          let scores = (0..<count).map { place in
            exp(
              (0..<size).reduce(0) { $0 + x[0][own + [step, $1]] * x[1][own + [place, $1]] }
                / Double(size).squareRoot())
          }
          let weights = scores.map { $0 / scores.reduce(0, +) }
          if index[3] >= width { return index[3] - width < count ? weights[index[3] - width] : 0 }
          return (0..<count).reduce(0) { $0 + weights[$1] * x[2][own + [$1, index[3]]] }
        }
      })
  }
}
