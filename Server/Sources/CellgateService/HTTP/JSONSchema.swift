import Cellgate

/// JSON schemas of the OpenAPI document, version 2020-12.
public enum JSONSchema {
  /// A text.
  public static let text: JSONTree = ["type": "string"]
  /// Bytes as a text in base 64.
  public static let base64: JSONTree = ["type": "string", "contentEncoding": "base64"]
  /// true or false.
  public static let flag: JSONTree = ["type": "boolean"]
  /// Anything.
  public static let any: JSONTree = [:]

  /// A whole number in a range.
  public static func whole(_ range: ClosedRange<Int>) -> JSONTree {
    ["type": "integer", "minimum": .integer(range.lowerBound), "maximum": .integer(range.upperBound)]
  }
  /// A number in a range.
  public static func real(_ range: ClosedRange<Double>) -> JSONTree {
    ["type": "number", "minimum": .real(range.lowerBound), "maximum": .real(range.upperBound)]
  }
  /// Values in order, at least and at most so many.
  public static func list(_ items: JSONTree, most: Int? = nil, least: Int? = nil) -> JSONTree {
    .object(
      [.init("type", "array"), .init("items", items)]
        + (least.map { [.init("minItems", .integer($0))] } ?? [])
        + (most.map { [.init("maxItems", .integer($0))] } ?? []))
  }
  /// One of several.
  public static func either(_ schemas: JSONTree...) -> JSONTree { ["anyOf": .array(schemas)] }
  /// One of several texts.
  public static func one(of values: [String]) -> JSONTree { ["enum": .array(values.map { .string($0) })] }

  /// A member that may be null or left out.
  public static func optional(_ schema: JSONTree) -> JSONTree { ["anyOf": [schema, ["type": "null"]]] }

  /// An object of a request: no other members.
  public static func object(_ members: [(String, JSONTree)], required: [String] = []) -> JSONTree {
    .object([
      .init("type", "object"),
      .init(
        "properties",
        .object(members.map { .init($0.0, required.contains($0.0) ? $0.1 : optional($0.1)) })),
      .init("required", .array(required.map { .string($0) })),
      .init("additionalProperties", false),
    ])
  }

  /// An object of an answer: these members, and perhaps others.
  public static func answer(_ members: [(String, JSONTree)]) -> JSONTree {
    .object([
      .init("type", "object"), .init("properties", .object(members.map { .init($0.0, $0.1) })),
      .init("required", .array(members.map { .string($0.0) })),
    ])
  }

  /// An error, see ``ServiceError``.
  public static let error = answer([
    (
      "error",
      answer([
        ("message", text), ("type", text), ("param", optional(text)), ("code", optional(text)),
      ])
    )
  ])
  /// A whole number.
  public static let integer: JSONTree = ["type": "integer"]
  /// A number.
  public static let number: JSONTree = ["type": "number"]

  /// Throws for a number of a value that lies outside the range that a schema gives it; `name` is the value's place.
  static func checkRanges(_ value: JSONTree, _ schema: JSONTree, at name: String = "") throws(ServiceError) {
    let choices = (schema["anyOf"]?.array ?? [schema]).filter { $0["type"]?.string != "null" }
    guard choices.count == 1, let own = choices.first else { return }
    for member in value.object ?? [] {
      guard let schema = own["properties"]?[member.key] else { continue }
      try checkRanges(member.value, schema, at: name.isEmpty ? member.key : "\(name).\(member.key)")
    }
    if let items = own["items"] {
      for (place, item) in (value.array ?? []).enumerated() {
        try checkRanges(item, items, at: "\(name)[\(place)]")
      }
    }
    guard case .number(let text) = value, let number = value.number, let least = own["minimum"]?.number,
      let most = own["maximum"]?.number
    else { return }
    // A whole number may lie next to a bound and be that bound as a Double.
    let isInside =
      if let whole = Int(text), let least = Int(exactly: least), let most = Int(exactly: most) {
        (least...most).contains(whole)
      } else {
        (least...most).contains(number)
      }
    if isInside { return }
    throw .expected(
      "a number from \(NumberText.short(least)) to \(NumberText.short(most))", found: JSONFields.kind(value),
      at: name)
  }
}
