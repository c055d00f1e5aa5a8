import CellgateBasics

/// How the next symbol is drawn from a model's logits: softmax(logits / temperature), cut to the likeliest symbols.
public struct Sampling: Sendable, Equatable {
  /// Above 1 for more surprises, below 1 for fewer; 0 takes the likeliest symbol, the first of equal ones.
  public var temperature = 1.0
  /// Only the k likeliest symbols; nil for all.
  public var topK: Int?
  /// Of those, only the likeliest until their probabilities sum to p, in (0, 1]; nil for all (Holtzman et al. 2020,
  /// https://arxiv.org/abs/1904.09751).
  public var topP: Double?

  /// Sampling, by default by the model's own probabilities.
  public init(temperature: Double = 1, topK: Int? = nil, topP: Double? = nil) {
    self.temperature = temperature
    self.topK = topK
    self.topP = topP
  }

  /// The probabilities of all symbols, 0 for those that are cut; −∞ is a symbol that never comes.
  public func probabilities(_ logits: [Float]) -> [Double] {
    require(
      temperature >= 0 && temperature.isFinite,
      "Sampling: expected a temperature of 0 or more, found \(temperature)")
    require(topK ?? 1 >= 1, "Sampling: expected 1 or more likeliest, found \(topK ?? 0)")
    require(
      topP.map { $0 > 0 && $0 <= 1 } ?? true,
      "Sampling: expected a probability above 0, up to 1, found \(topP ?? 0)")
    if temperature > 0, topK == nil, topP == nil {
      let largest = Double(logits.max() ?? 0)
      var result = logits.map { exp((Double($0) - largest) / temperature) }
      let sum = result.reduce(0, +)
      for index in result.indices { result[index] /= sum }
      return result
    }
    let order = logits.indices.sorted { (-logits[$0], $0) < (-logits[$1], $1) }
    guard let first = order.first else { return [] }
    var kept = order[...]
    var result = [Double](repeating: 0, count: logits.count)
    if temperature == 0 {
      result[first] = 1
      return result
    }
    if let topK { kept = kept.prefix(topK) }
    let largest = Double(logits[first])
    var sum = 0.0
    for index in kept {
      result[index] = exp((Double(logits[index]) - largest) / temperature)
      sum += result[index]
    }
    if let topP {
      var (reached, count) = (0.0, 0)
      for index in kept where reached < topP * sum {
        reached += result[index]
        count += 1
      }
      for index in kept.dropFirst(count) { result[index] = 0 }
      sum = reached
    }
    for index in kept { result[index] /= sum }
    return result
  }

  /// The symbol in whose share of [0, 1) a number falls.
  public func pick(_ logits: [Float], at number: Double) -> Int {
    let probabilities = probabilities(logits)
    var reached = 0.0
    for (index, probability) in probabilities.enumerated() {
      reached += probability
      if number < reached { return index }
    }
    // Rounding may leave the sum a little below 1.
    return probabilities.lastIndex { $0 > 0 } ?? 0
  }
}
