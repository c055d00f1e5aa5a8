import Cellgate
import CellgateTestSupport

/// One operation of the tests' registry on its large inputs, forward, or forward and backward.
final class OperationWorkload {
  /// What can be timed.
  struct Description: Encodable {
    let name: String
    let shapes: [[Int]]
    let isDifferentiable: Bool
    /// Floating-point operations of the products of one application, where there are such.
    let operations: Double?

    init(_ operation: OperationCase) {
      name = operation.name
      shapes = (operation.large ?? []).map(\.shape)
      isDifferentiable = operation.isDifferentiable
      operations = operation.multiplyAdds.map { 2 * Double($0) }
    }
  }

  /// What was timed.
  struct Record: Encodable {
    let command = "operation"
    let name, pass, isa: String
    let calls, threads: Int
    /// Milliseconds of one application, the mean of `calls`.
    let timesMs: [Double]
    let medianMs: Double
  }

  static var all: [Description] { OperationCase.all.filter { $0.large != nil }.map { Description($0) } }

  private let operation: OperationCase
  private let options: Options
  private let inputs: [Tensor]
  private let parameters: [Parameter]
  private let cotangent: Tensor

  init(_ options: Options) throws(GridError) {
    let found = OperationCase.all.first { $0.name == options.name && $0.large != nil }
    guard let found, let large = found.large else {
      throw GridError(
        "--name: expected one of the operations that 'operations' lists, found '\(options.name)'")
    }
    guard options.pass == "forward" || (options.pass == "training" && found.isDifferentiable) else {
      throw GridError(
        "--pass: expected forward, or training where there is a gradient, found '\(options.pass)'")
    }
    (operation, self.options) = (found, options)
    inputs = OperationCase.tensors(large)
    parameters = inputs.map { Parameter($0) }
    cotangent = withoutGradient { found.apply(OperationCase.tensors(large)) }
  }

  func run(_ calls: Int) {
    for _ in 0..<calls {
      if options.pass == "forward" {
        withoutGradient { _ = operation.apply(inputs) }
      } else {
        for parameter in parameters { parameter.zeroGradient() }
        operation.apply(parameters.map(\.tensor)).backward(gradient: cotangent)
      }
    }
  }

  func record(_ options: Options) -> Record {
    let times = (0..<options.repeats).map { _ in
      seconds { run(options.calls) } / Double(options.calls) * 1e3
    }
    return Record(
      name: options.name, pass: options.pass, isa: "\(InstructionSet.active)", calls: options.calls,
      threads: options.threads, timesMs: times, medianMs: times.median)
  }
}
