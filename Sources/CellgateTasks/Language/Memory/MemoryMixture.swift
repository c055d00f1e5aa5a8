import CellgateBasics

/// Shares of several predictions such that their mixture is the best one for known symbols.
enum MemoryMixture {
  /// The shares, and the mean of −ln of the mixture, for the probabilities that each of the parts gave the symbols: expectation
  /// maximisation, which finds the one best point of this loss.
  static func best(_ parts: [[Double]]) -> (shares: [Double], nats: Double) {
    let count = parts[0].count
    var shares = [Double](repeating: 1 / Double(parts.count), count: parts.count)
    guard count > 0 else { return (shares, 0) }
    for _ in 0..<mostSteps {
      var sums = [Double](repeating: 0, count: parts.count)
      for place in 0..<count {
        var all = Double.leastNormalMagnitude
        for part in 0..<parts.count { all += shares[part] * parts[part][place] }
        for part in 0..<parts.count { sums[part] += shares[part] * parts[part][place] / all }
      }
      var change = 0.0
      for part in 0..<parts.count {
        let share = sums[part] / Double(count)
        change = max(change, abs(share - shares[part]))
        shares[part] = share
      }
      if change < precision { break }
    }
    return (shares, nats(parts, shares))
  }

  /// The mean of −ln of a mixture.
  static func nats(_ parts: [[Double]], _ shares: [Double]) -> Double {
    let count = parts[0].count
    let sum = (0..<count).reduce(0.0) { sum, place in
      sum - log(max(zip(parts, shares).reduce(0) { $0 + $1.0[place] * $1.1 }, .leastNormalMagnitude))
    }
    return sum / Double(max(1, count))
  }

  private static let mostSteps = 200, precision = 1e-6
}
