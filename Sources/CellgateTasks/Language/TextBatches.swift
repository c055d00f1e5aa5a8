import CellgateBasics
import CellgateData
import CellgateFiles
import CellgateTraining

/// Symbols of some lanes, and the ones after them.
public struct SymbolBatch: Equatable {
  /// T.
  public let steps: Int
  /// B.
  public let lanes: Int
  /// [T, B], row by row.
  public let inputs: [Int32]
  /// The symbol after each, [T, B].
  public let classes: [Int32]
  /// Steps at the beginning that the update before has predicted: they are read again, and not predicted.
  public let overlap: Int
  /// What the lanes begin with.
  public let beginning: Beginning

  /// What lanes begin with.
  public enum Beginning: Sendable {
    /// Zeros: the text begins, or is as good as one that does.
    case zeros
    /// The states that the update before left in the same lane.
    case sameLane
    /// The states that the update before left in the lane before, which is the text before; zeros in the first lane.
    case laneBefore
  }
}

/// One long stream of symbols, each to be predicted from those before: the characters, words or pieces of a text.
///
/// For training the stream is cut into B lanes of equal length, whose rest of fewer than B symbols is left out.
/// Each update takes the next T steps of every lane (truncated backpropagation through time), the first of which may be the last
/// ones of the update before, so that what comes after them is predicted with a gradient that goes back further; an epoch ends
/// where lanes have no whole update left. A shard is some of the lanes.
public struct TextBatches: BatchSource {
  /// What the symbols are.
  public let tokenizer: TextTokenizer
  let training: SymbolSequence
  let validation: TextTokenizer.Encoded
  let test: TextTokenizer.Encoded
  /// Whether the data aren't those that the model was trained on.
  let isOther: Bool
  let steps: Int
  let lanes: Int
  /// Steps of an update that the next one reads again.
  let overlap: Int
  /// Whether an epoch's lanes begin with what the last epoch's left.
  let carriesEpochs: Bool

  /// Streams of symbols of `tokenizer`, in updates of `steps` of `lanes`.
  init(
    tokenizer: TextTokenizer, training: SymbolSequence, validation: TextTokenizer.Encoded,
    test: TextTokenizer.Encoded, steps: Int, lanes: Int, overlap: Int = 0, carriesEpochs: Bool = false
  ) {
    self.tokenizer = tokenizer
    self.training = training
    self.validation = validation
    self.test = test
    self.steps = steps
    self.lanes = lanes
    self.overlap = overlap
    self.carriesEpochs = carriesEpochs
    isOther = false
    require(
      stepsPerEpoch ?? 0 > 0 && validation.indices.count > 1 && test.indices.count > 1,
      "TextBatches: expected streams for one update or more, found \(training.count), \(validation.indices.count) and \(test.indices.count) symbols"
    )
  }

  /// The parts of a text, training, validation and test, as symbols of `tokenizer`, in updates as `settings` say; throws
  /// `unknownCharacter`, or `tooShort` for a part without an update.
  init(
    _ parts: [(file: String, text: some BidirectionalCollection<Unicode.Scalar>)], tokenizer: TextTokenizer,
    settings: TrainingSettings
  ) throws(TaskDataError) {
    var encoded: [TextTokenizer.Encoded] = []
    // A character that the training part has none of comes before a part that is too short.
    for (file, text) in parts {
      do throws(UnknownCharacter) { encoded.append(try tokenizer.encode(text)) } catch {
        throw .unknownCharacter(file: file, character: error.character, place: error.place)
      }
    }
    try settings.checkCounts(
      zip(parts, encoded).map { ($0.file, $1.indices.count) }, unit: tokenizer.unit)
    self.init(
      tokenizer: tokenizer, training: encoded[0].indices, validation: encoded[1], test: encoded[2],
      steps: settings.whole(LanguageModelOptions.length), lanes: settings.batch,
      overlap: settings.overlap, carriesEpochs: settings.carriesEpochs)
  }

  /// A text that isn't the run's own, to score a model on with the model's symbols: there is nothing to train on, and
  /// it stands for every split. Throws `tooShort`, or `unknownToModel` where there is no symbol for unknown characters.
  init(
    scoring text: some BidirectionalCollection<Unicode.Scalar>, of file: String, tokenizer: TextTokenizer,
    steps: Int, lanes: Int
  ) throws(TaskDataError) {
    do throws(UnknownCharacter) { test = try tokenizer.encode(text) } catch {
      throw .unknownToModel(file: file, character: error.character, place: error.place)
    }
    guard test.indices.count > 1 else {
      throw .tooShort(
        file: file, part: "scored", expected: 2, found: test.indices.count, unit: tokenizer.unit.rawValue)
    }
    self.tokenizer = tokenizer
    self.steps = steps
    self.lanes = lanes
    (overlap, carriesEpochs) = (0, false)
    training = []
    validation = test
    isOther = true
  }

  private var laneLength: Int { training.count / lanes }

  /// Updates that lanes are long enough for.
  public var stepsPerEpoch: Int? { max(0, laneLength - 1 - overlap) / (steps - overlap) }

  /// That of the training and validation symbols.
  public var checksum: String? {
    var checksum = CRC32()
    for symbols in [training, validation.indices] {
      for begin in stride(from: 0, to: symbols.count, by: 65_536) {
        checksum.update(Array(symbols[begin..<min(begin + 65_536, symbols.count)]))
      }
    }
    return "crc32:\(checksum)"
  }

  /// Whether it has no example, as a shard of a batch of fewer examples than shards.
  public func isEmpty(_ batch: SymbolBatch) -> Bool { batch.lanes == 0 }

  /// The symbols of update `step` and those after them; every seed has the same.
  public func batch(seed: UInt64, step: Int, shard: Shard) -> SymbolBatch {
    let (epoch, update) = step.quotientAndRemainder(dividingBy: stepsPerEpoch ?? 1)
    let own = shard.range(of: lanes)
    let first = update * (steps - overlap)
    var (inputs, classes): ([Int32], [Int32]) = ([], [])
    inputs.reserveCapacity(steps * own.count)
    classes.reserveCapacity(steps * own.count)
    for place in first..<(first + steps) {
      for lane in own {
        inputs.append(training[lane * laneLength + place])
        classes.append(training[lane * laneLength + place + 1])
      }
    }
    return SymbolBatch(
      steps: steps, lanes: own.count, inputs: inputs, classes: classes,
      overlap: update == 0 ? 0 : overlap,
      beginning: update > 0 ? .sameLane : epoch > 0 && carriesEpochs ? .laneBefore : .zeros)
  }

  /// The whole stream in one lane, of `steps` at once.
  public func batches(of split: Split) -> AnySequence<SymbolBatch> {
    let stream = stream(of: split).indices
    return AnySequence(
      stride(from: 0, to: stream.count - 1, by: steps).lazy.map { [steps] first in
        let last = min(first + steps, stream.count - 1)
        return SymbolBatch(
          steps: last - first, lanes: 1, inputs: Array(stream[first..<last]),
          classes: Array(stream[first + 1...last]), overlap: 0,
          beginning: first == 0 ? .zeros : .sameLane)
      })
  }

  func stream(of split: Split) -> TextTokenizer.Encoded { split == .test ? test : validation }
}
