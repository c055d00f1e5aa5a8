import CellgateBasics
import Foundation

/// Writes and reads what a `config.json` holds: keys in snake case, and one line that says what is wrong.
package enum ConfigFile {
  /// The bytes of a file; equal values give equal bytes. The value has no number that is not finite.
  package static func encode(_ value: some Encodable) -> Data {
    let encoder = JSONEncoder()
    encoder.keyEncodingStrategy = .convertToSnakeCase
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    do {
      return try encoder.encode(value) + Data("\n".utf8)
    } catch {
      fail("ConfigFile: expected values that can be encoded, found \(error)")
    }
  }

  /// The value in the bytes of a file, whose name goes into errors. Throws `RunError.badConfig`.
  package static func decode<Value: Decodable>(_: Value.Type, _ data: Data, file: String) throws(RunError)
    -> Value
  {
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    do {
      return try decoder.decode(Value.self, from: data)
    } catch let error as DecodingError {
      throw .badConfig(file: file, reason: reason(error))
    } catch {
      throw .badConfig(file: file, reason: "not JSON")
    }
  }

  private static func reason(_ error: DecodingError) -> String {
    func name(_ path: [any CodingKey]) -> String {
      path.map { snakeCase($0.stringValue) }.joined(separator: ".")
    }
    switch error {
    case .keyNotFound(let key, let context):
      return "\(name(context.codingPath + [key])): missing"
    case .typeMismatch(let type, let context), .valueNotFound(let type, let context):
      return "\(name(context.codingPath)): expected a value of type \(type)"
    case .dataCorrupted(let context):
      let place = name(context.codingPath)
      return place.isEmpty ? "not JSON" : "\(place): not a value of its type"
    @unknown default:
      return "not readable"
    }
  }

  /// camelCase as snake_case.
  package static func snakeCase(_ name: String) -> String {
    name.reduce(into: "") { $0 += $1.isUppercase ? "_" + $1.lowercased() : String($1) }
  }
}
