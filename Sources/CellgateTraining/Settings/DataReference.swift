/// A file of the user's own as a run knows it, in `config.json` one object: `path`, `sha256`, and what the task found
/// out about it.
public struct DataReference: Equatable, Sendable {
  /// The file's absolute path; in a working folder whose name is not UTF-8 the path as it was given.
  public var path: String
  /// The SHA-256 digest of the file, 64 lower-case hexadecimal digits.
  public var sha256: String
  /// What the task found out, by names in camel case: `symbols`, of a text.
  public var facts: [String: OptionValue]

  /// A file by its path and digest.
  public init(path: String, sha256: String, facts: [String: OptionValue] = [:]) {
    self.path = path
    self.sha256 = sha256
    self.facts = facts
  }

  /// What the task found out under a name; nil for nothing.
  public subscript(name: String) -> OptionValue? {
    get { facts[name] }
    set { facts[name] = newValue }
  }
}

extension DataReference: Codable {
  private struct Name: CodingKey {
    let stringValue: String
    var intValue: Int? { nil }

    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
  }

  /// Reads path, digest and whatever stands beside them.
  public init(from decoder: any Decoder) throws {
    let object = try decoder.container(keyedBy: Name.self)
    path = try object.decode(String.self, forKey: Name(stringValue: "path"))
    sha256 = try object.decode(String.self, forKey: Name(stringValue: "sha256"))
    facts = [:]
    for name in object.allKeys where !["path", "sha256"].contains(name.stringValue) {
      facts[name.stringValue] = try object.decodeIfPresent(OptionValue.self, forKey: name)
    }
  }

  /// Writes one object.
  public func encode(to encoder: any Encoder) throws {
    var object = encoder.container(keyedBy: Name.self)
    try object.encode(path, forKey: Name(stringValue: "path"))
    try object.encode(sha256, forKey: Name(stringValue: "sha256"))
    for (name, value) in facts { try object.encode(value, forKey: Name(stringValue: name)) }
  }
}
