import CellgateBasics
import CellgateCells
import CellgateFiles

/// What is wrong with an initialisation in a file: the place, what was expected, and what was found.
public struct InitializationError: Error, Equatable, Sendable, CustomStringConvertible {
  /// "rule 2, start: expected …, found …".
  public let description: String

  init(_ place: String, _ expected: String, _ found: String) {
    description = (place.isEmpty ? "" : place + ": ") + "expected \(expected), found \(found)"
  }

  init(_ place: String, _ reason: String) { description = "\(place): \(reason)" }
}

extension Recurrent.Initialization: Codable {
  /// What names are understood.
  public static let namesText = "cellgate, pytorch, keras or chrono:T, T from 3"

  private static let mostSteps = 1 << 40

  /// "cellgate", "pytorch", "keras" or "chrono:100"; nil for what has no such name.
  public var name: String? {
    if !rules.isEmpty || forgetBias != nil { return nil }
    guard let chronoSteps else { return scheme.rawValue }
    return scheme == .cellgate ? "chrono:\(chronoSteps)" : nil
  }

  /// The initialisation of that name; nil where there is none.
  public init?(named name: String) {
    if let scheme = Scheme(rawValue: name) {
      self.init(scheme)
    } else if name.hasPrefix("chrono:"), let steps = Int(name.dropFirst(7)),
      (3...Self.mostSteps).contains(steps)
    {
      self.init(chronoSteps: steps)
    } else {
      return nil
    }
  }

  /// The initialisation in the bytes of a JSON file, an object with a `base` and `rules`. Throws `InitializationError`.
  public init(json data: Data) throws(InitializationError) {
    do {
      self = try JSONDecoder().decode(Self.self, from: data)
    } catch let error as InitializationError {
      throw error
    } catch let error as DecodingError {
      throw InitializationError(decoding: error)
    } catch {
      throw InitializationError("", "an object with base and rules", "no JSON")
    }
  }

  /// A name, or an object with a `base` and `rules`.
  public init(from decoder: any Decoder) throws {
    if let name = try? decoder.singleValueContainer().decode(String.self) {
      self = try Self.named(name, "initialization")
      return
    }
    let values = try decoder.container(keyedBy: AnyKey.self)
    try values.check(["base", "rules"], "")
    let base = try values.text("base", "") ?? Scheme.cellgate.rawValue
    self = try Self.named(base, "base")
    if values.contains(AnyKey("rules")) {
      var list = try values.nestedUnkeyedContainer(forKey: AnyKey("rules"))
      while !list.isAtEnd {
        rules.append(
          try Rule(list.nestedContainer(keyedBy: AnyKey.self), "rule \(list.currentIndex)"))
      }
    }
  }

  private static func named(_ name: String, _ place: String) throws(InitializationError) -> Self {
    guard let known = Self(named: name) else {
      throw InitializationError(place, namesText, "'\(quotedName(name))'")
    }
    return known
  }

  /// A name where there are no rules. The forget bias is not part of it.
  public func encode(to encoder: any Encoder) throws {
    let base = chronoSteps.map { "chrono:\($0)" } ?? scheme.rawValue
    guard !rules.isEmpty else {
      var value = encoder.singleValueContainer()
      return try value.encode(base)
    }
    var values = encoder.container(keyedBy: AnyKey.self)
    try values.encode(base, forKey: AnyKey("base"))
    var list = values.nestedUnkeyedContainer(forKey: AnyKey("rules"))
    for rule in rules {
      var members = list.nestedContainer(keyedBy: AnyKey.self)
      try rule.encode(to: &members)
    }
  }
}

extension Recurrent.Initialization.Rule {
  fileprivate static let starts: [String: [String]] = [
    "zero": [], "constant": ["value"], "uniform": ["bound"], "normal": ["deviation"],
    "xavier": ["gain", "over"], "orthogonal": ["gain", "over"], "identity": ["gain"], "chrono": ["steps"],
  ]
  private static let order = [
    "zero", "constant", "uniform", "normal", "xavier", "orthogonal", "identity", "chrono",
  ]

