/// The value of a task's option, in `config.json` a number, a text, true or false, or a list.
public enum OptionValue: Sendable {
  /// A whole number.
  case whole(Int)
  /// A number.
  case real(Double)
  /// A text: also a choice's name, and a file's path.
  case text(String)
  /// Yes or no.
  case flag(Bool)
  /// Several values.
  case list([OptionValue])

  /// The whole number; nil for other values.
  public var whole: Int? {
    switch self {
    case .whole(let value): value
    case .real(let value): Int(exactly: value)
    default: nil
    }
  }

  /// The number; nil for other values.
  public var real: Double? {
    switch self {
    case .whole(let value): Double(value)
    case .real(let value): value
    default: nil
    }
  }

  /// The text; nil for other values.
  public var text: String? { if case .text(let value) = self { value } else { nil } }

  /// Yes or no; nil for other values.
  public var flag: Bool? { if case .flag(let value) = self { value } else { nil } }

  /// The values; nil for one that is no list.
  public var list: [OptionValue]? { if case .list(let values) = self { values } else { nil } }
}

extension OptionValue: Equatable {
  /// Whether both are the same number, text or list: 1 is 1.0, as a file has only one way to write both.
  public static func == (one: OptionValue, other: OptionValue) -> Bool {
    switch (one, other) {
    case (.whole(let a), .whole(let b)): a == b
    case (.text(let a), .text(let b)): a == b
    case (.flag(let a), .flag(let b)): a == b
    case (.list(let a), .list(let b)): a == b
    default: one.real != nil && one.real == other.real
    }
  }
}

extension OptionValue: Codable {
  /// Reads the value that is there.
  public init(from decoder: any Decoder) throws {
    let value = try decoder.singleValueContainer()
    if let flag = try? value.decode(Bool.self) {
      self = .flag(flag)
    } else if let whole = try? value.decode(Int.self) {
      self = .whole(whole)
    } else if let real = try? value.decode(Double.self) {
      self = .real(real)
    } else if let text = try? value.decode(String.self) {
      self = .text(text)
    } else {
      self = .list(try value.decode([OptionValue].self))
    }
  }

  /// Writes the value alone.
  public func encode(to encoder: any Encoder) throws {
    var value = encoder.singleValueContainer()
    switch self {
    case .whole(let whole): try value.encode(whole)
    case .real(let real): try value.encode(real)
    case .text(let text): try value.encode(text)
    case .flag(let flag): try value.encode(flag)
    case .list(let list): try value.encode(list)
    }
  }
}

extension OptionValue: CustomStringConvertible {
  /// "100", "0.5", "true", "words", "3,5".
  public var description: String {
    switch self {
    case .whole(let value): "\(value)"
    case .real(let value): "\(value)"
    case .text(let value): value
    case .flag(let value): "\(value)"
    case .list(let values): values.map(\.description).joined(separator: ",")
    }
  }
}

extension OptionValue: ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral, ExpressibleByStringLiteral,
  ExpressibleByArrayLiteral
{
  /// A whole number.
  public init(integerLiteral value: Int) { self = .whole(value) }
  /// A number.
  public init(floatLiteral value: Double) { self = .real(value) }
  /// A text.
  public init(stringLiteral value: String) { self = .text(value) }
  /// A list.
  public init(arrayLiteral values: OptionValue...) { self = .list(values) }
}
