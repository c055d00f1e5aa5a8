/// A whole JSON value in memory; objects keep the order of their members.
public indirect enum JSONTree: Equatable, Sendable {
  /// null.
  case null
  /// true or false.
  case bool(Bool)
  /// A number as it is written.
  case number(String)
  /// A string.
  case string(String)
  /// Values in order.
  case array([JSONTree])
  /// Members in order.
  case object([Member])

  /// A member of an object.
  public struct Member: Equatable, Sendable {
    /// Its name.
    public var key: String
    /// What it holds.
    public var value: JSONTree

    /// A member.
    public init(_ key: String, _ value: JSONTree) {
      self.key = key
      self.value = value
    }
  }

  /// The value of the first member of this name; nil where there is none or the value is no object.
  public subscript(key: String) -> JSONTree? { object?.first { $0.key == key }?.value }

  /// The members of an object; nil of another value.
  public var object: [Member]? { if case .object(let members) = self { members } else { nil } }
  /// The elements of an array; nil of another value.
  public var array: [JSONTree]? { if case .array(let values) = self { values } else { nil } }
  /// A string; nil of another value.
  public var string: String? { if case .string(let text) = self { text } else { nil } }
  /// true or false; nil of another value.
  public var bool: Bool? { if case .bool(let value) = self { value } else { nil } }
  /// A number that is finite; nil of another value.
  public var number: Double? {
    if case .number(let text) = self, let value = Double(text), value.isFinite { value } else { nil }
  }
  /// A whole number; nil of another value.
  public var integer: Int? { number.flatMap { Int(exactly: $0) } }
  /// Whether it is null.
  public var isNull: Bool { self == .null }

  /// The whole of a JSON text in memory, with nothing after it; `file` is its name in errors.
  public init(data: [UInt8], file: String) throws(JSONError) {
    var reader = JSONReader(data: data, file: file)
    try self.init(&reader)
    try reader.end()
  }

  /// The whole of a JSON file, which may be gzipped.
  public init(path: String) throws(JSONError) {
    var reader = try JSONReader(path: path)
    try self.init(&reader)
    try reader.end()
  }

  /// The value that comes.
  package init(_ reader: inout JSONReader) throws(JSONError) {
    switch try reader.kind() {
    case .object:
      var members: [Member] = []
      try reader.beginObject()
      while let key = try reader.nextKey() { members.append(Member(key, try JSONTree(&reader))) }
      self = .object(members)
    case .array:
      var values: [JSONTree] = []
      try reader.beginArray()
      while try reader.nextElement() { values.append(try JSONTree(&reader)) }
      self = .array(values)
    case .string: self = .string(try reader.string())
    case .number: self = .number(try reader.numberText())
    case .bool: self = .bool(try reader.bool())
    case .null:
      try reader.skip()
      self = .null
    }
  }
}

extension JSONTree {
  /// The value on one line, objects' members in their order.
  public var text: String {
    switch self {
    case .null: "null"
    case .bool(let value): value ? "true" : "false"
    case .number(let text): text
    case .string(let text): Self.quoted(text)
    case .array(let values): "[" + values.map(\.text).joined(separator: ",") + "]"
    case .object(let members):
      "{" + members.map { Self.quoted($0.key) + ":" + $0.value.text }.joined(separator: ",") + "}"
    }
  }

  /// A text as a JSON string.
  package static func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case "\n": result += "\\n"
      case "\r": result += "\\r"
      case "\t": result += "\\t"
      default:
        if scalar.value < 0x20 {
          let digits = String(scalar.value, radix: 16)
          result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
        } else {
          result.unicodeScalars.append(scalar)
        }
      }
    }
    return result + "\""
  }
}
