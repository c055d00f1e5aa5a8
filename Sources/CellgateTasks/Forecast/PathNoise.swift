import CellgateTensor

/// How the steps of a forecast's path go together: standard normal numbers of a stationary autoregression, by its partial
/// autocorrelations at the lags 1, 2 and so on (Durbin and Levinson's recursion; Brockwell and Davis, Time Series, 5.2). Without any each number is
/// drawn by itself.
struct PathNoise {
  /// How close to −1 and 1 a partial autocorrelation may be.
  static let limit = 0.98

  /// What a step is expected to be by up to so many before, the last one first; and its deviation from that.
  private var weights: [[Double]] = [[]]
  private var deviations = [1.0]

  /// By partial autocorrelations, of which those at the end that are 0 don't count.
  init(partial: some BidirectionalCollection<Float>) {
    let last = partial.lastIndex { $0 != 0 }
    for value in last.map({ partial[...$0] }) ?? partial.prefix(0) {
      let own = value.isNaN ? 0 : min(max(Double(value), -Self.limit), Self.limit)
      let before = weights[weights.count - 1]
      weights.append(Self.next(before, own))
      deviations.append(deviations[deviations.count - 1] * (1 - own * own).squareRoot())
    }
  }

  /// The weights of one more step by the partial autocorrelation at its lag.
  static func next(_ weights: [Double], _ partial: Double) -> [Double] {
    zip(weights, weights.reversed()).map { $0 - partial * $1 } + [partial]
  }

  /// The next `count` numbers, each normal with deviation 1.
  func path(_ count: Int, _ stream: inout RandomStream) -> [Double] {
    var path: [Double] = []
    for step in 0..<count {
      let order = min(step, weights.count - 1)
      var expected = 0.0
      for (place, weight) in weights[order].enumerated() { expected += weight * path[step - 1 - place] }
      path.append(expected + deviations[order] * Double(stream.normal()))
    }
    return path
  }
}
