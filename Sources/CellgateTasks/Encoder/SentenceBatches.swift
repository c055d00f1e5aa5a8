import CellgateData
import CellgateNN
import CellgateTensor
import CellgateTraining

/// Texts side by side as the model takes them, and which group each is of.
public struct SentenceBatch {
  /// `[T, B]` of symbols, with the lengths.
  public let x: LayerValue
  /// B numbers; texts of the same one mean the same.
  public let groups: [Int32]
}

/// Two texts of each of some groups, in an order that depends on the seed and the pass. An epoch is at least 25 updates.
///
/// In a batch of training the first half are one text of each group, the second half another one of the same groups.
public final class SentenceBatches: BatchSource {
  let vectorizer: TextVectorizer
  /// Training groups: the symbols of their texts.
  private let training: [[[Float]]]
  /// The texts of the parts that are scored.
  let parts: [Split: SentencePart]
  private let count: Int
  /// That of the files.
  public let checksum: String?
  /// The order of the pass that was asked for last.
  private var current: (seed: UInt64, pass: Int, order: [Int])?
  /// What is reached by counting words, by part.
  private var counted: [Split: [String: Double]] = [:]

  private static let leastSteps = 25
  /// Texts of an evaluation that are looked at together.
  private static let evaluated = 128

  init(
    vectorizer: TextVectorizer, training: [[String]], parts: [Split: SentencePart], count: Int,
    checksum: String?
  ) {
    (self.vectorizer, self.parts, self.checksum) = (vectorizer, parts, checksum)
    self.training = training.map { $0.map(vectorizer.symbols) }
    self.count = max(2, min(count, training.count))
  }

  /// How many groups there are to train on.
  var trainingCount: Int { training.count }
  /// The symbols of the longest training text.
  var longest: Int { training.lazy.flatMap { $0 }.map(\.count).max() ?? 1 }

  private var steps: Int { (training.count + count - 1) / count }

  /// Whole passes.
  public var stepsPerEpoch: Int? {
    training.isEmpty ? nil : ((Self.leastSteps - 1) / steps + 1) * steps
  }

  /// A shard of the groups of update `step`.
  public func batch(seed: UInt64, step: Int, shard: Shard) -> SentenceBatch {
    var (first, second, groups): ([[Float]], [[Float]], [Int32]) = ([], [], [])
    for row in shard.range(of: count) {
      let (pass, place) = (step * count + row).quotientAndRemainder(dividingBy: training.count)
      let group = order(seed: seed, pass: pass)[place]
      var stream = RandomStream(seed: seed, name: "encoder/texts/\(group)", step: UInt64(pass))
      let texts = stream.permutation(training[group].count)
      first.append(training[group][texts[0]])
      second.append(training[group][texts[1]])
      groups.append(Int32(group))
    }
    return SentenceBatch(x: Self.side(first + second), groups: groups + groups)
  }

  private func order(seed: UInt64, pass: Int) -> [Int] {
    if let current, current.seed == seed, current.pass == pass { return current.order }
    var stream = RandomStream(seed: seed, name: "encoder/order", step: UInt64(pass))
    let order = stream.permutation(training.count)
    current = (seed, pass, order)
    return order
  }

  /// The texts of a part in the order of the files.
  public func batches(of split: Split) -> AnySequence<SentenceBatch> {
    guard let part = parts[split] else { return AnySequence([]) }
    return AnySequence(
      stride(from: 0, to: part.texts.count, by: Self.evaluated).lazy.map { [vectorizer] start in
        let own = start..<min(start + Self.evaluated, part.texts.count)
        return SentenceBatch(
          x: Self.side(own.map { vectorizer.symbols(of: part.texts[$0]) }), groups: Array(part.groups[own]))
      })
  }

  /// Texts side by side.
  static func side(_ texts: [[Float]]) -> LayerValue {
    let lengths = texts.map(\.count), steps = lengths.max() ?? 0
    var x = [Float](repeating: 0, count: steps * texts.count)
    for (column, text) in texts.enumerated() {
      for (step, symbol) in text.enumerated() { x[step * texts.count + column] = symbol }
    }
    return LayerValue(
      Tensor(x, shape: [steps, texts.count]),
      mask: lengths.allSatisfy { $0 == steps } ? nil : .lengths(lengths))
  }

  /// The words of a part's texts.
  func words(_ split: Split) -> WordRetrieval? { parts[split].map(WordRetrieval.init) }

  /// What counting words reaches on a part, by the metrics' names.
  func counted(_ split: Split) -> [String: Double] {
    if let known = counted[split] { return known }
    let found = words(split)?.scores ?? [:]
    counted[split] = found
    return found
  }
}

/// The texts of a part that is scored.
struct SentencePart {
  let texts: [String]
  /// Which group each is of.
  let groups: [Int32]

  init(_ groups: [[String]]) {
    texts = groups.flatMap { $0 }
    self.groups = groups.enumerated().flatMap { group, texts in texts.map { _ in Int32(group) } }
  }
}

extension TextVectorizer {
  /// The numbers of a text, at least the one of an unknown word.
  func symbols(of text: String) -> [Float] {
    let numbers = numbers(of: text).map { Float($0) }
    return numbers.isEmpty ? [Float(WordVocabulary.unknown)] : numbers
  }
}
