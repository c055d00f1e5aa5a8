import CellgateBasics
import CellgateData
import CellgateNN
import CellgateTensor
import CellgateTraining

/// The cross-entropy of the symbols of translations; scored by BLEU and chrF of what the model writes.
public struct TranslationObjective: TrainingObjective {
  let symbols: Preprocessing.Translation
  let loss: DecodingModel.LossOptions
  /// How test sentences are searched; validation sentences are searched with a width of 1.
  let search: BeamSearch
  /// The sentences as they were written.
  let sentences: [Split: SentencePairs]
  /// What there is to say of the parts.
  let remarks: [Split: String]

  /// The model as a translator.
  static func translator(_ model: Model, _ symbols: Preprocessing.Translation) -> Translator {
    do throws(LayerError) { return Translator(try DecodingModel(model), symbols) } catch {
      fail("TranslationObjective: expected a model that decodes, found \(error)")
    }
  }

  private func loss(
    _ model: Model, _ batch: TranslationBatch, _ options: DecodingModel.LossOptions,
    _ context: ForwardContext,
    _ probe: TensorProbe? = nil
  ) -> BatchLoss {
    let subject = Translator.subject(batch.source)
    probe?("input", "source", subject.tensor)
    let loss = Self.translator(model, symbols).model.loss(
      of: batch.target, about: [subject], start: TranslationVocabulary.begin, end: TranslationVocabulary.end,
      options: options, context)
    return BatchLoss(mean: loss.mean, weight: loss.weight)
  }

  /// The mean loss of the symbols.
  public func loss(
    _ model: Model, _ batch: TranslationBatch, carried: inout [Tensor], context: ForwardContext,
    probe: TensorProbe?
  ) -> BatchLoss {
    loss(model, batch, loss, context, probe)
  }

  /// Adds the cross-entropy of the pairs that are no longer than those that are trained on.
  public func measure(
    _ model: Model, _ batch: TranslationBatch, context: ForwardContext, into totals: inout MetricTotals
  ) {
    let lengths = 1...symbols.length
    let short = batch.part(
      batch.source.indices.filter {
        lengths.contains(batch.source[$0].count) && batch.target[$0].count <= symbols.length
      })
    guard !short.places.isEmpty else { return }
    let loss = loss(model, short, .init(), context)
    totals.add("cross_entropy", sum: Double(loss.mean.item) * loss.weight, weight: loss.weight)
  }

  /// What is made of a batch.
  private struct Found: Codable {
    let totals: MetricTotals
    let translations: [String]
  }

  /// BLEU and chrF of the best translations, and the cross-entropy of the references.
  public func evaluate(
    _ model: Model, on split: Split, _ batches: AnySequence<TranslationBatch>, metrics: [Metric],
    context: ForwardContext
  ) -> Evaluation {
    var totals = MetricTotals()
    var (found, references): ([String], [[String]]) = ([], [])
    let translator = Self.translator(model, symbols)
    context.each(of: batches) { batch in
      let source = sentences[split]?.part(batch.places).source ?? []
      let best = translator.translations(
        of: source, search: split == .test ? search : BeamSearch(width: 1),
        shouldStop: { context.shouldStop })
      return Found(
        totals: self.totals(model, batch, context),
        translations: best?.map { $0.first?.text ?? "" } ?? source.map { _ in "" })
    } use: { batch, own in
      totals.add(own.totals)
      found += own.translations
      references += sentences[split]?.part(batch.places).target.map { [$0] } ?? []
    }
    let scores = scores(found, references)
    let values = metrics.map { metric in
      switch metric.name {
      case "BLEU": scores.bleu
      case "chrF": scores.chrF
      default: totals[metric.name].mean
      }
    }
    let remark = [remarks[split], "BLEU is \(scores.signature)"].compactMap { $0 }.joined(separator: "; ")
    return Evaluation(values[0], extras: Array(values.dropFirst()), remark: remark)
  }

  /// What translations score; capital letters count as small ones where the model writes none.
  func scores(_ translations: [String], _ references: [[String]]) -> TranslationMetrics {
    TranslationMetrics(
      candidates: translations, references: references, isLowercased: symbols.target.isLowercased)
  }
}
