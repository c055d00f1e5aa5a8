import Cellgate

/// One sequence that goes on step by step, on the calling thread alone.
final class Streaming {
  /// What was timed.
  struct Record: Encodable {
    let command = "stream"
    let cell: String
    let input, hidden: Int
    /// Steps that one call takes.
    let steps: Int
    let calls: Int
    let precision, isa: String
    /// Microseconds per step.
    let timesUs: [Double]
    let medianUs: Double
  }

  private let options: Options
  private let cell: Cell
  private let session: CellStream.Session
  private let input: [Float]
  private var output: [Float]

  init(_ options: Options) throws(GridError) {
    cell = try options.cell
    self.options = options
    let execution = CellExecution(
      cell: cell, inputSize: options.input, hiddenSize: options.hidden, precision: options.precision)
    var numbers = RandomStream(seed: 1, name: "grid")
    let bound = 1 / Float(options.hidden).squareRoot()
    let parameters = cell.parameters.map { definition in
      let shape = definition.shape(inputSize: options.input, hiddenSize: options.hidden)
      return numbers.uniform(shape, in: -bound..<bound)
    }
    session = CellStream(execution, parameters: parameters).session()
    input = numbers.uniform([options.steps * options.input], in: -1..<1).scalars
    output = [Float](repeating: 0, count: options.steps * options.hidden)
  }

  /// `calls` calls, each of `steps` steps.
  func run(_ calls: Int) {
    unsafe input.withUnsafeBufferPointer { input in
      unsafe output.withUnsafeMutableBufferPointer { output in
        guard let input = input.baseAddress, let output = output.baseAddress else { return }
        for _ in 0..<calls {
          if options.steps == 1 {
            unsafe session.step(input, output: output)
          } else {
            unsafe session.run(input, steps: options.steps, output: output)
          }
        }
      }
    }
  }

  func record(_ options: Options) -> Record {
    let steps = Double(options.calls * options.steps)
    let times = (0..<options.repeats).map { _ in seconds { run(options.calls) } / steps * 1e6 }
    return Record(
      cell: cell.name, input: options.input, hidden: options.hidden, steps: options.steps,
      calls: options.calls, precision: options.precision.rawValue, isa: "\(InstructionSet.active)",
      timesUs: times,
      medianUs: times.median)
  }
}
