import Cellgate

/// The members of a JSON object of a request, read by name and kind; what is wrong is a ``ServiceError`` that names the member.
public struct JSONFields: Sendable {
  /// The object.
  public let tree: JSONTree
  /// What stands before a member's name in messages: "rows[2]." and its like.
  private let prefix: String

  /// The members of a value that is expected to be an object.
  public init(_ tree: JSONTree, at place: String = "") throws(ServiceError) {
    guard let members = tree.object else {
      throw .expected("an object", found: Self.kind(tree), at: place.isEmpty ? "body" : place)
    }
    var names: Set<String> = []
    for member in members where !names.insert(member.key).inserted {
      throw .bad("\(member.key.prefix(80)): expected once, found twice", String(member.key.prefix(80)))
    }
    self.tree = tree
    prefix = place.isEmpty ? "" : place + "."
  }

  /// Throws for members of other names.
  public func check(names: [String]) throws(ServiceError) {
    for member in tree.object ?? [] where !names.contains(member.key) {
      let name = prefix + member.key.prefix(80)
      throw .bad(
        "\(name): expected one of \(names.joined(separator: ", ")), found another name", name,
        code: "unknown_parameter")
    }
  }

  /// A member's value; nil where there is none or it is null.
  public subscript(name: String) -> JSONTree? {
    guard let value = tree[name], !value.isNull else { return nil }
    return value
  }

  /// A text; nil for none.
  public func text(_ name: String) throws(ServiceError) -> String? {
    guard let value = self[name] else { return nil }
    guard let text = value.string else { throw wrong(name, "a text", value) }
    return text
  }

  /// A text that there must be.
  public func requiredText(_ name: String) throws(ServiceError) -> String {
    guard let text = try text(name) else { throw missing(name) }
    return text
  }

  /// true or false; nil for none.
  public func flag(_ name: String) throws(ServiceError) -> Bool? {
    guard let value = self[name] else { return nil }
    guard let flag = value.bool else { throw wrong(name, "true or false", value) }
    return flag
  }

  /// A whole number in a range; nil for none.
  public func whole(_ name: String, in range: ClosedRange<Int>) throws(ServiceError) -> Int? {
    guard let value = self[name] else { return nil }
    guard let number = value.integer, range.contains(number) else {
      throw wrong(name, "a whole number from \(range.lowerBound) to \(range.upperBound)", value)
    }
    return number
  }

  /// A number in a range; nil for none.
  public func real(_ name: String, in range: ClosedRange<Double>) throws(ServiceError) -> Double? {
    guard let value = self[name] else { return nil }
    guard let number = value.number, range.contains(number) else {
      throw wrong(
        name, "a number from \(NumberText.short(range.lowerBound)) to \(NumberText.short(range.upperBound))",
        value)
    }
    return number
  }

  /// Values in order; nil for none.
  public func list(_ name: String) throws(ServiceError) -> [JSONTree]? {
    guard let value = self[name] else { return nil }
    guard let list = value.array else { throw wrong(name, "a list", value) }
    return list
  }

  /// A text, or a list of texts; nil for none.
  public func texts(_ name: String) throws(ServiceError) -> [String]? {
    guard let value = self[name] else { return nil }
    if let text = value.string { return [text] }
    guard let list = value.array else { throw wrong(name, "a text or a list of texts", value) }
    return try list.enumerated().map { place, value throws(ServiceError) in
      guard let text = value.string else { throw wrong("\(name)[\(place)]", "a text", value) }
      return text
    }
  }

  /// The error of a member that there must be.
  public func missing(_ name: String) -> ServiceError {
    .bad("\(prefix)\(name): expected a value, found none", prefix + name, code: "missing_parameter")
  }

  /// The error of a member of another kind.
  public func wrong(_ name: String, _ expected: String, _ value: JSONTree) -> ServiceError {
    .expected(expected, found: Self.kind(value), at: prefix + name)
  }

  /// What a value is, in messages: numbers as they are, of others the kind alone.
  static func kind(_ value: JSONTree) -> String {
    switch value {
    case .null: "null"
    case .bool(let value): "\(value)"
    case .number(let text): String(text.prefix(40))
    case .string: "a text"
    case .array: "a list"
    case .object: "an object"
    }
  }
}

extension JSONTree {
  /// Finite numbers of a list, each as a Float; throws what is none.
  func floats(_ name: String) throws(ServiceError) -> [Float] {
    guard let list = array else {
      throw .expected("a list of numbers", found: JSONFields.kind(self), at: name)
    }
    var numbers: [Float] = []
    numbers.reserveCapacity(list.count)
    for (place, value) in list.enumerated() {
      guard let number = value.number, Float(number).isFinite else {
        throw .expected("a finite number", found: JSONFields.kind(value), at: "\(name)[\(place)]")
      }
      numbers.append(Float(number))
    }
    return numbers
  }

  /// Rows of numbers of one width; throws what is none.
  func rows(_ name: String, width: Int) throws(ServiceError) -> [Float] {
    guard let list = array else { throw .expected("a list of rows", found: JSONFields.kind(self), at: name) }
    var numbers: [Float] = []
    numbers.reserveCapacity(list.count * width)
    for (place, row) in list.enumerated() {
      let own = try row.floats("\(name)[\(place)]")
      guard own.count == width else {
        throw .expected("\(width) numbers", found: "\(own.count)", at: "\(name)[\(place)]")
      }
      numbers += own
    }
    return numbers
  }
}
