import CellgateBasics
import CellgateData
import CellgateNN
import CellgateTensor
import CellgateTraining

/// The cross-entropy of captions' words, or the reward of captions that the model draws; scored by CIDEr of its greedy captions.
public struct CaptionObjective: TrainingObjective {
  /// Features that can't be read.
  public typealias Failure = TaskDataError

  /// The features, read as they are needed.
  let features: PictureFeatures
  let vocabulary: CaptionVocabulary
  let loss: DecodingModel.LossOptions
  /// What drawn captions are rewarded by; nil for the cross-entropy.
  let reward: CaptionReward?
  /// The captions of each picture of the set that is evaluated, as tokens with spaces between.
  let references: [Int: [String]]

  /// The model as a decoder.
  static func decoding(_ model: Model) -> DecodingModel {
    do throws(LayerError) { return try DecodingModel(model) } catch {
      fail("CaptionObjective: expected a model that decodes, found \(error)")
    }
  }

  /// The features of some rows as a model takes them: `[B, F]`, or `[R, B, F]` with the number of each picture's regions.
  static func subject(_ rows: [Int], _ features: PictureFeatures) throws(TaskDataError) -> LayerValue {
    do throws(CaptionDataError) {
      let (numbers, regions) = try features.read(rows)
      guard features.hasRegions else { return LayerValue(numbers) }
      let areAll = features.regions != nil
      return LayerValue(numbers.permuted([1, 0, 2]), mask: areAll ? nil : .lengths(regions))
    } catch { throw TaskDataError(error) }
  }

  /// The mean loss of the words.
  public func loss(
    _ model: Model, _ batch: CaptionBatch, carried: inout [Tensor], context: ForwardContext,
    probe: TensorProbe?
  ) throws(TaskDataError) -> BatchLoss {
    let subject = try Self.subject(batch.rows, features)
    probe?("input", "features", subject.tensor)
    let decoding = Self.decoding(model)
    if let reward {
      let loss = decoding.selfCriticalLoss(
        about: [subject], options: reward.options(vocabulary), context
      ) { sequences in reward.scores(sequences, pictures: batch.pictures) }
      return BatchLoss(mean: loss.mean, weight: loss.weight)
    }
    var options = self.loss
    options.drawnShare = batch.drawnShare
    let loss = decoding.loss(
      of: batch.captions, about: [subject], owners: batch.owners, start: Int32(CaptionVocabulary.begin),
      end: Int32(CaptionVocabulary.end), options: options, context)
    return BatchLoss(mean: loss.mean, weight: loss.weight)
  }

  /// Adds the cross-entropy.
  public func measure(
    _ model: Model, _ batch: CaptionBatch, context: ForwardContext, into totals: inout MetricTotals
  ) throws(TaskDataError) {
    let loss = Self.decoding(model).loss(
      of: batch.captions, about: [try Self.subject(batch.rows, features)], owners: batch.owners,
      start: Int32(CaptionVocabulary.begin), end: Int32(CaptionVocabulary.end), context)
    totals.add("cross_entropy", sum: Double(loss.mean.item) * loss.weight, weight: loss.weight)
  }

  /// What is made of a batch.
  private struct Found: Codable {
    let totals: MetricTotals
    let captions: [String]
  }

  /// The scores of greedy captions against all references, and the cross-entropy of these.
  public func evaluate(
    _ model: Model, on split: Split, _ batches: AnySequence<CaptionBatch>, metrics: [Metric],
    context: ForwardContext
  ) throws(TaskDataError) -> Evaluation {
    var totals = MetricTotals()
    var (captions, pictures): ([String], [Int]) = ([], [])
    let rules = DecodingRules.captions(vocabulary)
    try context.each(of: batches) { batch throws(TaskDataError) in
      let decoder = Self.decoding(model).decoder([try Self.subject(batch.rows, features)], context)
      let captions = decoder.greedy(after: Int32(CaptionVocabulary.begin), rules: rules).map {
        vocabulary.decode($0.tokens.lazy.map(Int.init))
      }
      return Found(totals: try self.totals(model, batch, context), captions: captions)
    } use: { batch, own in
      totals.add(own.totals)
      captions += own.captions
      pictures += batch.pictures
    }
    let scores = scores(captions, of: pictures)
    let values = metrics.map { metric in
      scores.named.first { $0.name == metric.name }?.value ?? totals[metric.name].mean
    }
    return Evaluation(values[0], extras: Array(values.dropFirst()))
  }

  /// What captions of pictures of the set score against their references, without METEOR.
  func scores(_ captions: [String], of pictures: [Int]) -> CaptionScores {
    do throws(MeteorError) { return try scores(captions, of: pictures, meteor: nil) } catch {
      fail("CaptionObjective: expected no error without METEOR, found \(error)")
    }
  }

  /// The same with METEOR where its data are at hand; throws what is wrong with them.
  func scores(
    _ captions: [String], of pictures: [Int], meteor: Meteor?
  ) throws(MeteorError) -> CaptionScores {
    try CaptionMetrics(
      candidates: PTBTokenizer().tokenize(captions), references: references(of: pictures), areTokenized: true,
      meteor: meteor
    ).overall
  }

  private func references(of pictures: [Int]) -> [[String]] { pictures.map { references[$0] ?? [""] } }
}

/// The reward of a caption in self-critical training: CIDEr-D against its picture's captions, with the document frequencies of
/// the training captions. The end of a caption counts as a word, so that captions that don't come to one lose by it.
final class CaptionReward {
  private let cider: CIDEr
  private let references: [Int: [[Int32]]]

  /// The rewards of pictures with these captions.
  init(_ captions: [(picture: Int, words: [Int32])]) {
    var references: [Int: [[Int32]]] = [:]
    for (picture, words) in captions {
      references[picture, default: []].append(words + [Int32(CaptionVocabulary.end)])
    }
    self.references = references
    cider = CIDEr(documents: references.sorted { $0.key < $1.key }.map(\.value))
  }

  /// Five samples of each picture, compared with the greedy caption.
  func options(_ vocabulary: CaptionVocabulary) -> DecodingModel.SelfCriticalOptions {
    var options = DecodingModel.SelfCriticalOptions(
      rules: .captions(vocabulary), start: Int32(CaptionVocabulary.begin))
    options.samples = 5
    return options
  }

  func scores(_ sequences: [DecodingModel.RewardedSequence], pictures: [Int]) -> [Double] {
    sequences.map { sequence in
      let isWhole = sequence.isComplete
      return cider.score(
        sequence.tokens + (isWhole ? [Int32(CaptionVocabulary.end)] : []),
        references: references[pictures[sequence.subject]] ?? [[]])
    }
  }
}
