import CellgateBasics

/// All ways in which the steps of one sequence say a target: the states are the target's symbols with a blank before, between and
/// after them.
struct CTCAlignment {
  private let steps: Int, count: Int
  /// The symbol of each state.
  private let states: [Int]
  /// Whether a state may be reached from the one before the blank before it.
  private let skips: [Bool]
  /// ln p of each symbol at each step, [T, K].
  private let scores: [Double]

  /// The alignment of T steps, of which `fill` writes the K logits into a row.
  init(steps: Int, count: Int, target: [Int32], blank: Int, fill: (Int, inout [Double]) -> Void) {
    (self.steps, self.count) = (steps, count)
    let states = target.flatMap { [blank, Int($0)] } + [blank]
    self.states = states
    skips = states.indices.map { $0 >= 2 && states[$0] != blank && states[$0] != states[$0 - 2] }
    var scores = [Double](repeating: 0, count: steps * count)
    var row = [Double](repeating: 0, count: count)
    for step in 0..<steps {
      fill(step, &row)
      let sum = logSum(row)
      for symbol in 0..<count { scores[step * count + symbol] = row[symbol] - sum }
    }
    self.scores = scores
  }

  /// ln Σ p of the paths up to each step that end in each state, [T, S].
  private var forwardSums: [Double] {
    let size = states.count
    var sums = [Double](repeating: -.infinity, count: steps * size)
    for step in 0..<steps {
      let (row, last) = (step * size, (step - 1) * size)
      for state in states.indices {
        let own = scores[step * count + states[state]]
        guard step > 0 else {
          if state < 2 { sums[state] = own }
          continue
        }
        sums[row + state] =
          own
          + logSum(
            sums[last + state], state > 0 ? sums[last + state - 1] : -.infinity,
            skips[state] ? sums[last + state - 2] : -.infinity)
      }
    }
    return sums
  }

  /// ln Σ p of all paths.
  private func total(_ sums: [Double]) -> Double {
    guard steps > 0 else { return states.count == 1 ? 0 : -.infinity }
    return logSum(sums[sums.count - 1], states.count > 1 ? sums[sums.count - 2] : -.infinity, -.infinity)
  }

  /// −ln p of the target; ∞ where no path says it.
  var loss: Double { -total(forwardSums) }

  /// Gives for each step, from the last one on, the gradient of the loss by its logits, [K]: the probability of each symbol, less
  /// that of being at it in a path that says the target.
  func forEachGradient(zeroInfinity: Bool, _ body: (_ step: Int, _ gradient: [Double]) -> Void) {
    let sums = forwardSums
    let total = total(sums)
    var row = [Double](repeating: 0, count: count)
    guard total > -.infinity || total.isNaN else {
      if !zeroInfinity { row = [Double](repeating: .nan, count: count) }
      for step in (0..<steps).reversed() { body(step, row) }
      return
    }
    let size = states.count
    // ln Σ p of the paths that go on from each state, without that of the state itself.
    var rest = [Double](repeating: -.infinity, count: size)
    for state in max(0, size - 2)..<size { rest[state] = 0 }
    for step in (0..<steps).reversed() {
      for symbol in 0..<count { row[symbol] = CLibrary.exp(scores[step * count + symbol]) }
      for state in states.indices {
        row[states[state]] -= CLibrary.exp(sums[step * size + state] + rest[state] - total)
      }
      body(step, row)
      let ahead = states.indices.map { rest[$0] + scores[step * count + states[$0]] }
      for state in states.indices {
        rest[state] = logSum(
          ahead[state], state + 1 < size ? ahead[state + 1] : -.infinity,
          state + 2 < size && skips[state + 2] ? ahead[state + 2] : -.infinity)
      }
    }
  }
}

/// ln Σ e^v.
private func logSum(_ v: [Double]) -> Double {
  let top = v.max() ?? -.infinity
  guard top.isFinite else { return v.contains { $0.isNaN } ? .nan : top }
  return top + CLibrary.log(v.reduce(0) { $0 + CLibrary.exp($1 - top) })
}

/// ln (e^a + e^b + e^c).
private func logSum(_ a: Double, _ b: Double, _ c: Double) -> Double {
  let top = max(a, b, c)
  guard top.isFinite else { return a.isNaN || b.isNaN || c.isNaN ? .nan : top }
  return top + CLibrary.log(CLibrary.exp(a - top) + CLibrary.exp(b - top) + CLibrary.exp(c - top))
}