  fileprivate init(_ values: KeyedDecodingContainer<AnyKey>, _ place: String) throws {
    guard let name = try values.text("start", place) else {
      throw InitializationError("\(place), start", Self.order.joined(separator: ", "), "none")
    }
    guard let members = Self.starts[name] else {
      throw InitializationError(
        "\(place), start", Self.order.joined(separator: ", "), "'\(quotedName(name))'")
    }
    try values.check(["parameter", "role", "gate", "start"] + members, place)
    parameter = try values.text("parameter", place)
    gate = try values.text("gate", place)
    role = try values.text("role", place).map { text throws(InitializationError) in
      guard let role = ParameterRole(rawValue: text) else {
        throw InitializationError(
          "\(place), role", ParameterRole.allCases.map(\.rawValue).joined(separator: ", "),
          "'\(quotedName(text))'")
      }
      return role
    }
    if parameter == nil, role == nil, gate == nil {
      throw InitializationError(place, "a parameter, a role or a gate", "none")
    }
    func number(_ key: String, above least: Float? = nil) throws -> Float? {
      guard let value = try values.number(key, place) else { return nil }
      guard Float(value).isFinite, least.map({ Float(value) > $0 }) ?? true else {
        throw InitializationError(
          "\(place), \(key)", least == nil ? "a number" : "a number above 0", "\(value)")
      }
      return Float(value)
    }
    func needed(_ key: String, above least: Float? = nil) throws -> Float {
      guard let value = try number(key, above: least) else {
        throw InitializationError("\(place), \(key)", "a number", "none")
      }
      return value
    }
    func allGates() throws -> Bool {
      guard let over = try values.text("over", place) else { return false }
      guard ["gate", "all"].contains(over) else {
        throw InitializationError("\(place), over", "gate or all", "'\(quotedName(over))'")
      }
      return over == "all"
    }
    switch name {
    case "zero": start = .zero
    case "constant": start = .constant(try needed("value"))
    case "uniform": start = .uniform(bound: try number("bound", above: 0))
    case "normal": start = .normal(deviation: try needed("deviation", above: 0))
    case "xavier": start = .xavier(gain: try number("gain", above: 0) ?? 1, allGates: try allGates())
    case "orthogonal": start = .orthogonal(gain: try number("gain", above: 0) ?? 1, allGates: try allGates())
    case "identity": start = .identity(gain: try number("gain") ?? 1)
    default:
      guard let steps = try values.number("steps", place).flatMap({ Int(exactly: $0) }),
        (3...1 << 40).contains(steps)
      else { throw InitializationError("\(place), steps", "a whole number from 3", "another value") }
      start = .chrono(steps: steps)
    }
  }

  fileprivate func encode(to values: inout KeyedEncodingContainer<AnyKey>) throws {
    try values.encodeIfPresent(parameter, forKey: AnyKey("parameter"))
    try values.encodeIfPresent(role?.rawValue, forKey: AnyKey("role"))
    try values.encodeIfPresent(gate, forKey: AnyKey("gate"))
    func number(_ key: String, _ value: Float?) throws {
      try values.encodeIfPresent(value, forKey: AnyKey(key))
    }
    func name(_ name: String) throws { try values.encode(name, forKey: AnyKey("start")) }
    func matrix(_ gain: Float, _ allGates: Bool) throws {
      if gain != 1 { try number("gain", gain) }
      if allGates { try values.encode("all", forKey: AnyKey("over")) }
    }
    switch start {
    case .zero: try name("zero")
    case .constant(let value):
      try name("constant")
      try number("value", value)
    case .uniform(let bound):
      try name("uniform")
      try number("bound", bound)
    case .normal(let deviation):
      try name("normal")
      try number("deviation", deviation)
    case .xavier(let gain, let allGates):
      try name("xavier")
      try matrix(gain, allGates)
    case .orthogonal(let gain, let allGates):
      try name("orthogonal")
      try matrix(gain, allGates)
    case .identity(let gain):
      try name("identity")
      try matrix(gain, false)
    case .chrono(let steps):
      try name("chrono")
      try values.encode(steps, forKey: AnyKey("steps"))
    }
  }
}

private struct AnyKey: CodingKey {
  let stringValue: String
  var intValue: Int? { nil }

  init(_ name: String) { stringValue = name }
  init(stringValue: String) { self.stringValue = stringValue }
  init?(intValue: Int) { nil }
}

extension KeyedDecodingContainer<AnyKey> {
  /// Throws for the first key that is none of these.
  fileprivate func check(_ known: [String], _ place: String) throws(InitializationError) {
    for key in allKeys.map(\.stringValue).sorted() where !known.contains(key) {
      let expected = known.count > 1 ? "one of the keys \(known.joined(separator: ", "))" : "no other key"
      throw InitializationError(place, expected, "'\(quotedName(key))'")
    }
  }

  /// The text at a key; nil where there is none.
  fileprivate func text(_ key: String, _ place: String) throws(InitializationError) -> String? {
    guard contains(AnyKey(key)) else { return nil }
    guard let text = try? decode(String.self, forKey: AnyKey(key)) else {
      throw InitializationError(place.isEmpty ? key : "\(place), \(key)", "a text", "another value")
    }
    return text
  }

  /// The number at a key; nil where there is none.
  fileprivate func number(_ key: String, _ place: String) throws(InitializationError) -> Double? {
    guard contains(AnyKey(key)) else { return nil }
    guard let number = try? decode(Double.self, forKey: AnyKey(key)) else {
      throw InitializationError("\(place), \(key)", "a number", "another value")
    }
    return number
  }
}

extension InitializationError {
  fileprivate init(decoding error: DecodingError) {
    switch error {
    case .typeMismatch(_, let context), .valueNotFound(_, let context):
      let names = context.codingPath.map { $0.intValue.map { "rule \($0 + 1)" } ?? $0.stringValue }
      self.init(names.last ?? "", names.last == "rules" ? "a list" : "an object", "another value")
    default: self.init("", "an object with base and rules", "no JSON")
    }
  }
}
