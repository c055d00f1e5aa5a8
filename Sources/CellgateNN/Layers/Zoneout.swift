import CellgateCells
import CellgateFiles

/// How likely a unit of each state of a recurrent cell keeps its last value while training (Krueger et al. 2017,
/// https://arxiv.org/abs/1606.01305): one probability for all states, or some states' own.
///
///     LSTM(64, zoneout: 0.1)
///     LSTM(64, zoneout: ["h": 0.05, "c": 0.5])
public enum Zoneout: Equatable, Sendable {
  /// The same for every state.
  case all(Float)
  /// By the states' names; of others 0.
  case states([String: Float])

  /// The probability of a state's units.
  public func rate(of state: String) -> Float {
    switch self {
    case .all(let rate): rate
    case .states(let rates): rates[state] ?? 0
    }
  }

  /// Whether it keeps nothing.
  var isOff: Bool {
    switch self {
    case .all(let rate): rate == 0
    case .states(let rates): rates.values.allSatisfy { $0 == 0 }
    }
  }

  /// What is wrong with it for a cell: what was expected and what was found; nil for nothing.
  public func problem(for cell: Cell) -> String? {
    func problem(_ rate: Float) -> String? {
      rate >= 0 && rate < 1 ? nil : "expected 0 or more, below 1, found \(rate)"
    }
    switch self {
    case .all(let rate): return problem(rate)
    case .states(let rates):
      for (state, rate) in rates.sorted(by: { $0.key < $1.key }) {
        guard cell.states.contains(state) else {
          return "expected states of the cell \(cell.name), \(cell.states.joined(separator: ", ")), "
            + "found '\(quotedName(state))'"
        }
        if let problem = problem(rate) { return "\(state): \(problem)" }
      }
      return nil
    }
  }
}

extension Zoneout: ExpressibleByFloatLiteral, ExpressibleByIntegerLiteral, ExpressibleByDictionaryLiteral {
  /// The same probability for every state.
  public init(floatLiteral value: Float) { self = .all(value) }
  /// The same probability for every state.
  public init(integerLiteral value: Int) { self = .all(Float(value)) }
  /// The probabilities by the states' names.
  public init(dictionaryLiteral rates: (String, Float)...) {
    self = .states(Dictionary(rates) { first, _ in first })
  }
}

extension Zoneout: LosslessStringConvertible {
  /// Reads "0.1", or "h=0.05,c=0.5"; nil for another text.
  public init?(_ text: String) {
    if let rate = Float(text) {
      self = .all(rate)
      return
    }
    var rates: [String: Float] = [:]
    for part in text.split(separator: ",", omittingEmptySubsequences: false) {
      let sides = part.split(separator: "=", omittingEmptySubsequences: false)
      guard sides.count == 2, !sides[0].isEmpty, let rate = Float(sides[1]),
        rates.updateValue(rate, forKey: String(sides[0])) == nil
      else { return nil }
    }
    self = .states(rates)
  }

  /// "0.1", or "c=0.5,h=0.05".
  public var description: String {
    switch self {
    case .all(let rate): "\(rate)"
    case .states(let rates):
      rates.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: ",")
    }
  }
}

extension Zoneout: Codable {
  /// Reads a number, or an object of numbers.
  public init(from decoder: any Decoder) throws {
    let value = try decoder.singleValueContainer()
    if let rate = try? value.decode(Float.self) {
      self = .all(rate)
    } else {
      self = .states(try value.decode([String: Float].self))
    }
  }

  /// Writes a number, or an object of numbers.
  public func encode(to encoder: any Encoder) throws {
    var value = encoder.singleValueContainer()
    switch self {
    case .all(let rate): try value.encode(rate)
    case .states(let rates): try value.encode(rates)
    }
  }
}
