import CellgateBasics
import CellgateData
import CellgateFiles
import CellgateTensor
import CellgateTraining

/// The parts of the data of the task `answer`, with what is learned of the training part, or what a model knows.
struct AnswerParts {
  let batches: AnswerBatches
  /// What there is to say of the parts.
  let remarks: [Split: String]

  /// The parts of the file at `path` and of those that the settings name.
  init(_ settings: TrainingSettings, _ path: String, model: AnswerEncoder?) throws(TaskDataError) {
    let all = try QuestionFile(path, needsAnswers: true).questions
    var digests = [settings.data?.sha256 ?? ""]
    func other(_ option: TaskOption) throws(TaskDataError) -> [Question]? {
      guard let name = settings.text(option) else { return nil }
      digests.append(try SHA256.hex(ofTaskFile: name))
      return try QuestionFile(name, needsAnswers: true).questions
    }
    let (validation, test) = (try other(AnswerOptions.validation), try other(AnswerOptions.test))
    let percents = (
      validation == nil ? settings.whole(AnswerOptions.validPercent) : 0,
      test == nil ? settings.whole(AnswerOptions.testPercent) : 0
    )
    // The questions of a story stay together.
    let stories = HeldOut(
      of: (all.last?.story ?? -1) + 1, validation: percents.0, test: percents.1, stream: "answer/split")
    func part(_ own: [Int]) -> [Question] {
      let own = Set(own)
      return all.filter { own.contains($0.story) }
    }
    let questions = part(stories.training)
    let held = (validation ?? part(stories.validation), test ?? part(stories.test))
    if questions.isEmpty || held.0.isEmpty || held.1.isEmpty {
      throw .unfit(
        file: path,
        reason:
          "expected questions about 3 texts or more, or --valid and --test, found \((all.last?.story ?? -1) + 1)"
      )
    }
    var remarks: [Split: String] = [:]
    for (split, percent, count) in [
      (Split.validation, percents.0, held.0.count), (.test, percents.1, held.1.count),
    ] where percent > 0 {
      let name = split == .test ? AnswerOptions.test.name : AnswerOptions.validation.name
      remarks[split] = "\(count) questions of --data, held out for want of --\(name)"
    }
    self.remarks = remarks
    let preprocessing =
      model?.preprocessing ?? AnswerEncoder.preprocessing(fitting: questions, settings)
    guard let encoder = AnswerEncoder(preprocessing) else {
      fail("AnswerTask: expected words and answers, found none")
    }
    if encoder.labels.count < 2 {
      throw .unfit(
        file: path,
        reason: "expected two answers or more, found '\(quotedName(encoder.labels.first ?? ""))' alone")
    }
    let training = questions.map { encoder($0) }
    if let example = training.first(where: { $0.answer < 0 }) {
      throw .unfit(
        file: path,
        reason:
          "line \(example.source.line): expected an answer of the model, found '\(quotedName(example.source.answer ?? ""))'"
      )
    }
    batches = AnswerBatches(
      encoder: encoder, training: training, validation: held.0.map { encoder($0) },
      test: held.1.map { encoder($0) }, count: settings.batch,
      checksum: "sha256:" + digests.joined(separator: ","))
  }

  /// The questions of a file that a model is scored on.
  init(_ settings: TrainingSettings, scoring questions: [Question], _ encoder: AnswerEncoder) {
    let examples = questions.map { encoder($0) }
    remarks = [:]
    batches = AnswerBatches(
      encoder: encoder, training: [], validation: examples, test: examples, count: settings.batch,
      checksum: nil)
  }
}
