import CellgateTensor
import Foundation

extension OperationCase {
  /// The log-likelihood of a linear-chain conditional random field, whose reference goes through all paths.
  static var linearChain: [OperationCase] {
    func inputs(_ steps: Int, _ batch: Int, _ count: Int) -> [Input] {
      [
        Input([steps, batch, count]), Input([count, count]), Input([count]), Input([count]),
      ]
    }
    func chain(
      _ name: String, _ inputs: [Input], large: [Input]? = nil, many: [Input]? = nil, lengths: [Int]? = nil
    ) -> OperationCase {
      OperationCase(
        name, inputs, large: large, many: many, tolerance: 2e-6,
        { x in
          crfLogLikelihood(
            x[0], tags: tags(x[0].shape), transitions: x[1], first: x[2], last: x[3], lengths: lengths)
        },
        reference: { x in
          DoubleArray([x[0].shape[1]]) { index in
            let length = lengths?[index[0]] ?? x[0].shape[0]
            let own = tags(x[0].shape)
            let path = (0..<length).map { Int(own[$0 * x[0].shape[1] + index[0]]) }
            let all = DoubleArray.indices([Int](repeating: x[0].shape[2], count: length))
            let sum = all.reduce(0) { $0 + exp(score($1, x, index[0])) }
            return score(path, x, index[0]) - log(sum)
          }
        })
    }
    return [
      chain(
        "crf_log_likelihood", inputs(4, 3, 3), large: inputs(64, 64, 17), many: inputs(5, 40, 4)),
      chain("crf_log_likelihood_lengths", inputs(4, 4, 3), lengths: [4, 1, 0, 3]),
      chain("crf_log_likelihood_one_tag", inputs(3, 2, 1)),
      chain("crf_log_likelihood_no_steps", inputs(0, 2, 3)),
      chain("crf_log_likelihood_no_sequences", inputs(3, 0, 2)),
    ]
  }

  /// Some tags of scores [T, B, K].
  @Sendable private static func tags(_ shape: [Int]) -> [Int32] {
    (0..<shape[0] * shape[1]).map { Int32(($0 * 7 + 1) % shape[2]) }
  }

  /// The score of a path by scores x[0], transitions x[1], and first and last scores x[2] and x[3].
  @Sendable private static func score(_ path: [Int], _ x: [DoubleArray], _ sequence: Int) -> Double {
    guard let first = path.first, let last = path.last else { return 0 }
    let steps = path.enumerated().reduce(0) { $0 + x[0][[$1.offset, sequence, $1.element]] }
    let moves = zip(path, path.dropFirst()).reduce(0) { $0 + x[1][[$1.0, $1.1]] }
    return x[2][[first]] + steps + moves + x[3][[last]]
  }
}
