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
    let parts = Self.split(all, validation: percents.0, test: percents.1)
    let held = (validation ?? parts.validation, test ?? parts.test)
    if parts.training.isEmpty || held.0.isEmpty || held.1.isEmpty {
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
      model?.preprocessing ?? AnswerEncoder.preprocessing(fitting: parts.training, settings)
    guard let encoder = AnswerEncoder(preprocessing) else {
      fail("AnswerTask: expected words and answers, found none")
    }
    if encoder.labels.count < 2 {
      throw .unfit(
        file: path,
        reason: "expected two answers or more, found '\(quotedName(encoder.labels.first ?? ""))' alone")
    }
    let training = parts.training.map { encoder($0) }
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

  /// Shares of the stories, in percent, the same for every seed, each of one or more; the questions of a story stay together.
  private static func split(
    _ questions: [Question], validation: Int, test: Int
  ) -> (training: [Question], validation: [Question], test: [Question]) {
    let count = (questions.last?.story ?? -1) + 1
    var stories = Array(0..<count)
    var stream = RandomStream(seed: 0, name: "answer/split")
    stream.shuffle(&stories)
    func share(_ percent: Int) -> Int {
      percent == 0 ? 0 : min(max((count * percent + 50) / 100, 1), max(0, (count - 1) / 2))
    }
    let (held, tested) = (share(validation), share(test))
    let (validating, testing) = (Set(stories[0..<held]), Set(stories[held..<held + tested]))
    return (
      questions.filter { !validating.contains($0.story) && !testing.contains($0.story) },
      questions.filter { validating.contains($0.story) }, questions.filter { testing.contains($0.story) }
    )
  }
}
