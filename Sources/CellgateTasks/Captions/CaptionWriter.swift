import CellgateData
import CellgateNN
import CellgateTensor
import CellgateTraining

/// Writes captions with a model, of features as it was trained on.
///
/// ```swift
/// let writer = try CaptionWriter("runs/captions-lstm-wm")
/// let features = try writer.features("features.safetensors")
/// let captions = try writer.captions(of: features, rows: [0, 1], search: BeamSearch(width: 5, lengthPower: 1))
/// print(captions[0][0].text, captions[0][0].score)
/// ```
public struct CaptionWriter {
  /// A caption that the model found.
  public struct Caption: Sendable, Equatable {
    /// The words.
    public let words: [String]
    /// ln p of the words and the end over their number^α.
    public let score: Double
    /// ln p of the words and the end.
    public let logProbability: Double
    /// The words' numbers.
    let tokens: [Int32]

    /// The words with spaces between.
    public var text: String { words.joined(separator: " ") }
  }

  /// The model.
  public let model: DecodingModel
  /// The words that it knows.
  public let vocabulary: CaptionVocabulary
  /// What features are brought to; nil for as they are.
  public let scaler: Scaler?

  /// Pictures whose captions are searched together.
  static let batch = 128

  /// The model in a file, or the best one of the run in a folder. Throws what is wrong with it, `badModel` for one that writes no
  /// captions.
  public init(_ path: String, trustingWeights: Bool = false) throws(RunError) {
    try self.init(try Model.load(path, trustingWeights: trustingWeights), file: path)
  }

  /// The writer of a loaded model, whose file has a name in errors. Throws `badModel` for a model that writes no captions.
  public init(_ model: Model, file path: String) throws(RunError) {
    let preprocessing = model.preprocessing
    guard let vocabulary = preprocessing.captions else {
      throw .badModel(
        file: path, reason: "expected a model that writes captions, found one without their words")
    }
    do throws(LayerError) { self.model = try DecodingModel(model) } catch {
      throw .badModel(file: path, reason: error.description)
    }
    guard self.model.vocabularySize == vocabulary.count, self.model.subjects.count == 1,
      self.model.subjects[0].shape.features.count == 1
    else {
      throw .badModel(
        file: path,
        reason: "expected a model that writes \(vocabulary.count) words about features, found one of "
          + "\(self.model.vocabularySize) symbols and \(self.model.subjects.count) inputs besides them")
    }
    if let scaler = preprocessing.inputScaler, scaler.means.count != self.model.subjects[0].shape.features[0]
    {
      throw .badModel(
        file: path,
        reason: "expected a scaler of \(self.model.subjects[0].shape.features[0]) features, found one of "
          + "\(scaler.means.count)")
    }
    (self.vocabulary, scaler) = (vocabulary, preprocessing.inputScaler)
  }

  /// Features for the model: of its width, and of regions if it looks at regions. Throws `featureWidth`, `featureShape` or what
  /// is wrong with a file.
  public func features(
    _ path: String, scale: String? = nil, names: String? = nil
  ) throws(CaptionDataError) -> PictureFeatures {
    var features = try PictureFeatures(path, scale: scale, names: names)
    let shape = model.subjects[0].shape
    guard features.width == shape.features[0] else {
      throw .featureWidth(file: path, name: nil, expected: shape.features[0], found: features.width)
    }
    guard features.hasRegions == shape.isSequence else {
      throw .featureShape(
        file: path, name: nil,
        expected: shape.isSequence ? "regions of each picture, [R, D]" : "a vector of each picture, [D]",
        found: [features.count, features.regions, features.width].compactMap { $0 })
    }
    features.scaler = scaler
    return features
  }

  /// The best captions of some rows' pictures, of each the best first; nil where `shouldStop` was true before they were found.
  ///
  /// - Parameters:
  ///   - mostWords: the most words of a caption; nil for those that the model was trained with.
  ///   - rules: what else captions must look like; `maximumLength` and the words that never come are set here.
  ///   - onProgress: called with the number of pictures so far.
  public func captions(
    of features: PictureFeatures, rows: [Int], search: BeamSearch, mostWords: Int? = nil,
    change: (inout DecodingRules) -> Void = { _ in }, onProgress: (Int) -> Void = { _ in },
    shouldStop: () -> Bool = { false }
  ) throws(TaskDataError) -> [[Caption]]? {
    var rules = DecodingRules.captions(vocabulary, mostWords: mostWords)
    change(&rules)
    var found: [[Caption]] = []
    for start in stride(from: 0, to: rows.count, by: Self.batch) {
      if shouldStop() { return nil }
      let part = Array(rows[start..<min(start + Self.batch, rows.count)])
      let decoder = model.decoder([try CaptionObjective.subject(part, features)])
      let hypotheses = decoder.beamSearch(
        after: Int32(CaptionVocabulary.begin), rules: rules, search: search)
      found += hypotheses.map { $0.map(caption) }
      onProgress(found.count)
    }
    return found
  }

  private func caption(_ hypothesis: Hypothesis) -> Caption {
    Caption(
      words: hypothesis.tokens.compactMap { vocabulary.word(Int($0)) }, score: hypothesis.score,
      logProbability: hypothesis.logProbability, tokens: hypothesis.tokens)
  }

  /// How much each word of a caption of each row's picture looked at each region, [words][regions]; nil of a model without
  /// attention.
  public func attention(
    _ captions: [Caption], of features: PictureFeatures, rows: [Int]
  ) throws(TaskDataError) -> [[[Float]]]? {
    var found: [[[Float]]] = []
    for start in stride(from: 0, to: rows.count, by: Self.batch) {
      let part = start..<min(start + Self.batch, rows.count)
      let subject = try CaptionObjective.subject(Array(rows[part]), features)
      let weights = model.attention(
        captions[part].map(\.tokens), about: [subject], start: Int32(CaptionVocabulary.begin))
      guard let weights else { return nil }
      found += weights.map(\.rowValues)
    }
    return found
  }
}

extension Tensor {
  /// The rows of a matrix.
  var rowValues: [[Float]] {
    let (width, all) = (shape[1], scalars)
    return (0..<shape[0]).map { Array(all[$0 * width..<($0 + 1) * width]) }
  }
}
