import CellgateTensor
import CellgateTestSupport
import Testing

extension OperationCase: CustomTestStringConvertible {
  public var testDescription: String { description }
}

/// Every operation of the registry.
@Suite struct OperationCaseTests {
  @Test("Agrees with its definition in Double", arguments: OperationCase.all)
  func agreement(_ operation: OperationCase) {
    let inputs = OperationCase.tensors(operation.inputs)
    let found = operation.apply(inputs)
    let expected = operation.reference(inputs.map { DoubleArray($0) })
    #expect(found.shape == expected.shape)
    let scale = expected.values.reduce(1) { max($0, abs($1)) }
    for (value, exact) in zip(found.scalars, expected.values) {
      #expect(abs(Double(value) - exact) <= operation.tolerance * scale)
    }
  }

  /// By `gradientError`, whose tolerance of 2e-4 is explained there; kinks are avoided by `Numbers.apart`.
  @Test(
    "Has the gradient of its central differences", arguments: OperationCase.all.filter(\.isDifferentiable))
  func gradient(_ operation: OperationCase) {
    #expect(gradientError(at: OperationCase.tensors(operation.inputs), operation.apply) < 4e-4)
  }

  @Test("Gives a comparison no gradient", arguments: OperationCase.all.filter { !$0.isDifferentiable })
  func comparison(_ operation: OperationCase) {
    let parameters = OperationCase.tensors(operation.inputs).map { Parameter($0) }
    #expect(!operation.apply(parameters.map(\.tensor)).needsGradient)
  }

  @Test(
    "Gives the same bits on one thread and on several, forward and backward",
    arguments: OperationCase.all.filter { $0.many != nil })
  func threads(_ operation: OperationCase) {
    let inputs = OperationCase.tensors(operation.many ?? [])
    func results(_ threads: Int) -> [[Float]] {
      ThreadPool.$current.withValue(ThreadPool(threads: threads)) {
        let parameters = inputs.map { Parameter($0) }
        let output = operation.apply(parameters.map(\.tensor))
        guard operation.isDifferentiable else { return [output.scalars] }
        output.backward(gradient: output.detached)
        return [output.scalars] + parameters.map(\.gradient.scalars)
      }
    }
    #expect(results(1) == results(4))
  }

  @Test("Names of cases are unique")
  func names() {
    #expect(Set(OperationCase.all.map(\.name)).count == OperationCase.all.count)
  }
}
