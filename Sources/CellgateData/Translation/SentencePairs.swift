import CellgateFiles

/// Sentences in two languages: two texts of as many lines, or one with a tab between.
///
/// ```swift
/// let pairs = try SentencePairs(source: "train.de.gz", target: "train.en.gz")
/// ```
public struct SentencePairs: Sendable, Equatable {
  /// The sentences to be translated.
  public var source: [String]
  /// Their translations.
  public var target: [String]

  /// How many there are.
  public var count: Int { source.count }

  /// Sentences and their translations, as many of either.
  init(source: [String], target: [String]) { (self.source, self.target) = (source, target) }

  /// Two texts, gzipped or not, of which a line is the translation of the other's. Throws what is wrong with a file, `unfit` where
  /// one has more lines than the other.
  public init(source: String, target: String) throws(TaskDataError) {
    self.init(source: try TextLines.read(source), target: try TextLines.read(target))
    guard self.source.count == self.target.count else {
      throw .unfit(
        file: target,
        reason: "expected as many lines as \(source), \(self.source.count), found \(self.target.count)")
    }
  }

  /// A text, gzipped or not, with a sentence, a tab and its translation on each line; what comes after a second tab is left out.
  /// Throws what is wrong with the file, `unfit` for a line without a tab.
  public init(_ file: String) throws(TaskDataError) {
    var (source, target): ([String], [String]) = ([], [])
    for (place, line) in try TextLines.read(file).enumerated() {
      let parts = line.split(separator: "\t", omittingEmptySubsequences: false)
      guard parts.count >= 2 else {
        throw .unfit(
          file: file,
          reason: "line \(place + 1): expected a sentence, a tab and its translation, found no tab")
      }
      source.append(String(parts[0]))
      target.append(String(parts[1]))
    }
    self.init(source: source, target: target)
  }

  /// The pairs of these places.
  package func part(_ places: some Sequence<Int>) -> SentencePairs {
    let places = Array(places)
    return SentencePairs(source: places.map { source[$0] }, target: places.map { target[$0] })
  }
}
