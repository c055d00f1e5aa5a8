import CellgateBasics

/// The factors of logits, and of a second opinion beside them, that make the right classes or labels the likeliest.
struct LogitWeights {
  /// That of the logits, one over their temperature, in 0.05 ... 20; 1 where no class is known.
  private(set) var logits = 1.0
  /// That of the evidence, 0 or more; 0 without any.
  private(set) var evidence = 0.0

  /// Of logits and evidence, N rows of L, and the labels of N rows, each answered for itself; one below 0 doesn't count.
  init(logits: [Float], evidence: [Float]?, labels: [[Int32]], count: Int) {
    guard !labels.isEmpty, count > 0 else { return }
    var targets = [Double](repeating: 0, count: logits.count)
    for (row, own) in labels.enumerated() {
      for label in own where label >= 0 { targets[row * count + Int(label)] = 1 }
    }
    // Of many answers some are enough.
    let places = Array(stride(from: 0, to: logits.count, by: logits.count / Self.mostAnswers + 1))
    fit(hasEvidence: evidence != nil) { factor, share in
      places.reduce(0) { sum, place in
        let x = factor * Double(logits[place]) + share * Double(evidence?[place] ?? 0)
        return sum + max(x, 0) - x * targets[place] + log1p(CLibrary.exp(-abs(x)))
      }
    }
  }

  private static let mostAnswers = 200_000

  /// Of logits and evidence, N rows of C, and N classes; a class below 0 doesn't count.
  init(logits: [Float], evidence: [Float]?, classes: [Int32]) {
    let width = classes.isEmpty ? 1 : logits.count / classes.count
    let rows = classes.indices.filter { classes[$0] >= 0 }
    guard !rows.isEmpty, width > 1 else { return }
    func loss(_ factor: Double, _ share: Double) -> Double {
      rows.reduce(0) { sum, row in
        let own = (row * width..<(row + 1) * width).map { place in
          factor * Double(logits[place]) + (share > 0 ? share * Double(evidence?[place] ?? 0) : 0)
        }
        let largest = own.max() ?? 0
        let total = own.reduce(0) { $0 + CLibrary.exp($1 - largest) }
        return sum + largest + CLibrary.log(total) - own[Int(classes[row])]
      }
    }
    fit(hasEvidence: evidence != nil, loss)
  }

  private mutating func fit(hasEvidence: Bool, _ loss: (_ logits: Double, _ evidence: Double) -> Double) {
    // The loss is convex in both factors: one after the other comes to its minimum.
    for _ in 0..<(hasEvidence ? Self.rounds : 1) {
      let share = self.evidence
      self.logits = Self.smallest(in: Self.factors) { loss($0, share) }
      guard hasEvidence else { break }
      let factor = self.logits
      self.evidence = Self.smallest(in: Self.shares) { loss(factor, $0) }
    }
  }

  private static let rounds = 12, factors = 0.05...20.0, shares = 0.0...200.0

  /// Where a convex function is smallest, by the golden section.
  private static func smallest(in range: ClosedRange<Double>, _ function: (Double) -> Double) -> Double {
    var (low, high) = (range.lowerBound, range.upperBound)
    let ratio = (5.0.squareRoot() - 1) / 2
    var (left, right) = (high - ratio * (high - low), low + ratio * (high - low))
    var (atLeft, atRight) = (function(left), function(right))
    for _ in 0..<32 {
      if atLeft < atRight {
        (high, right, atRight) = (right, left, atLeft)
        left = high - ratio * (high - low)
        atLeft = function(left)
      } else {
        (low, left, atLeft) = (left, right, atRight)
        right = low + ratio * (high - low)
        atRight = function(right)
      }
    }
    return (low + high) / 2
  }
}
