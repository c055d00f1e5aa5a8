import CellgateBasics
import CellgateFiles

/// A JSON value whose objects keep the order of their keys; numbers that are not finite become null.
enum JSONValue: Sendable {
  case null
  case bool(Bool)
  case integer(Int)
  case unsigned(UInt64)
  case number(Double)
  case string(String)
  case array([JSONValue])
  case object([(key: String, value: JSONValue)])

  /// The number, or null.
  static func optional(_ value: Double?) -> JSONValue { value.map { .number($0) } ?? .null }
  /// The integer, or null.
  static func optional(_ value: Int?) -> JSONValue { value.map { .integer($0) } ?? .null }
  /// An array of strings.
  static func strings(_ values: [String]) -> JSONValue { .array(values.map { .string($0) }) }

  /// An object with a member more at its end.
  func adding(_ key: String, _ value: JSONValue) -> JSONValue {
    guard case .object(let members) = self else { fail("JSONValue: expected an object, found \(self)") }
    return .object(members + [(key: key, value: value)])
  }

  /// The value on one line.
  var text: String {
    switch self {
    case .null: "null"
    case .bool(let value): value ? "true" : "false"
    case .integer(let value): "\(value)"
    case .unsigned(let value): "\(value)"
    case .number(let value): value.isFinite ? "\(value)" : "null"
    case .string(let value): JSONTree.quoted(value)
    case .array(let values): "[" + values.map(\.text).joined(separator: ",") + "]"
    case .object(let members):
      "{" + members.map { JSONTree.quoted($0.key) + ":" + $0.value.text }.joined(separator: ",") + "}"
    }
  }
}

extension JSONValue: ExpressibleByStringLiteral, ExpressibleByDictionaryLiteral, ExpressibleByArrayLiteral {
  init(stringLiteral value: String) { self = .string(value) }
  init(dictionaryLiteral elements: (String, JSONValue)...) {
    self = .object(elements.map { (key: $0.0, value: $0.1) })
  }
  init(arrayLiteral elements: JSONValue...) { self = .array(elements) }

  /// Prints the value as one line on standard output.
  func print() { Console.print(text) }
}
