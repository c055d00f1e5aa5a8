import CellgateBasics

/// What of sounds goes into a model of speech, and the symbols of transcripts that come out.
public struct SpeechPreprocessing: Codable, Equatable, Sendable {
  /// The features of a window.
  public var features: AudioFeatures
  /// Windows that are put together to a step, with their numbers side by side.
  public var stack: Int
  /// The symbols of transcripts, Unicode scalars: the model's outputs from 1 on, as 0 is the blank.
  public var alphabet: String

  /// A preprocessing.
  public init(features: AudioFeatures, stack: Int, alphabet: String) {
    (self.features, self.stack, self.alphabet) = (features, stack, alphabet)
  }

  /// Numbers of a step.
  public var width: Int { features.width * stack }

  /// The symbols and the blank.
  public var outputs: Int { alphabet.unicodeScalars.count + 1 }

  /// What is wrong with it; nil for nothing.
  var problem: String? {
    features.problem.map { "features.\($0)" }
      ?? ((1...64).contains(stack) ? nil : "stack: expected 1 to 64, found \(stack)")
      ?? (alphabet.isEmpty ? "alphabet: expected symbols, found none" : nil)
  }

  /// The symbols of a transcript, which are 1 or more; those that there are none of are left out. Spaces in a row are one, and none
  /// stands at an end.
  package func encode(_ text: String) -> (symbols: [Int32], unknown: Int) {
    let places = [Unicode.Scalar: Int32](
      zip(alphabet.unicodeScalars, 1...).map { ($0, Int32($1)) }, uniquingKeysWith: { first, _ in first })
    let all = Self.normalized(text).unicodeScalars.map { places[$0] }
    return (all.compactMap { $0 }, all.count { $0 == nil })
  }

  /// The transcript of symbols.
  package func decode(_ symbols: some Sequence<Int32>) -> String {
    let scalars = Array(alphabet.unicodeScalars)
    var text = String.UnicodeScalarView()
    text.append(contentsOf: symbols.map { scalars[Int($0) - 1] })
    return String(text)
  }

  /// A transcript with one space wherever there are spaces, and none at its ends.
  package static func normalized(_ text: String) -> String {
    text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
  }
}
