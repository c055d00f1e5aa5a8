import Cellgate
import Foundation

/// A pass over the batches of an everyday model, with its updates: Keras' example of film reviews, or SegRNN on hourly series.
final class EverydayWorkload {
  /// What was timed.
  struct Record: Encodable {
    let command = "everyday"
    let name, cell, pass, isa: String
    let batches, threads: Int
    let timesMs: [Double]
    let medianMs: Double
  }

  /// The models.
  enum Name: String, CaseIterable { case imdb, segrnn }

  private static let reviews = 32, words = 20_000, mostSteps = 200
  private static let windows = 256, series = 7, window = 96, horizon = 96, segment = 24

  private let name: Name
  private let cell: Cell
  private let model: Model
  private let parameters: ParameterSet
  private let adam: Adam
  private var batches: [(inputs: [LayerValue], target: Tensor)] = []
  private var update: UInt64 = 0

  init(_ options: Options) throws {
    guard let name = Name(rawValue: options.name) else {
      throw GridError("--name: expected one of \(Name.allCases.map(\.rawValue)), found '\(options.name)'")
    }
    guard options.pass == "masked" || options.pass == "padded" else {
      throw GridError("--pass: expected masked, padded or data, found '\(options.pass)'")
    }
    (self.name, cell) = (name, try options.cell)
    var random = RandomStream(seed: 1, name: "everyday")
    switch name {
    case .imdb:
      model = try Self.reviewer(cell)
      for start in stride(from: 0, to: options.batch, by: Self.reviews) {
        let own = Array(
          (options.lengths ?? Array(repeating: Self.mostSteps, count: options.batch))[
            start..<min(start + Self.reviews, options.batch)])
        batches.append(Self.reviews(own, isPadded: options.pass == "padded", &random))
      }
    case .segrnn:
      model = try Self.forecaster(cell)
      let count = Self.windows * Self.series
      let numbers = (0..<count).map { Float(1 + $0 % Self.series) }
      batches.append(
        (
          [
            LayerValue(random.normal([Self.window, count, 1], standardDeviation: 1)),
            LayerValue(Tensor(numbers)),
          ], random.normal([Self.horizon, count, 1], standardDeviation: 1)
        ))
    }
    parameters = ParameterSet(model)
    adam = Adam(count: parameters.count, settings: OptimizerSettings(learningRate: 1e-3))
  }

  /// Keras' bidirectional_lstm_imdb: vectors of 128 numbers, two layers of 64 units in both directions, a sigmoid.
  static func reviewer(_ cell: Cell) throws -> Model {
    let model = Sequential(
      Embedding(words, 128), Bidirectional(Recurrent(cell, 64, returnSequences: true)),
      Bidirectional(Recurrent(cell, 64)), Dense(1, activation: .sigmoid), input: .sequence())
    try model.build()
    return model
  }

  /// SegRNN with 512 units, segments of 24 of 96 steps each, for 7 series, as it is trained on ETTh1.
  private static func forecaster(_ cell: Cell) throws -> Model {
    var options = SegmentForecaster.Options(
      recurrent: RecurrentOptions(cell: cell, units: 512), segment: segment, horizon: horizon)
    options.series = series
    let (steps, number) = (Input(.sequence(1), name: "steps"), Input(.vector(), name: "series"))
    return try Model(inputs: [steps, number], outputs: [SegmentForecaster(options)(steps, number)])
  }

  /// Reviews of these lengths. Padded ones have 200 words each, valid or not.
  private static func reviews(
    _ lengths: [Int], isPadded: Bool, _ random: inout RandomStream
  ) -> ([LayerValue], Tensor) {
    let steps = isPadded ? mostSteps : lengths.max() ?? 1
    let symbols = (0..<steps * lengths.count).map { _ in Float(word(&random)) }
    let x = Tensor(symbols, shape: [steps, lengths.count])
    let target = Tensor(lengths.map { _ in Float(random.integer(below: 2)) }, shape: [lengths.count, 1])
    return ([LayerValue(x, mask: isPadded ? nil : .lengths(lengths))], target)
  }

  /// A word as often as in language: the logarithm of its rank is uniform.
  static func word(_ random: inout RandomStream) -> Int {
    min(words - 1, Int(pow(Double(words), Double(random.uniform()))))
  }

  /// A pass over all batches.
  func run() {
    for batch in batches {
      parameters.zeroGradients()
      let output = model(batch.inputs, .training(seed: 1, step: update))[0]
      let loss: Loss = name == .imdb ? .binaryCrossEntropy : .meanSquaredError
      loss(output, target: batch.target).backward()
      adam.step(parameters)
      update += 1
    }
  }

  func record(_ options: Options, times: [Double]) -> Record {
    let milliseconds = times.map { $0 * 1e3 }
    return Record(
      name: name.rawValue, cell: cell.name, pass: options.pass, isa: "\(InstructionSet.active)",
      batches: batches.count, threads: options.threads, timesMs: milliseconds, medianMs: milliseconds.median)
  }
}
