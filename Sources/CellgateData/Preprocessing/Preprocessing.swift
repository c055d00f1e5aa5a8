import CellgateBasics
import CellgateTensor

/// What belongs to a model besides its layers for it to be used on new data; kept in the model's file.
public struct Preprocessing: Codable, Equatable, Sendable {
  /// The words of texts that go in, from the number 2 on; nil where no texts do.
  public var words: [String]?
  /// The words of a text that are looked at, the last ones unless `keepsStart` says so.
  public var length: Int?
  /// Whether the first words of a long text are looked at; nil is no.
  public var keepsStart: Bool?
  /// Whether words of capital letters are others; nil is no.
  public var keepsCase: Bool?
  /// The merges of the pieces that texts are cut into (``BytePairVocabulary``), in pairs with commas between; nil where they are cut into
  /// words or characters.
  public var merges: String?
  /// What the texts of a classifier are cut into; nil where words are cut as in ``WordVocabulary``.
  public var unit: TextUnit?
  /// What the features of the input are brought to; nil where they go in as they are.
  public var inputScaler: Scaler?
  /// What the features of the target were brought to: outputs are brought back.
  public var targetScaler: Scaler?
  /// The names of the classes, or of 0 and 1 where one probability comes out.
  public var labels: [String]?
  /// Steps that an input of a time series has; nil where any number goes in.
  public var window: Int?
  /// What stands for missing numbers of a series; nil is ``MissingNumbers/interpolate``.
  public var missing: MissingNumbers?
  /// Steps of a long series that are put together to one, with their numbers side by side; nil for one.
  public var patch: Int?
  /// Where the rows of a table or of series have what goes in; nil of models of other data.
  public var rows: RowSource?
  /// The words of captions that come out; nil where none do.
  public var captions: CaptionVocabulary?
  /// What sentences are cut into that are translated; nil where none are.
  public var translation: Translation?

  /// The symbols of both sides of a translation.
  public struct Translation: Codable, Equatable, Sendable {
    /// Those of what is read.
    public var source: TranslationVocabulary
    /// Those of what is written.
    public var target: TranslationVocabulary
    /// The most symbols of a sentence that was trained on, of either side.
    public var length: Int

    /// Symbols of both sides.
    public init(source: TranslationVocabulary, target: TranslationVocabulary, length: Int) {
      (self.source, self.target, self.length) = (source, target, length)
    }
  }

  /// The series that are forecast; nil where none are.
  public var series: SeriesPreprocessing?

  /// What of sounds goes in, and the symbols of transcripts that come out; nil of models of other data.
  public var speech: SpeechPreprocessing?

  /// Whether a vector by which texts of one meaning are near each other comes out; nil is no.
  public var encodesTexts: Bool?

  /// What frames of a video go in and come out; nil of models of other data.
  public var frames: FrameSource?

  /// The frames of a model that predicts them.
  public struct FrameSource: Codable, Equatable, Sendable {
    /// Rows and columns of a frame, and numbers of a pixel: 1, or 3 of colours.
    public var height: Int, width: Int, channels: Int
    /// The side of the patches that frames are cut into.
    public var patch: Int
    /// Frames that go in, and frames that come out.
    public var given: Int, predicted: Int

    /// Frames of these sizes, of which the side of a patch is a divisor.
    public init(height: Int, width: Int, channels: Int, patch: Int, given: Int, predicted: Int) {
      (self.height, self.width, self.channels) = (height, width, channels)
      (self.patch, self.given, self.predicted) = (patch, given, predicted)
    }

    /// Numbers of a patch.
    public var depth: Int { patch * patch * channels }

    /// Whether the sizes are those of frames.
    package var isRight: Bool {
      [height, width, channels, patch, given, predicted].allSatisfy { $0 > 0 && $0 <= 1 << 16 }
        && height % patch == 0 && width % patch == 0
    }
  }

  /// What the frames of tunes are; nil of models of other data.
  public var music: Music?

  /// What the frames of tunes are, and what comes out of each.
  public struct Music: Codable, Equatable, Sendable {
    /// Quarter notes of a frame.
    public var step: Double
    /// The share of frames in which each of a piano's 88 keys sounds, each with one more of either kind.
    public var frequencies: [Double]
    /// The keys of each chord that comes out, by their MIDI numbers; one more output is for all others. Nil where an output is a key.
    public var chords: [[Int]]?

    /// Frames of `step` quarter notes.
    public init(step: Double, frequencies: [Double], chords: [[Int]]? = nil) {
      (self.step, self.frequencies, self.chords) = (step, frequencies, chords)
    }
  }

  /// What of the sentences of a CoNLL file goes in; nil of models of other data.
  public var tokens: TokenSource?

  /// How the tokens of a CoNLL file become what goes in.
  public struct TokenSource: Codable, Equatable, Sendable {
    /// The columns of the token and the tag, as the option `--columns` names them; nil for the usual ones.
    public var columns: [String]?
    /// The characters that are known, from the number 2 on; nil where none go in.
    public var characters: String?
    /// The most characters of a token that go in, its first and last ones.
    public var wordLength: Int

    /// The usual columns, and no characters.
    public init(wordLength: Int = 20) { self.wordLength = wordLength }
  }

  /// How questions about texts go in; nil of models of other data.
  public var stories: StorySource?

  /// How questions about texts become what goes in.
  public struct StorySource: Codable, Equatable, Sendable {
    /// The most sentences of a text that go in, its last ones.
    public var sentences: Int
    /// The words of a sentence that go in, its first ones.
    public var sentenceLength: Int
    /// Whether a text and its question go in as one sequence of words.
    public var isWhole: Bool

