import CellgateBasics
import CellgateFiles
import CellgateNN

/// Writes and reads what a `config.json` holds: keys in snake case, and one line that says what is wrong.
package enum ConfigFile {
  /// The bytes of a file; equal values give equal bytes. The value has no number that is not finite.
  package static func encode(_ value: some Encodable) -> Data {
    guard let data = encodeIfFinite(value) else {
      fail("ConfigFile: expected values that can be encoded, found \(value)")
    }
    return data
  }

  /// As `encode(_:)`; nil for a value with a number that is not finite.
  static func encodeIfFinite(_ value: some Encodable) -> Data? {
    let encoder = JSONEncoder()
    encoder.keyEncodingStrategy = .convertToSnakeCase
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    return (try? encoder.encode(value)).map { $0 + Data("\n".utf8) }
  }

  /// The value in the bytes of a file, whose name goes into errors. Throws `RunError.badConfig`.
  package static func decode<Value: Decodable>(_: Value.Type, _ data: Data, file: String) throws(RunError)
    -> Value
  {
    do {
      return try decoder.decode(Value.self, from: data)
    } catch let error as DecodingError {
      throw .badConfig(file: file, reason: reason(error, Value.self, data))
    } catch let error as InitializationError {
      throw .badConfig(file: file, reason: error.description)
    } catch {
      throw .badConfig(file: file, reason: "not JSON")
    }
  }

  /// Names in files of earlier versions, by the names that they have now.
  fileprivate static let formerNames = ["recompute_every": "checkpoint_every", "data": "text"]

  /// Reads keys in snake case, and those of earlier versions under the names that they have now.
  private static var decoder: JSONDecoder {
    let currentNames = Dictionary(uniqueKeysWithValues: formerNames.map { ($1, $0) })
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .custom { path in
      let name = path.last?.stringValue ?? ""
      return FileKey(stringValue: camelCase(currentNames[name] ?? name))
    }
    return decoder
  }

  /// A key by its name in Swift.
  private struct FileKey: CodingKey {
    let stringValue: String
    let intValue: Int? = nil
    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
  }

  /// Throws `RunError.badConfig` for the first of these numbers, by name in the file, that is out of its range.
  static func check(
    _ numbers: [(name: String, value: Int?, range: ClosedRange<Int>)], file: String
  ) throws(RunError) {
    for case (let name, let value?, let range) in numbers where !range.contains(value) {
      throw .badConfig(
        file: file,
        reason:
          "\(name): expected a whole number from \(range.lowerBound) to \(range.upperBound), found \(value)")
    }
  }

  /// What is wrong: the field, what was expected and what was found.
  private static func reason<Value: Decodable>(_ error: DecodingError, _: Value.Type, _ data: Data) -> String
  {
    func found(_ path: [any CodingKey]) -> String {
      let root = try? JSONDecoder().decode(FoundValue.self, from: data)
      return path.reduce(root) { $0?[$1] }?.description ?? "none"
    }
    switch error {
    case .keyNotFound(let key, let context):
      return "\(field(context.codingPath + [key])): missing"
    case .typeMismatch(let type, let context), .valueNotFound(let type, let context):
      let place = context.codingPath.isEmpty ? "" : field(context.codingPath) + ": "
      return "\(place)expected \(words(type)), found \(found(context.codingPath))"
    case .dataCorrupted(let context):
      let path = context.codingPath
      if !path.isEmpty { return "\(field(path)): expected a known name, found \(found(path))" }
      return misfit(Value.self, data) ?? "not JSON"
    @unknown default:
      return "not readable"
    }
  }

  private static func field(_ path: [any CodingKey]) -> String {
    quotedName(path.map { snakeCase($0.stringValue) }.joined(separator: "."))
  }

  /// The first number that does not fit the type that it is for, whose place `JSONDecoder` does not say: with all other
  /// numbers made 1 it alone is refused. Nil when there is none.
  private static func misfit<Value: Decodable>(_: Value.Type, _ data: Data) -> String? {
    guard let root = try? JSONDecoder().decode(FoundValue.self, from: data) else { return nil }
    let decoder = decoder
    func problem(_ place: Int, _ text: String?) -> DecodingError.Context? {
      var number = 0
      let json = root.json { found in
        defer { number += 1 }
        return number == place ? text ?? found : "1"
      }
      do {
        _ = try decoder.decode(Value.self, from: Data(json.utf8))
        return nil
      } catch DecodingError.dataCorrupted(let context) {
        return context
      } catch DecodingError.typeMismatch(let type, let context) {
        return .init(codingPath: context.codingPath, debugDescription: words(type))
      } catch { return nil }
    }
    for (place, number) in root.numbers.enumerated().prefix(200) {
      guard problem(place, nil)?.codingPath.isEmpty == true else { continue }
      // A list is of no number's type, and refused with place and type.
      guard let typed = problem(place, "[]"), !typed.codingPath.isEmpty else { continue }
      return
        "\(field(typed.codingPath)): expected \(typed.debugDescription) in its range, found \(FoundValue.number(number))"
    }
    return nil
  }

  /// A type of Swift as JSON has it.
  private static func words(_ type: Any.Type) -> String {
    switch type {
    case is any UnsignedInteger.Type: "a whole number of 0 or more"
    case is any BinaryInteger.Type: "a whole number"
    case is any BinaryFloatingPoint.Type: "a number"
    case is Bool.Type: "true or false"
    case is String.Type: "a text"
    default: "\(type)".hasPrefix("Array") ? "a list" : "an object"
    }
  }

  /// snake_case as camelCase.
  private static func camelCase(_ name: String) -> String {
    let words = name.split(separator: "_")
    return words.dropFirst().reduce(String(words.first ?? "")) {
      $0 + $1.prefix(1).uppercased() + $1.dropFirst()
    }
  }

  /// camelCase as snake_case.
  package static func snakeCase(_ name: String) -> String {
    name.reduce(into: "") { $0 += $1.isUppercase ? "_" + $1.lowercased() : String($1) }
  }
}

