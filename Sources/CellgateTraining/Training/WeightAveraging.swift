import CellgateNN
import CellgateTensor

/// Which mean of the weights over the updates is evaluated and kept in place of the last weights.
///
///     loop.averaging = .exponential(decay: 0.999)
public enum WeightAveraging: Equatable, Sendable {
  /// The exponential mean: each update's weights count `decay` times as much as the next one's.
  case exponential(decay: Double)
  /// The mean of the weights from update `from` on; the last weights before (Polyak and Juditsky 1992).
  case mean(from: Int)
  /// The mean of the weights since the monitored value had not improved for so many records; the last weights before:
  /// NT-ASGD (Merity et al. 2017, https://arxiv.org/abs/1708.02182) with the optimiser at hand.
  case meanFromPlateau(patience: Int)

  /// What is wrong with it: what was expected and what was found; nil for nothing.
  public var problem: String? {
    switch self {
    case .exponential(let decay):
      decay > 0 && decay < 1 ? nil : "expected a decay above 0, below 1, found \(decay)"
    case .mean(let from):
      (0...TrainingSettings.mostSteps).contains(from) ? nil : "expected an update of 0 or more, found \(from)"
    case .meanFromPlateau(let patience):
      patience > 0 ? nil : "expected 1 or more records, found \(patience)"
    }
  }
}

extension WeightAveraging: LosslessStringConvertible {
  /// Reads "ema:0.999", "from:1000" or "plateau:5"; nil for another text.
  public init?(_ text: String) {
    let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    guard parts.count == 2 else { return nil }
    let (whole, real) = (Int(parts[1]), Double(parts[1]))
    switch parts[0] {
    case "ema":
      guard let real else { return nil }
      self = .exponential(decay: real)
    case "from":
      guard let whole else { return nil }
      self = .mean(from: whole)
    case "plateau":
      guard let whole else { return nil }
      self = .meanFromPlateau(patience: whole)
    default: return nil
    }
  }

  /// "ema:0.999", "from:1000" or "plateau:5".
  public var description: String {
    switch self {
    case .exponential(let decay): "ema:\(decay)"
    case .mean(let from): "from:\(from)"
    case .meanFromPlateau(let patience): "plateau:\(patience)"
    }
  }
}

extension WeightAveraging: Codable {
  /// Reads the text of `description`.
  public init(from decoder: any Decoder) throws {
    let value = try decoder.singleValueContainer()
    guard let averaging = WeightAveraging(try value.decode(String.self)) else {
      throw DecodingError.dataCorruptedError(
        in: value, debugDescription: "expected ema:X, from:N or plateau:N")
    }
    self = averaging
  }

  /// Writes the text of `description`.
  public func encode(to encoder: any Encoder) throws {
    var value = encoder.singleValueContainer()
    try value.encode(description)
  }
}

/// How far the mean of the weights is.
public struct WeightAverage {
  /// The mean, as `ParameterSet.values`, which each update changes in its place; nil before the first that counts.
  public var values: Tensor?
  /// Updates whose weights are in it.
  public var count = 0
  /// The best of the monitored values, negated where more is better; nil before the first.
  public var best: Double?
  /// Records since the best one.
  public var sinceBest = 0

  /// Without any update.
  public init() {}

  /// Takes the weights after update `step`, counted from 1, if they count.
  mutating func add(_ parameters: ParameterSet, step: Int, _ averaging: WeightAveraging) {
    let share: Double
    switch averaging {
    case .exponential(let decay): share = (1 - decay) / (1 - Self.power(decay, count + 1))
    case .mean(let from):
      if step < from { return }
      share = 1 / Double(count + 1)
    case .meanFromPlateau(let patience):
      if count == 0, sinceBest < patience { return }
      share = 1 / Double(count + 1)
    }
    count += 1
    guard let values else {
      values = parameters.values.copied()
      return
    }
    let (mean, new, rate) = unsafe (values.pointer, parameters.values.pointer, Float(share))
    ThreadPool.current.run(over: parameters.count) { range in
      for index in range { unsafe mean[index] += rate * (new[index] - mean[index]) }
    }
  }

  /// Takes a record's value, of which less is better.
  mutating func observe(_ value: Double) {
    if let best, !(value < best) {
      sinceBest += 1
    } else {
      (best, sinceBest) = (value, 0)
    }
  }

  /// x^n by squaring: the same bits on every machine.
  private static func power(_ x: Double, _ n: Int) -> Double {
    var (result, factor, rest) = (1.0, x, n)
    while rest > 0 {
      if rest & 1 == 1 { result *= factor }
      factor *= factor
      rest >>= 1
    }
    return result
  }
}
