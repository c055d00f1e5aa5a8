import Cellgate
import HTTPTypes
import Hummingbird

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// Who may ask: the keys of a file, one a line, `KEY [NAME [UNTIL]]`, with UNTIL a date such as 2027-01-01 in UTC. Lines that begin with # are
/// comments.
public struct APIKeys: Sendable {
  struct Key: Sendable {
    let bytes: [UInt8]
    let name: String
    /// Seconds since 1970; nil for ever.
    let until: Double?
  }

  let keys: [Key]

  /// The fewest bytes of a key: fewer could be guessed.
  static let leastBytes = 16

  /// Reads a file; throws `config` for one that can't be read, that has no keys or a wrong line. No message has a key.
  public init(file path: String) throws(ServiceSetupError) {
    guard let data = try? Data(contentsOf: URL(fileURLWithPath: path)),
      let text = String(validating: data, as: UTF8.self)
    else { throw .config("\(path): expected a file of keys, found none that can be read") }
    try self.init(text: text, file: path)
  }

  init(text: String, file: String) throws(ServiceSetupError) {
    var keys: [Key] = []
    for (place, line) in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
      .enumerated()
    {
      let parts = line.split(whereSeparator: \.isWhitespace)
      guard let first = parts.first, !first.hasPrefix("#") else { continue }
      func bad(_ reason: String) -> ServiceSetupError { .config("\(file): line \(place + 1): \(reason)") }
      guard first.utf8.count >= Self.leastBytes else {
        throw bad("expected a key of \(Self.leastBytes) bytes or more, found \(first.utf8.count)")
      }
      guard parts.count <= 3 else { throw bad("expected KEY [NAME [UNTIL]], found \(parts.count) parts") }
      var until: Double?
      if parts.count == 3 {
        guard let date = try? Date(String(parts[2]), strategy: .iso8601.year().month().day()) else {
          throw bad("expected a date such as 2027-01-01, found '\(parts[2].prefix(40))'")
        }
        until = date.timeIntervalSince1970
      }
      keys.append(
        Key(
          bytes: Array(first.utf8), name: parts.count > 1 ? String(parts[1]) : "\(keys.count + 1)",
          until: until))
    }
    if keys.isEmpty { throw .config("\(file): expected a key a line, found none") }
    self.keys = keys
  }

  /// The key that was sent, if it is one; takes the same time whichever bytes are wrong.
  func key(_ sent: String) -> Key? {
    let bytes = Array(sent.utf8)
    var found: Key?
    for key in keys where Self.isEqual(bytes, key.bytes) { found = key }
    return found
  }

  /// Whether bytes are the same, in a time that depends on their numbers alone.
  static func isEqual(_ left: [UInt8], _ right: [UInt8]) -> Bool {
    var difference = UInt(bitPattern: left.count ^ right.count)
    for place in 0..<max(left.count, right.count) {
      let pair = (place < left.count ? left[place] : 0, place < right.count ? right[place] : 0)
      difference |= UInt(pair.0 ^ pair.1)
    }
    return difference == 0
  }

  /// Throws 401 unless a request has a key that is valid now.
  func check(_ headers: HTTPFields, now: Double) throws(ServiceError) -> String {
    guard let value = headers[.authorization] else {
      throw ServiceError(
        .unauthorized, "Authorization: expected 'Bearer KEY', found none", code: "missing_api_key")
    }
    let parts = value.split(separator: " ", maxSplits: 1)
    guard parts.count == 2, parts[0].lowercased() == "bearer", let key = key(String(parts[1])) else {
      throw ServiceError(
        .unauthorized, "Authorization: expected 'Bearer KEY' with a key of the service, found another",
        code: "invalid_api_key")
    }
    if let until = key.until, now >= until {
      throw ServiceError(
        .unauthorized, "Authorization: expected a key that is valid, found one that has expired",
        code: "expired_api_key")
    }
    return key.name
  }
}
