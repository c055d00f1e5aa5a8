import CellgateCells
import CellgateTensor
import Testing

/// Random inputs, states, parameters and cotangents for one layer of a cell, representable in Float32.
struct Problem {
  let cell: Cell
  /// P is nil for cells without a projection.
  let T: Int, B: Int, I: Int, H: Int, P: Int?
  /// On a grid B is the number of all sequences' places.
  let grid: CellGrid?
  var lengths: [Int]?
  var reversed = false
  /// What a derived cell draws its random numbers from.
  var noise: CellNoise?
  var input: [Double]
  var states: [[Double]]
  var parameters: [[Double]]
  var outputGradient: [Double]
  var finalGradients: [[Double]]

  init(
    _ cell: Cell, T: Int, B: Int, I: Int, H: Int, lengths: [Int]? = nil, reversed: Bool = false,
    grid: CellGrid? = nil, seed: UInt64 = 1
  ) {
    self.cell = cell
    (self.T, self.B, self.I, self.H) = (T, B, I, H)
    let projection = cell.hasProjection ? cell.testedProjection(hidden: H) : nil
    P = projection
    self.grid = grid
    self.lengths = lengths
    self.reversed = reversed
    if !cell.noises.isEmpty { noise = CellNoise(RandomStream(seed: seed, name: "noise")) }
    var stream = RandomStream(seed: seed, name: "problem")
    func values(_ count: Int, _ bound: Float) -> [Double] {
      (0..<count).map { _ in Double(stream.uniform(in: -bound..<bound)) }
    }
    input = values(T * B * I, 1)
    let execution = CellExecution(cell: cell, inputSize: I, hiddenSize: H, projectionSize: P, grid: grid)
    states = execution.stateSizes.map { values(B * $0, 0.8) }
    let bound = 1 / Float(H).squareRoot()
    parameters = cell.parameters.map {
      let count = $0.shape(inputSize: I, hiddenSize: H, projectionSize: projection, grid: grid).reduce(1, *)
      guard $0.isFixed, case .perGate(let starts) = $0.start else { return values(count, bound) }
      return starts.flatMap { $0.values(count / starts.count).map { Double($0) } }
    }
    outputGradient = values(T * B * execution.outputSize, 1)
    finalGradients = execution.stateSizes.map { values(B * $0, 1) }
  }

  func execution(
    _ instructions: InstructionSet = .active, _ precision: Precision = .float32
  ) -> CellExecution {
    CellExecution(
      cell: cell, inputSize: I, hiddenSize: H, projectionSize: P, grid: grid, instructions: instructions,
      precision: precision)
  }

  func referenceExecution(_ precision: Precision = .float32) -> ReferenceExecution {
    ReferenceExecution(
      cell: cell, inputSize: I, hiddenSize: H, projectionSize: P, grid: grid, precision: precision)
  }

  var outputSize: Int { execution().outputSize }
  var stateSizes: [Int] { execution().stateSizes }

  /// The shape that `lengths` and more rows than one microbatch bring about.
  static func uneven(_ cell: Cell, reversed: Bool = false) -> Problem {
    Problem(
      cell, T: 7, B: 11, I: 3, H: 5, lengths: [7, 1, 3, 0, 7, 5, 2, 6, 4, 7, 1], reversed: reversed, seed: 3)
  }

  struct Outcome {
    var output: [Double]
    var finalStates: [[Double]]
    var input: [Double]
    var states: [[Double]]
    var parameters: [[Double]]

    /// Each part under its name.
    func parts(_ cell: Cell) -> [(String, [Double])] {
      var parts = [("output", output), ("dL/dx", input)]
      for (index, state) in cell.states.enumerated() {
        parts.append((state + "n", finalStates[index]))
        parts.append(("dL/d\(state)0", states[index]))
      }
      for (definition, values) in zip(cell.parameters, parameters) {
        parts.append(("dL/d" + definition.name, values))
      }
      return parts
    }
  }

  /// The random numbers of each noise.
  var noiseValues: [[Double]] {
    guard let noise else { return [] }
    return execution().values(of: noise, steps: T, batch: B).map { $0.scalars.map { Double($0) } }
  }

