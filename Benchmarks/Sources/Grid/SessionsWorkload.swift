import Cellgate

/// Sequences that go on step by step together, through layers of a cell, a dense head and softmax, on the calling thread
/// alone.
final class SessionsWorkload {
  /// What was timed.
  struct Record: Encodable {
    let command = "sessions"
    let cell: String
    let batch, input, hidden, layers, outputs: Int
    let calls: Int
    let isa: String
    /// Microseconds of a step of all sequences.
    let timesUs: [Double]
    let medianUs: Double
  }

  private let options: Options
  private let cell: Cell
  private let stepper: ModelStepper
  private let inputs: [Float]
  private var outputs: [Float]

  /// Makes the model, and writes its streaming form for ONNX Runtime where the options name a file.
  init(_ options: Options) throws {
    self.options = options
    cell = try options.cell
    var layers: [any Layer] = []
    for _ in 0..<options.layers { layers.append(Recurrent(cell, options.hidden, returnSequences: true)) }
    let model = Sequential(
      layers + [Dense(options.outputs, activation: .softmax)], input: .sequence(options.input))
    try model.build(seed: 1)
    if !options.onnx.isEmpty { try ONNXWriter.write(model, to: options.onnx, streaming: true) }
    stepper = try model.stream().stepper(batch: options.batch)
    var numbers = RandomStream(seed: 1, name: "grid")
    inputs = numbers.uniform([options.batch * options.input], in: -1..<1).scalars
    outputs = [Float](repeating: 0, count: options.batch * options.outputs)
  }

  /// `calls` steps of all sequences.
  func run(_ calls: Int) throws {
    for _ in 0..<calls { try stepper.step(inputs, into: &outputs) }
  }

  func record(_ options: Options) throws -> Record {
    let times = try (0..<options.repeats).map { _ in
      try seconds { try run(options.calls) } / Double(options.calls) * 1e6
    }
    return Record(
      cell: cell.name, batch: options.batch, input: options.input, hidden: options.hidden,
      layers: options.layers, outputs: options.outputs, calls: options.calls, isa: "\(InstructionSet.active)",
      timesUs: times, medianUs: times.median)
  }
}
