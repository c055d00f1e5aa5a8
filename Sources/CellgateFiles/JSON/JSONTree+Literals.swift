extension JSONTree {
  /// A whole number.
  public static func integer(_ value: Int) -> JSONTree { .number("\(value)") }
  /// A number; null where it is not finite.
  public static func real(_ value: Double) -> JSONTree { value.isFinite ? .number("\(value)") : .null }
  /// A number with the fewest digits that give it back; null where it is not finite.
  public static func real(_ value: Float) -> JSONTree { value.isFinite ? .number("\(value)") : .null }
}

/// JSON as it is written: `["name": "h", "sizes": [1, 2], "isBuilt": true]`.
extension JSONTree: ExpressibleByDictionaryLiteral, ExpressibleByArrayLiteral, ExpressibleByStringLiteral,
  ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral, ExpressibleByBooleanLiteral
{
  /// An object whose members are in this order.
  public init(dictionaryLiteral elements: (String, JSONTree)...) {
    self = .object(elements.map { Member($0.0, $0.1) })
  }
  /// Values in order.
  public init(arrayLiteral elements: JSONTree...) { self = .array(elements) }
  /// A string.
  public init(stringLiteral value: String) { self = .string(value) }
  /// A whole number.
  public init(integerLiteral value: Int) { self = .integer(value) }
  /// A number.
  public init(floatLiteral value: Double) { self = .real(value) }
  /// true or false.
  public init(booleanLiteral value: Bool) { self = .bool(value) }
}
