import Cellgate
import HTTPTypes
import Hummingbird

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

extension ServiceRequest {
  /// The body as a value whose keys are these names, with numbers in the ranges of the document. Throws what is wrong, by its place.
  func decoded<Value: Decodable>(_ type: Value.Type, names: [String]) async throws -> Value {
    let fields = try await json()
    try fields.check(names: names)
    if let schema { try JSONSchema.checkRanges(fields.tree, schema) }
    do {
      return try JSONDecoder().decode(type, from: Data(fields.tree.text.utf8))
    } catch let error as DecodingError { throw ServiceError(error) }
  }

  /// A number of the path.
  func number(_ name: String) throws(ServiceError) -> Int64 {
    let text = try parameter(name)
    guard let number = Int64(text), number > 0 else {
      throw ServiceError(.notFound, "there is no record \(text.prefix(40))", code: "not_found")
    }
    return number
  }

  /// A text after the question mark; nil for none.
  func queryText(_ name: String) -> String? {
    request.uri.queryParameters[Substring(name)].map(String.init)
  }

  /// A whole number after the question mark; nil for none.
  func whole(_ name: String, in range: ClosedRange<Int>) throws(ServiceError) -> Int? {
    guard let text = queryText(name) else { return nil }
    guard let number = Int(text), range.contains(number) else {
      throw ServiceError.expected(
        "a whole number from \(range.lowerBound) to \(range.upperBound)", found: "'\(text.prefix(40))'",
        at: name)
    }
    return number
  }

  /// A number after the question mark; nil for none.
  func real(_ name: String, in range: ClosedRange<Double>) throws(ServiceError) -> Double? {
    guard let text = queryText(name) else { return nil }
    guard let number = Double(text), range.contains(number) else {
      throw ServiceError.expected(
        "a number from \(NumberText.short(range.lowerBound)) to \(NumberText.short(range.upperBound))",
        found: "'\(text.prefix(40))'", at: name)
    }
    return number
  }
}

extension ServiceError {
  /// A body that isn't the value that is expected, with the place of the first difference.
  init(_ error: DecodingError) {
    func place(_ path: [any CodingKey], _ key: (any CodingKey)? = nil) -> String {
      (path + (key.map { [$0] } ?? [])).reduce("") { text, key in
        key.intValue.map { "\(text)[\($0)]" }
          ?? (text.isEmpty ? key.stringValue : "\(text).\(key.stringValue)")
      }
    }
    switch error {
    case .keyNotFound(let key, let context):
      let name = place(context.codingPath, key)
      self = .bad("\(name): expected a value, found none", name, code: "missing_parameter")
    case .typeMismatch(_, let context), .valueNotFound(_, let context), .dataCorrupted(let context):
      let name = place(context.codingPath)
      self = .expected("a value of another kind", found: "one that can't be used", at: name)
    @unknown default: self = .bad("body: expected another value, found one that can't be used")
    }
  }
}