/// A JSON value as an error shows it.
private enum FoundValue: Decodable {
  case null
  case truth(Bool)
  case text(String)
  /// In the digits of its value.
  case number(String)
  case list([FoundValue])
  case object([String: FoundValue])

  init(from decoder: any Decoder) throws {
    let value = try decoder.singleValueContainer()
    if value.decodeNil() {
      self = .null
    } else if let object = try? value.decode([String: FoundValue].self) {
      self = .object(object)
    } else if let list = try? value.decode([FoundValue].self) {
      self = .list(list)
    } else if let text = try? value.decode(String.self) {
      self = .text(text)
    } else if let truth = try? value.decode(Bool.self) {
      self = .truth(truth)
    } else if let whole = try? value.decode(Int.self) {
      self = .number("\(whole)")
    } else if let whole = try? value.decode(UInt64.self) {
      self = .number("\(whole)")
    } else if let number = try? value.decode(Double.self) {
      self = .number("\(number)")
    } else {
      // Nothing else is left but a number that no type holds.
      self = .number("1e999")
    }
  }

  /// The value inside at a key, whose name may have lost its underscores.
  subscript(key: any CodingKey) -> FoundValue? {
    switch self {
    case .object(let members):
      members[key.stringValue] ?? members[ConfigFile.snakeCase(key.stringValue)]
        ?? ConfigFile.formerNames[ConfigFile.snakeCase(key.stringValue)].flatMap { members[$0] }
    case .list(let values): key.intValue.flatMap { values.indices.contains($0) ? values[$0] : nil }
    default: nil
    }
  }

  /// The numbers, in the order of `json`.
  var numbers: [String] {
    var numbers: [String] = []
    _ = json {
      numbers.append($0)
      return $0
    }
    return numbers
  }

  /// The value as JSON with members in the order of their names, and what `change` makes of each number.
  func json(_ change: (String) -> String) -> String {
    func quoted(_ text: String) -> String {
      String(decoding: (try? JSONEncoder().encode(text)) ?? Data("\"\"".utf8), as: UTF8.self)
    }
    return switch self {
    case .null: "null"
    case .truth(let truth): "\(truth)"
    case .text(let text): quoted(text)
    case .number(let digits): change(digits)
    case .list(let values): "[" + values.map { $0.json(change) }.joined(separator: ",") + "]"
    case .object(let members):
      "{"
        + members.sorted { $0.key < $1.key }.map { quoted($0.key) + ":" + $0.value.json(change) }
        .joined(separator: ",") + "}"
    }
  }
}

extension FoundValue: CustomStringConvertible {
  var description: String {
    switch self {
    case .null: "null"
    case .truth(let truth): "\(truth)"
    case .text(let text): "'\(quotedName(text))'"
    case .number(let digits): digits == "1e999" ? "a number beyond all range" : digits
    case .list: "a list"
    case .object: "an object"
    }
  }
}
