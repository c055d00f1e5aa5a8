import Cellgate
import Foundation

/// Causal layers of a Transformer without dropout: a training step, or a sequence that is decoded step by step with the keys and
/// values of the steps before.
final class TransformerWorkload {
  /// What was timed.
  struct Record: Encodable {
    let command = "transformer"
    let pass, isa: String
    let steps, batch, hidden, heads, layers, threads, parameters: Int
    let timesMs: [Double]
    let medianMs: Double
  }

  private let options: Options
  private let model: Model
  private let parameters: ParameterSet
  private let x: Parameter, arriving: Tensor
  private let stepper: ModelStepper
  private var output: [Float]

  init(_ options: Options) throws {
    guard options.pass == "training" || options.pass == "decoding" else {
      throw GridError("--pass: expected training or decoding, found '\(options.pass)'")
    }
    self.options = options
    var own = TransformerEncoder.Options(layers: options.layers, heads: options.heads)
    own.positions = .none
    own.layer.isCausal = true
    own.layer.window = options.steps
    if let problem = own.problem { throw GridError(problem) }
    model = Sequential([TransformerEncoder(own)], input: .sequence(options.hidden))
    try model.build(seed: 1)
    parameters = ParameterSet(model)
    var random = RandomStream(seed: 1, name: "transformer")
    let shape = [options.steps, options.batch, options.hidden]
    x = Parameter(random.normal(shape, standardDeviation: 1))
    arriving = random.normal(shape, standardDeviation: 1)
    stepper = try model.stream().stepper(batch: options.batch)
    output = [Float](repeating: 0, count: options.batch * options.hidden)
  }

  func run() throws {
    if options.pass == "training" { train() } else { try decode() }
  }

  /// A given gradient of all outputs, and those of all parameters; not of the input, and no optimiser.
  private func train() {
    parameters.zeroGradients()
    model([LayerValue(x.value)], .training(seed: 1, step: 0))[0].tensor.backward(gradient: arriving)
  }

  /// The sequences from their first step on.
  private func decode() throws {
    let start = stepper.stream.session()
    for row in 0..<options.batch { try stepper.load(start, row: row) }
    let size = options.batch * options.hidden
    for step in 0..<options.steps {
      try unsafe output.withUnsafeMutableBufferPointer { output in
        guard let output = output.baseAddress else { return }
        try unsafe stepper.step(
          UnsafePointer(x.value.pointer + step * size), rows: options.batch, into: output)
      }
    }
  }

  func record(_ options: Options, times: [Double]) -> Record {
    let milliseconds = times.map { $0 * 1e3 }
    return Record(
      pass: options.pass, isa: "\(InstructionSet.active)", steps: options.steps, batch: options.batch,
      hidden: options.hidden, heads: options.heads, layers: options.layers, threads: options.threads,
      parameters: parameters.count, timesMs: milliseconds, medianMs: milliseconds.median)
  }
}
