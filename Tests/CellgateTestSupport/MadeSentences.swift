import Foundation

/// Sentences of a made language with their translations, word for word: "ro blu ma." is "Red blue moon."
package struct MadeSentences: Sendable {
  /// Where the files lie.
  package let scratch: Scratch
  /// The files to train, to validate and to test on: source and target of each.
  package let train: [String], valid: [String], test: [String]
  /// The sentences of the test, and their translations.
  package let tested: [(source: String, target: String)]

  private static let words = [
    ("ro", "red"), ("blu", "blue"), ("ma", "moon"), ("su", "sun"), ("ke", "dog"), ("ti", "cat"),
  ]

  /// Makes the files, with so many pairs to train on.
  package init(count: Int = 60) throws {
    scratch = try Scratch()
    var random = SplitMix(state: 5)
    func pair() -> (source: String, target: String) {
      let own = (0..<2 + Int(random.next() % 3)).map { _ in Self.words[Int(random.next() % 6)] }
      let target = own.map(\.1).joined(separator: " ")
      return (
        own.map(\.0).joined(separator: " ") + ".", target.prefix(1).uppercased() + target.dropFirst() + "."
      )
    }
    func write(_ pairs: [(source: String, target: String)], _ name: String, in scratch: Scratch) throws
      -> [String]
    {
      let texts = [pairs.map(\.source), pairs.map(\.target)]
      return try zip(texts, ["src", "tgt"]).map { lines, side in
        try scratch.write(Array((lines.joined(separator: "\n") + "\n").utf8), as: "\(name).\(side)")
        return scratch.file("\(name).\(side)")
      }
    }
    train = try write((0..<count).map { _ in pair() }, "train", in: scratch)
    valid = try write((0..<8).map { _ in pair() }, "valid", in: scratch)
    tested = (0..<8).map { _ in pair() }
    test = try write(tested, "test", in: scratch)
  }
}
