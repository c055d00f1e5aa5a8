import Cellgate
import CellgateFiles

/// The sentences of a CoNLL file with their tags.
struct TagPredictions: FilePredictor {
  private let tagger: TokenTagger

  init?(_ model: Model) {
    guard let tagger = TokenTagger(model) else { return nil }
    self.tagger = tagger
  }

  func run(_ job: PredictionJob) throws {
    let out = try job.output()
    if ArrayFile.isOne(out) || out.hasSuffix(".gz") {
      throw CommandFailure(
        .usage,
        "--out: expected a name of a text file, such as tagged.conll, found '\(quotedName(out))'")
    }
    let result = try tagger.tag(job.data, to: out, batch: job.batch)
    let tokens = result.counts.values.reduce(0, +)
    job.print(tagger.labels.map { ($0, result.counts[$0] ?? 0) })
    job.report(
      [("samples", .integer(result.sentences)), ("tokens", .integer(tokens))],
      "\(Text.plural(result.sentences, "sentence")), \(Text.plural(tokens, "token")): tags in \(out)")
  }
}
