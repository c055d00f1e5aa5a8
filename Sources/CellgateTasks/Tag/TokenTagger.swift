import CellgateBasics
import CellgateData
import CellgateFiles
import CellgateNN
import CellgateTensor
import CellgateTraining

/// A tagger of sentences: of a model that `tag` trained.
///
///     let tagger = TokenTagger(try Model.load("runs/tag-lstm"))
///     let tags = tagger?.tags(of: [["Ada", "lives", "in", "Turin"]])     // [["B-PER", "O", "O", "B-LOC"]]
///     try tagger?.tag("new.conll", to: "tagged.conll")
public struct TokenTagger {
  private let model: Model
  private let encoder: TokenEncoder
  private let columns: TokenColumns

  /// The tagger of a model; nil of one that takes other data.
  public init?(_ model: Model) {
    let preprocessing = model.preprocessing
    guard let encoder = TokenEncoder(preprocessing),
      let columns = TokenColumns(preprocessing.tokens?.columns),
      model.outputShapes.count == 1, model.outputShapes[0].features == [encoder.labels.count],
      model.inputs.map(\.shape) == Self.inputs(of: encoder)
    else { return nil }
    (self.model, self.encoder, self.columns) = (model, encoder, columns)
  }

  private static func inputs(of encoder: TokenEncoder) -> [LayerShape] {
    [.sequence()] + (encoder.characterCount == nil ? [] : [.sequence(encoder.wordLength)])
  }

  /// The tags that there are.
  public var labels: [String] { encoder.labels }

  /// The tags of each token of sentences. `batch` sentences are computed at once, which changes no tag.
  public func tags(of sentences: [[String]], batch: Int = 64) -> [[String]] {
    var found = [[String]](repeating: [], count: sentences.count)
    let places = sentences.indices.filter { !sentences[$0].isEmpty }
    let examples = places.map { place in
      encoder(
        .init(tokens: sentences[place], tags: sentences[place].map { _ in nil }, lines: []))
    }
    for group in LengthOrder.groups(of: examples.map(\.steps), most: batch) {
      let tags = withoutGradient {
        TagObjective.tags(model, encoder.batch(group.map { examples[$0] }), .inference())
      }
      for (place, own) in zip(group, tags) { found[places[place]] = own.map { labels[Int($0)] } }
    }
    return found
  }

  /// What was found in a file.
  public struct Result: Sendable, Equatable {
    /// The sentences.
    public let sentences: Int
    /// How many tokens got each tag.
    public let counts: [String: Int]
  }

  /// Writes the sentences of a CoNLL file with one more column, that of their tags; comments and blank lines stay, and the file
  /// needs no tags. Lines that are no tokens get `_`, and `-DOCSTART-` gets O where that is a tag. Throws what is wrong with the file, or that
  /// it can't be written.
  @discardableResult
  public func tag(_ file: String, to path: String, batch: Int = 64) throws(TaskDataError) -> Result {
    let read = try CoNLLFile(file, columns: columns, needsTags: false)
    let tags = tags(of: read.sentences.map(\.tokens), batch: batch)
    let other = !read.isUniversal && labels.contains("O") ? "O" : CoNLLFile.none
    do throws(FileError) {
      try AtomicFile.write(Data(read.adding(tags, other: other).utf8), to: path)
    } catch { throw .file(error) }
    var counts: [String: Int] = [:]
    for tag in tags.joined() { counts[tag, default: 0] += 1 }
    return Result(sentences: read.sentences.count, counts: counts)
  }
}
