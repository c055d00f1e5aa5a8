import Cellgate
import Foundation

/// A translator with 256 units and 6,000 symbols on each side: a training step, or beam search over sentences.
final class TranslationWorkload {
  /// What was timed.
  struct Record: Encodable {
    let command = "translation"
    let cell, pass, isa: String
    let batch, steps, width, sentences, threads: Int
    let timesMs: [Double]
    let medianMs: Double
  }

  private static let vocabulary = 6000
  private let options: Options
  private let cell: Cell
  private let translation: DecodingModel
  private let parameters: ParameterSet
  private let adam: Adam
  private let subjects: [LayerValue]
  private let targets: [[Int32]]
  private var update: UInt64 = 0

  init(_ options: Options) throws {
    guard options.pass == "training" || options.pass == "beam" else {
      throw GridError("--pass: expected training or beam, found '\(options.pass)'")
    }
    (self.options, cell) = (options, try options.cell)
    let model = try TranslationModelOptions(
      cell: cell, sourceSize: Self.vocabulary, targetSize: Self.vocabulary
    ).model(seed: 1)
    translation = try DecodingModel(model)
    parameters = ParameterSet(model)
    adam = Adam(count: parameters.count, settings: OptimizerSettings(learningRate: 1e-3))
    var random = RandomStream(seed: 1, name: "translation")
    // Symbols as often as in language: the logarithm of their rank is uniform.
    func sentences(_ lengths: [Int]) -> [[Int32]] {
      lengths.map { length in
        (0..<length).map { _ in Int32(2 + pow(Double(Self.vocabulary - 4), Double(random.uniform()))) }
      }
    }
    let isTraining = options.pass == "training"
    let lengths =
      isTraining
      ? Self.lengths(options, 7) : [Int](repeating: options.steps, count: options.pictures)
    let sources = sentences(lengths), steps = lengths.max() ?? 0
    let numbers = (0..<steps).flatMap { step in sources.map { step < $0.count ? Float($0[step]) : 0 } }
    subjects = [LayerValue(Tensor(numbers, shape: [steps, sources.count]), mask: .lengths(lengths))]
    targets = isTraining ? sentences(Self.lengths(options, 5)) : []
  }

  /// The lengths of a batch, from half of the steps to all of them; the other side has the same.
  private static func lengths(_ options: Options, _ stride: Int) -> [Int] {
    (0..<options.batch).map { options.steps - $0 * stride % (options.steps / 2 + 1) }
  }

  func run() {
    if options.pass == "training" { train() } else { decode() }
  }

  private func train() {
    parameters.zeroGradients()
    let loss = translation.loss(
      of: targets, about: subjects, start: 1, end: 2, .training(seed: 1, step: update))
    loss.mean.backward()
    _ = parameters.clipGradients(norm: 1)
    adam.step(parameters)
    update += 1
  }

  /// Without an end: every translation is as long.
  private func decode() {
    _ = translation.decoder(subjects).beamSearch(
      after: 1, rules: DecodingRules(end: nil, maximumLength: options.steps),
      search: BeamSearch(width: options.width))
  }

  func record(_ options: Options, times: [Double]) -> Record {
    let milliseconds = times.map { $0 * 1e3 }
    return Record(
      cell: cell.name, pass: options.pass, isa: "\(InstructionSet.active)", batch: options.batch,
      steps: options.steps, width: options.width, sentences: options.pictures, threads: options.threads,
      timesMs: milliseconds, medianMs: milliseconds.median)
  }
}
