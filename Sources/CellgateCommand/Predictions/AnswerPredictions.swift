import Cellgate

/// The answers to the questions of a file, as CSV.
struct AnswerPredictions: FilePredictor {
  private let answerer: QuestionAnswerer

  init?(_ model: Model) {
    guard let answerer = QuestionAnswerer(model) else { return nil }
    self.answerer = answerer
  }

  func run(_ job: PredictionJob) throws {
    let out = try job.outputCSV()
    let counts = try answerer.answer(job.data, to: out, batch: job.batch)
    let questions = counts.values.reduce(0, +)
    job.print(answerer.labels.map { ($0, counts[$0] ?? 0) }.filter { $0.1 > 0 })
    job.report([("samples", .integer(questions))], "\(Text.plural(questions, "question")): answers in \(out)")
  }
}
