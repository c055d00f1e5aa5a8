import Cellgate

/// What a layer of a cell computes from random numbers, with all that another implementation needs to compute it
/// again: its parameters, biases included, its input, and the gradient of its outputs. The states begin as zeros.
struct Numbers: Encodable {
  /// The outputs, and the gradients of the input and of the parameters, in their order.
  struct Results: Encodable {
    let output: [Double]
    let input: [Double]
    let parameters: [[Double]]
  }

  struct Parameter: Encodable {
    let name: String
    let shape: [Int]
    let values: [Double]
  }

  let cell: String
  let steps, batch: Int
  let input, outputGradient: [Double]
  let parameters: [Parameter]
  /// In Double, and what the fast execution makes of the same.
  let reference, fast: Results

  init(_ options: Options) throws(GridError) {
    let cell = try options.cell
    let (T, B, I, H) = (options.steps, options.batch, options.input, options.hidden)
    let execution = CellExecution(cell: cell, inputSize: I, hiddenSize: H)
    let stream = RandomStream(seed: 1, name: "grid").child("numbers")
    var numbers = stream.child(cell.name)
    func tensor(_ shape: [Int]) -> Tensor { numbers.uniform(shape, in: -1..<1) }
    let input = tensor([T, B, I]), outputGradient = tensor([T, B, execution.outputSize])
    let parameters = cell.parameters.map { tensor($0.shape(inputSize: I, hiddenSize: H)) }
    let states = execution.stateSizes.map { Tensor.full([B, $0], 0) }
    func doubles(_ tensor: Tensor) -> [Double] { tensor.scalars.map { Double($0) } }

    self.cell = cell.name
    (steps, batch) = (T, B)
    (self.input, self.outputGradient) = (doubles(input), doubles(outputGradient))
    self.parameters = zip(cell.parameters, parameters).map {
      Parameter(name: $0.name, shape: $1.shape, values: doubles($1))
    }
    let wide = ReferenceExecution(cell: cell, inputSize: I, hiddenSize: H)
    let exact = wide.forward(
      input: self.input, steps: T, batch: B, states: states.map(doubles), parameters: parameters.map(doubles))
    let gradients = wide.backward(
      exact, steps: T, batch: B, parameters: parameters.map(doubles), outputGradient: self.outputGradient,
      finalStateGradients: states.map(doubles))
    reference = Results(output: exact.output, input: gradients.input, parameters: gradients.parameters)

    let output = Tensor.full([T, B, execution.outputSize], 0)
    let forward = execution.forward(
      input: input, states: states, parameters: parameters, sequences: .init(steps: T, batch: B),
      output: .init(output), saving: .everything)
    guard let saved = forward.saved else {
      throw GridError("\(cell.name): expected values for the backward pass")
    }
    let backward = execution.backward(
      saved, outputGradient: .init(outputGradient), finalStateGradients: states, needsInputGradient: true)
    fast = Results(
      output: doubles(output), input: backward.input.map(doubles) ?? [],
      parameters: backward.parameters.map(doubles))
  }
}
