import Cellgate

/// Layers of a cell, a batch of sequences, and what is timed on them.
final class Workload {
  /// What was timed.
  struct Record: Encodable {
    let command, cell: String
    let steps, batch, input, hidden, layers: Int
    let bidirectional: Bool
    /// The sum of the sequences' lengths.
    let validSteps: Int
    let recomputeEvery: Int?
    let threads: Int
    let precision, isa: String
    let parameters: Int
    /// Floating-point operations of the products that one run needs.
    let operations: Double
    let timesMs: [Double]
    let medianMs, gflops: Double
  }

  private let cell: Cell
  private let options: Options
  private let recurrent: Recurrent
  private let parameters: ParameterSet
  private let x: Tensor
  private let cotangent: Tensor

  init(_ options: Options) throws(GridError) {
    cell = try options.cell
    self.options = options
    let stream = RandomStream(seed: 1, name: "grid")
    recurrent = Recurrent(
      cell: cell, inputSize: options.input, hiddenSize: options.hidden, layers: options.layers,
      bidirectional: options.bidirectional, recomputeEvery: options.recomputeEvery,
      precision: options.precision, stream: stream.child("parameters"))
    parameters = ParameterSet(recurrent)
    var numbers = stream.child("data")
    x = numbers.uniform([options.steps, options.batch, options.input], in: -1..<1)
    let width = (options.bidirectional ? 2 : 1) * options.hidden
    cotangent = numbers.uniform([options.steps, options.batch, width], in: -1..<1)
  }

  /// Forward, backward, and the gradients of all parameters.
  func train() {
    parameters.zeroGradients()
    let result = recurrent(x, lengths: options.lengths, context: .training(seed: 1, step: 0))
    result.output?.backward(gradient: cotangent)
  }

  /// Forward alone, nothing kept.
  func infer() { withoutGradient { _ = recurrent(x, lengths: options.lengths) } }

  func record(_ command: String, times: [Double]) -> Record {
    let isTraining = command == "training"
    let operations = isTraining ? trainingOperations : inferenceOperations
    let median = times.median
    return Record(
      command: command, cell: cell.name, steps: options.steps, batch: options.batch, input: options.input,
      hidden: options.hidden, layers: options.layers, bidirectional: options.bidirectional,
      validSteps: validSteps, recomputeEvery: options.recomputeEvery, threads: options.threads,
      precision: options.precision.rawValue,
      isa: "\(InstructionSet.active)", parameters: parameters.count, operations: operations,
      timesMs: times.map { $0 * 1e3 }, medianMs: median * 1e3, gflops: operations / median * 1e-9)
  }

  var validSteps: Int { options.lengths.map { $0.reduce(0, +) } ?? options.steps * options.batch }

  private var rows: Double { Double(validSteps) * (options.bidirectional ? 2 : 1) }

  var inferenceOperations: Double {
    let width = (options.bidirectional ? 2 : 1) * options.hidden
    let first = cell.multiplyAdds(inputSize: options.input, hiddenSize: options.hidden)
    let other = cell.multiplyAdds(inputSize: width, hiddenSize: options.hidden)
    return 2 * rows * Double(first + (options.layers - 1) * other)
  }

  /// Three products for each of the forward pass, but for the gradient of the first layer's input.
  var trainingOperations: Double {
    let read = cell.multiplyAdds(inputSize: options.input, hiddenSize: options.hidden)
    let unread = cell.multiplyAdds(inputSize: 0, hiddenSize: options.hidden)
    return 3 * inferenceOperations - 2 * rows * Double(read - unread)
  }
}