  func reference(_ precision: Precision = .float32) -> Outcome {
    let execution = referenceExecution(precision)
    let forward = execution.forward(
      input: input, steps: T, batch: B, states: states, noise: noiseValues, parameters: parameters,
      lengths: lengths, reversed: reversed)
    let gradients = execution.backward(
      forward, steps: T, batch: B, parameters: parameters, outputGradient: outputGradient,
      finalStateGradients: finalGradients)
    return Outcome(
      output: forward.output, finalStates: forward.finalStates, input: gradients.input,
      states: gradients.states, parameters: gradients.parameters)
  }

  /// Checks the reference's gradient against fourth-order differences in Double, whose own error is about 1e-9.
  func checkGradient(step: Double = 1e-3) {
    let problem = self, analytic = reference()
    func loss(_ problem: Problem) -> Double {
      let forward = problem.referenceExecution().forward(
        input: problem.input, steps: problem.T, batch: problem.B, states: problem.states,
        noise: problem.noiseValues, parameters: problem.parameters, lengths: problem.lengths)
      var sum = zip(forward.output, problem.outputGradient).reduce(0) { $0 + $1.0 * $1.1 }
      for (state, gradient) in zip(forward.finalStates, problem.finalGradients) {
        sum += zip(state, gradient).reduce(0) { $0 + $1.0 * $1.1 }
      }
      return sum
    }
    func check(_ name: String, _ path: WritableKeyPath<Problem, [Double]>, _ expected: [Double]) {
      let numeric = expected.indices.map { index -> Double in
        func at(_ shift: Double) -> Double {
          var moved = problem
          moved[keyPath: path][index] += shift
          return loss(moved)
        }
        return (8 * (at(step) - at(-step)) - (at(2 * step) - at(-2 * step))) / (12 * step)
      }
      #expect(relativeError(numeric, expected) < 1e-6, "\(cell.name): \(name)")
    }
    check("input", \.input, analytic.input)
    for index in cell.states.indices { check(cell.states[index], \.states[index], analytic.states[index]) }
    for (index, definition) in cell.parameters.enumerated() {
      if definition.isFixed {
        #expect(analytic.parameters[index].allSatisfy { $0 == 0 }, "\(cell.name): \(definition.name)")
      } else {
        check(definition.name, \.parameters[index], analytic.parameters[index])
      }
    }
  }

  func tensor(_ values: [Double], _ shape: [Int]) -> Tensor { Tensor(values.map { Float($0) }, shape: shape) }

  var parameterTensors: [Tensor] {
    zip(cell.parameters, parameters).map {
      tensor($1, $0.shape(inputSize: I, hiddenSize: H, projectionSize: P, grid: grid))
    }
  }
  var stateTensors: [Tensor] { stateTensors(states) }
  func stateTensors(_ values: [[Double]]) -> [Tensor] { zip(values, stateSizes).map { tensor($0, [B, $1]) } }

  func fast(
    _ instructions: InstructionSet = .active, _ precision: Precision = .float32,
    saving: CellExecution.Saving = .everything
  ) -> Outcome {
    let execution = execution(instructions, precision)
    let output = Tensor.full([T, B, outputSize], .nan)
    let forward = execution.forward(
      input: tensor(input, [T, B, I]), states: stateTensors, noise: noise, parameters: parameterTensors,
      sequences: .init(steps: T, batch: B, lengths: lengths, reversed: reversed), output: .init(output),
      saving: saving)
    guard let saved = forward.saved else { preconditionFailure("nothing was saved") }
    let gradients = execution.backward(
      saved, outputGradient: .init(tensor(outputGradient, [T, B, outputSize])),
      finalStateGradients: stateTensors(finalGradients), needsInputGradient: true)
    func doubles(_ tensor: Tensor) -> [Double] { tensor.scalars.map { Double($0) } }
    return Outcome(
      output: doubles(output), finalStates: forward.finalStates.map(doubles),
      input: gradients.input.map(doubles) ?? [], states: gradients.states.map(doubles),
      parameters: gradients.parameters.map(doubles))
  }
}

/// The largest difference relative to the largest magnitude of `expected`; infinite where NaN appears.
func relativeError(_ found: [Double], _ expected: [Double]) -> Double {
  guard found.count == expected.count, found.allSatisfy(\.isFinite) else { return .infinity }
  let scale = expected.map(abs).max() ?? 0
  let error = zip(found, expected).map { abs($0 - $1) }.max() ?? 0
  return error == 0 ? 0 : error / scale
}
