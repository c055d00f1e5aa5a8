import CellgateTensor
import Foundation

extension OperationCase {
  /// Attention: contexts and weights side by side.
  static var attention: [OperationCase] {
    additive + dot + heads + [
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

  /// Several heads at once, in blocks: the sizes lie around those of a block.
  private static var heads: [OperationCase] {
    [
      headed("head_attention", 3, 4, heads: 2),
      headed("head_attention_causal", 5, 5, heads: 3, isCausal: true),
      headed("head_attention_causal_later", 3, 7, heads: 2, isCausal: true),
      headed("head_attention_causal_earlier", 7, 3, heads: 2, isCausal: true),
      headed("head_attention_window", 6, 9, heads: 2, isCausal: true, window: 3),
      headed("head_attention_seen", 3, 6, heads: 2, seen: [0..<6, 2..<2, 1..<4]),
      headed("head_attention_seen_causal", 4, 6, heads: 1, seen: [0..<3, 3..<6, 6..<6], isCausal: true),
      headed("head_attention_blocks", 67, 131, heads: 1, size: 2, seen: [3..<131, 0..<70, 66..<67]),
      headed(
        "head_attention_causal_blocks", 130, 135, heads: 1, size: 2, seen: [0..<135, 9..<135, 80..<81],
        isCausal: true, window: 66),
      headed("head_attention_one", 1, 1, heads: 1, size: 1),
      headed("head_attention_no_queries", 0, 3, heads: 1),
      headed("head_attention_no_places", 2, 0, heads: 1),
      OperationCase(
        "head_attention_training", [Input([4, 2, 6]), Input([4, 2, 6]), Input([4, 2, 6])],
        large: Array(repeating: Input([128, 32, 256]), count: 3),
        many: Array(repeating: Input([70, 4, 8]), count: 3),
        tolerance: 2e-6, { headAttention($0[0], $0[1], $0[2], heads: 2, isCausal: true) },
        reference: { headDefinition($0, heads: 2, seen: nil, isCausal: true, window: nil) }),
      // The gradients of queries, keys and values meet in one tensor.
      OperationCase(
        "head_attention_shared", [Input([4, 2, 6])], tolerance: 2e-6,
        { headAttention($0[0], $0[0], $0[0], heads: 2, scale: 0.7) },
        reference: {
          headDefinition(
            [$0[0], $0[0], $0[0]], heads: 2, seen: nil, isCausal: false, window: nil, scale: 0.7)
        }),
      OperationCase(
        "rotary_positions", [Input([3, 2, 8])], large: [Input([128, 32, 256])],
        { RotaryPositions(size: 4, places: 200)($0[0], first: 5) },
        reference: { x in
          DoubleArray(x[0].shape) { index in
            let (pair, other) = (index[2] % 2, index[2] % 4 < 2 ? 2 : -2)
            let angle = Double(5 + index[0]) * pow(10_000, -Double(pair) / 2)
            let beside = x[0][[index[0], index[1], index[2] + other]]
            return x[0][index] * cos(angle) - (other > 0 ? 1 : -1) * beside * sin(angle)
          }
        }),
    ]
  }

  private static func headed(
    _ name: String, _ steps: Int, _ places: Int, heads: Int, size: Int = 3, seen: [Range<Int>]? = nil,
    isCausal: Bool = false, window: Int? = nil
  ) -> OperationCase {
    OperationCase(
      name,
      [
        Input([steps, 3, heads * size], .uniform(-2..<2)),
        Input([places, 3, heads * size], .uniform(-2..<2)),
        Input([places, 3, heads * 2]),
      ], tolerance: 2e-6,
      { headAttention($0[0], $0[1], $0[2], heads: heads, seen: seen, isCausal: isCausal, window: window) },
      reference: { headDefinition($0, heads: heads, seen: seen, isCausal: isCausal, window: window) })
  }

  @Sendable private static func headDefinition(
    _ x: [DoubleArray], heads: Int, seen: [Range<Int>]?, isCausal: Bool, window: Int?, scale: Double? = nil
  ) -> DoubleArray {
    let (steps, places, batch) = (x[0].shape[0], x[1].shape[0], x[0].shape[1])
    let (size, width) = (x[0].shape[2] / heads, x[2].shape[2] / heads)
    var weights: [[Int]: [Double]] = [:]
    for index in DoubleArray.indices([steps, batch, heads]) {
      let (step, sequence, first) = (index[0], index[1], index[2] * size)
      let end = isCausal ? step + 1 + places - steps : places
      var own = (0..<places).map { place -> Double in
        guard seen?[sequence].contains(place) ?? true, place < end, place >= end - (window ?? .max / 2) else {
          return 0
        }
        let product = (first..<first + size).reduce(0.0) {
          $0 + x[0][[step, sequence, $1]] * x[1][[place, sequence, $1]]
        }
        return exp(product * (scale ?? 1 / Double(size).squareRoot()))
      }
      let sum = own.reduce(0, +)
      if sum > 0 { own = own.map { $0 / sum } }
      weights[index] = own
    }
    return DoubleArray([steps, batch, heads * width]) { index in
      let own = weights[[index[0], index[1], index[2] / width]] ?? []
      return own.enumerated().reduce(0) { $0 + $1.element * x[2][[$1.offset, index[1], index[2]]] }
    }
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
