/// A text of the user's own as a run knows it.
public struct TextSource: Codable, Equatable, Sendable {
  /// The file's absolute path; in a working folder whose name is not UTF-8 the path as it was given.
  public var path: String
  /// The SHA-256 digest of the file, 64 lower-case hexadecimal digits.
  public var sha256: String
  /// How many symbols a model of the text has, in `symbolRange`.
  public var symbols: Int
  /// Whether the metric counts characters that the training part has none of. Nil, as in runs of earlier versions, is yes.
  public var unknownScored: Bool?
  /// Whether a byte-order mark at the text's beginning is left out. Nil is no: there is none, or the run is of an earlier
  /// version, for which it was a character.
  public var byteOrderMarkDropped: Bool?

  /// From one symbol to all of Unicode's code points and the symbol for what is unknown.
  public static let symbolRange = 1...1_114_113

  /// A text by its path, digest and number of symbols.
  public init(path: String, sha256: String, symbols: Int) {
    self.path = path
    self.sha256 = sha256
    self.symbols = symbols
  }
}