    /// Sentences of so many words.
    public init(sentences: Int, sentenceLength: Int, isWhole: Bool = false) {
      (self.sentences, self.sentenceLength, self.isWhole) = (sentences, sentenceLength, isWhole)
    }

    fileprivate var problem: String? {
      if !(1...1 << 20).contains(sentences) {
        return "stories.sentences: expected 1 to \(1 << 20), found \(sentences)"
      }
      if !(1...1 << 16).contains(sentenceLength) {
        return "stories.sentence_length: expected 1 to \(1 << 16), found \(sentenceLength)"
      }
      return nil
    }
  }

  /// Where the rows of a user's own file have what goes in, by the names of columns.
  public struct RowSource: Codable, Equatable, Sendable {
    /// The column of the texts.
    public var text: String?
    /// The columns of the numbers of each step, of a file with a row for each step.
    public var features: [String]?
    /// The column that says which sequence a row belongs to.
    public var group: String?
    /// The column by which the rows of a sequence are put in order.
    public var time: String?
    /// Whether the time since the step before is one more number of each step; nil is no.
    public var gaps: Bool?
    /// The column of the class or the number to be found; nil of files of series.
    public var label: String?
    /// The columns of the labels of rows that may have several, each with 1 or 0; nil where one column has them all.
    public var labels: [String]?
    /// What stands between the labels of a row in one column; nil where a row has one label.
    public var labelSeparator: String?
    /// How many numbers each step of a file of series has; nil of tables.
    public var dimensions: Int?
    /// The highest frequency of sounds, in hertz, whose bands are the numbers of a step; nil of other data.
    public var highestFrequency: Int?
    /// The features of sounds that are the numbers of a step; nil of other data, and where bands up to `highestFrequency` are.
    public var audio: AudioFeatures?
    /// Whether the sequences are of frames, each in a file or folder of its own; nil is no.
    public var hasClips: Bool?

    /// Whether a row may have several labels.
    public var hasLabelSets: Bool { labels != nil || labelSeparator != nil }

    /// Nothing at first.
    public init() {}
  }

  /// Nothing at first.
  public init() {}

  /// The name of the metadata in a model's file.
  package static let key = "preprocessing"

  /// The preprocessing in the metadata of a model's file; nothing where they have none. Throws what is wrong with it.
  package init(metadata: [String: String]) throws(PreprocessingError) {
    guard let text = metadata[Self.key] else {
      self.init()
      return
    }
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    do { self = try decoder.decode(Self.self, from: Data(text.utf8)) } catch let error as DecodingError {
      switch error {
      case .dataCorrupted(let context), .typeMismatch(_, let context), .valueNotFound(_, let context),
        .keyNotFound(_, let context):
        let place = context.codingPath.map(\.stringValue).joined(separator: ".")
        throw PreprocessingError(reason: (place.isEmpty ? "" : place + ": ") + context.debugDescription)
      @unknown default: throw PreprocessingError(reason: "\(error)")
      }
    } catch { throw PreprocessingError(reason: "expected JSON") }
    if let length, length < 1 || length > 1 << 24 {
      throw PreprocessingError(reason: "length: expected 1 to \(1 << 24), found \(length)")
    }
    if let length = translation?.length, length < 1 || length > 1 << 16 {
      throw PreprocessingError(reason: "translation.length: expected 1 to \(1 << 16), found \(length)")
    }
    if let problem = speech?.problem { throw PreprocessingError(reason: "speech.\(problem)") }
    if let problem = series?.problem { throw PreprocessingError(reason: problem) }
    if let length = tokens?.wordLength, length < 1 || length > 1 << 16 {
      throw PreprocessingError(reason: "tokens.wordLength: expected 1 to \(1 << 16), found \(length)")
    }
    if let problem = stories?.problem { throw PreprocessingError(reason: problem) }
    if let highest = rows?.highestFrequency, highest <= 100 || highest > 1 << 24 {
      throw PreprocessingError(reason: "highest_frequency: expected above 100, found \(highest)")
    }
    if let problem = rows?.audio?.problem { throw PreprocessingError(reason: "rows.audio.\(problem)") }
    if let patch, patch < 1 || patch > 1 << 24 {
      throw PreprocessingError(reason: "patch: expected 1 to \(1 << 24), found \(patch)")
    }
  }

  /// The preprocessing as one line of JSON with sorted keys in snake case; nil where there is nothing.
  package var text: String? {
    guard self != Preprocessing() else { return nil }
    let encoder = JSONEncoder()
    encoder.keyEncodingStrategy = .convertToSnakeCase
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    // Only a number that is not finite can't be encoded, and a scaler has none.
    return (try? encoder.encode(self)).map { String(decoding: $0, as: UTF8.self) }
  }

  /// What a model's file has to say of it; nothing where there is nothing.
  package var metadata: [String: String] { text.map { [Self.key: $0] } ?? [:] }

  /// The numbers of texts, [N, length], with the words as they are known; nil where no texts go in, or texts that a
  /// classifier cuts in its own way.
  public func encode(_ texts: [String]) -> Tensor? {
    guard let words, let length, unit == nil, merges == nil else { return nil }
    let vocabulary = WordVocabulary(words: words)
    return Tensor(texts.flatMap { vocabulary.encode($0, length: length) }, shape: [texts.count, length])
  }
}

/// A preprocessing that can't be read.
public struct PreprocessingError: Error, Equatable, Sendable, CustomStringConvertible {
  /// What was expected and what was found.
  public let reason: String
  /// The reason.
  public var description: String { "preprocessing: \(reason)" }
}
