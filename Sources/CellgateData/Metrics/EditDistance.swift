/// How many insertions, deletions and replacements make one sequence of another at least (Levenshtein 1966).
///
///     editDistance(Array("kitten"), Array("sitting"))          // 3
public func editDistance<Element: Equatable>(_ first: [Element], _ second: [Element]) -> Int {
  var distances = Array(0...second.count)
  for (row, element) in first.enumerated() {
    var diagonal = row
    distances[0] = row + 1
    for (column, other) in second.enumerated() {
      let replaced = diagonal + (element == other ? 0 : 1)
      diagonal = distances[column + 1]
      distances[column + 1] = min(replaced, diagonal + 1, distances[column] + 1)
    }
  }
  return distances[second.count]
}

/// The errors of transcripts: edits that make each one of its reference, over the characters or words of all references.
public struct TranscriptErrors: Equatable, Sendable, Codable {
  /// Edits of characters, Unicode scalars, and how many the references have.
  public private(set) var characterEdits = 0, characters = 0
  /// Edits of words, which spaces part, and how many the references have.
  public private(set) var wordEdits = 0, words = 0
  /// Transcripts that are not their reference, and all of them.
  public private(set) var wrong = 0, count = 0

  /// Of no transcripts.
  public init() {}

  /// Adds a transcript.
  public mutating func add(_ found: String, reference: String) {
    let (own, expected) = (Array(found.unicodeScalars), Array(reference.unicodeScalars))
    characterEdits += editDistance(expected, own)
    characters += expected.count
    let (ownWords, expectedWords) = (
      found.split(whereSeparator: \.isWhitespace), reference.split(whereSeparator: \.isWhitespace)
    )
    wordEdits += editDistance(expectedWords, ownWords)
    words += expectedWords.count
    wrong += own == expected ? 0 : 1
    count += 1
  }

  /// Adds the errors of other transcripts.
  public mutating func add(_ other: TranscriptErrors) {
    characterEdits += other.characterEdits
    characters += other.characters
    wordEdits += other.wordEdits
    words += other.words
    wrong += other.wrong
    count += other.count
  }

  /// Edits of a character; where the references have none, their number.
  public var characterErrorRate: Double { Double(characterEdits) / Double(max(1, characters)) }
  /// Edits of a word; where the references have none, their number.
  public var wordErrorRate: Double { Double(wordEdits) / Double(max(1, words)) }
  /// The share of transcripts that are not their reference.
  public var transcriptErrorRate: Double { Double(wrong) / Double(max(1, count)) }
}
