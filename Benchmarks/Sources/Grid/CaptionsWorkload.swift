import Cellgate
import Foundation

/// A caption model with 512 units: a training step, or beam search over pictures.
final class CaptionsWorkload {
  /// What was timed.
  struct Record: Encodable {
    let command = "captions"
    let name, cell, pass, isa: String
    let batch, steps, width, pictures, threads: Int
    let timesMs: [Double]
    let medianMs: Double
  }

  private static let vocabulary = 2550, units = 512, features = 512, regions = 9
  private let options: Options
  private let form: CaptionModelOptions.Form
  private let cell: Cell
  private let captions: DecodingModel
  private let parameters: ParameterSet
  private let adam: Adam
  private let subjects: [LayerValue]
  private let sentences: [[Int32]]
  private var update: UInt64 = 0

  init(_ options: Options) throws {
    guard let form = CaptionModelOptions.Form(rawValue: options.name) else {
      throw GridError(
        "--name: expected one of \(CaptionModelOptions.Form.allCases.map(\.rawValue)), found '\(options.name)'"
      )
    }
    guard options.pass == "training" || options.pass == "beam" else {
      throw GridError("--pass: expected training or beam, found '\(options.pass)'")
    }
    (self.options, self.form, cell) = (options, form, try options.cell)
    let own = CaptionModelOptions(
      form, cell: cell, vocabularySize: Self.vocabulary, featureSize: Self.features)
    let model = try own.model(seed: 1)
    captions = try DecodingModel(model)
    parameters = ParameterSet(model)
    adam = Adam(count: parameters.count, settings: OptimizerSettings(learningRate: 5e-4))
    var random = RandomStream(seed: 1, name: "captions")
    let count = options.pass == "training" ? options.batch : options.pictures
    let shape = form.seesRegions ? [Self.regions, count, Self.features] : [count, Self.features]
    subjects = [LayerValue(random.normal(shape, standardDeviation: 1))]
    // Words as often as in language: the logarithm of their rank is uniform.
    func word() -> Int32 {
      Int32(1 + pow(Double(Self.vocabulary - 2), Double(random.uniform())))
    }
    let steps = options.steps
    sentences = options.pass == "training" ? (0..<count).map { _ in (1..<steps).map { _ in word() } } : []
  }

  func run() {
    if options.pass == "training" { train() } else { decode() }
  }

  private func train() {
    parameters.zeroGradients()
    let loss = captions.loss(
      of: sentences, about: subjects, start: 1, end: 0, .training(seed: 1, step: update))
    loss.mean.backward()
    parameters.clipGradients(value: 0.1)
    adam.step(parameters)
    update += 1
  }

  /// Without an end: every caption is as long.
  private func decode() {
    _ = captions.decoder(subjects).beamSearch(
      after: 1, rules: DecodingRules(end: nil, maximumLength: options.steps),
      search: BeamSearch(width: options.width))
  }

  func record(_ options: Options, times: [Double]) -> Record {
    let milliseconds = times.map { $0 * 1e3 }
    return Record(
      name: options.name, cell: cell.name, pass: options.pass, isa: "\(InstructionSet.active)",
      batch: options.batch, steps: options.steps, width: options.width, pictures: options.pictures,
      threads: options.threads, timesMs: milliseconds, medianMs: milliseconds.median)
  }
}
