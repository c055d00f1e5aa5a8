import CellgateBasics
import CellgateTensor

/// A cell evaluated in Double, node by node, with nothing clever in it: the oracle of every other
/// execution.
///
/// Shapes: input `[T, B, I]`, states `[B, H]`, output `[T, B, H]`, all row-major; P instead of H for states of the
/// projection size. Past a sequence's length the output is 0 and the states stay. On a grid B counts the places of all
/// sequences, which have their sequence's length.
public struct ReferenceExecution: Sendable {
  /// The cell that is evaluated.
  public let cell: Cell
  private let sizes: CellSizes
  /// What the factors of products are rounded to; with Float32 nothing is rounded here.
  public let precision: Precision

  /// A reference for one layer in one direction.
  public init(
    cell: Cell, inputSize: Int, hiddenSize: Int, projectionSize: Int? = nil, grid: CellGrid? = nil,
    precision: Precision = .float32
  ) {
    self.cell = cell
    self.precision = precision
    sizes = cell.layerSizes(input: inputSize, hidden: hiddenSize, projection: projectionSize, grid: grid)
  }

  /// Numbers of the input, I.
  public var inputSize: Int { sizes.input }
  /// Units of the layer, H.
  public var hiddenSize: Int { sizes.hidden }
  /// Numbers of a projected output, P; H of a cell without a projection size.
  public var projectionSize: Int { sizes.projection }

  private func size(ofState state: Int) -> Int { sizes[cell.stateSizes[state]] }
  private var outputSize: Int { size(ofState: 0) }

  /// Places of a sequence, each a row of the batch: one but on a grid.
  private var places: Int { sizes.places }

  /// Where a sequence's rows of `size` numbers lie among those of a step.
  private func range(_ sequence: Int, _ size: Int) -> Range<Int> {
    sequence * places * size..<(sequence + 1) * places * size
  }

  /// The place of a sequence among a state's values `[B, size]`.
  private func place(_ sequence: Int, ofState state: Int) -> Range<Int> {
    range(sequence, size(ofState: state))
  }

  /// A constant for values of any size.
  private func constant(_ value: Double) -> [Double] {
    Array(repeating: value, count: places * max(sizes.hidden, sizes.projection))
  }

  /// What a matrix reads at a place of its operand's values at all places: itself, or on a grid its neighbourhood.
  private func read(_ values: [Double], at place: Int) -> [Double] {
    guard let grid = sizes.grid else { return values }
    let size = values.count / places
    return (0..<grid.neighbours).flatMap { index in
      grid.neighbour(index, of: place).map { Array(values[$0 * size..<($0 + 1) * size]) }
        ?? Array(repeating: 0, count: size)
    }
  }

  /// Rows of each gate of a parameter.
  private func rows(_ block: Block) -> Int { sizes[cell.parameters[block.parameter].rows] }

  /// What a forward pass computes; the values of all nodes are kept for the gradient.
  public struct Forward: Sendable {
    /// `[T, B, H]`.
    public var output: [Double]
    /// Each state's last value, `[B, H]`.
    public var finalStates: [[Double]]
    /// Of every step and sequence, in the order of evaluation: where it was and its nodes' values.
    var steps: [Step]
  }

  struct Step: Sendable {
    var time: Int
    var sequence: Int
    var values: [[Double]]
  }

  /// The gradients of a loss.
  public struct Gradients: Sendable {
    /// `[T, B, I]`.
    public var input: [Double]
    /// Of each first state, `[B, H]`.
    public var states: [[Double]]
    /// Of each parameter, in the cell's order and shapes.
    public var parameters: [[Double]]
  }

  /// Runs the sequences; `reversed` takes each one's valid steps from the last to the first. A derived cell that reads
  /// random numbers needs those of each `noise`, `[T, B, H]`.
  public func forward(
    input: [Double], steps: Int, batch: Int, states: [[Double]], noise: [[Double]] = [],
    parameters: [[Double]], lengths: [Int]? = nil, reversed: Bool = false
  ) -> Forward {
    check(states: states, parameters: parameters, batch: batch)
    require(
      noise.map(\.count) == cell.noises.map { steps * batch * sizes[$0.size] },
      "noise: expected \(cell.noises.map(\.name)) of each step, found \(noise.map(\.count)) numbers")
    let turned = turned(parameters), parameters = rounded(parameters)
    require(
      input.count == steps * batch * inputSize,
      "input: expected [\(steps), \(batch), \(inputSize)], found \(input.count) numbers")
    require(
      batch % places == 0, "\(cell.name): expected all \(places) places of each sequence, found \(batch)")
    var result = Forward(
      output: Array(repeating: 0, count: steps * batch * outputSize), finalStates: states, steps: [])
    for sequence in 0..<batch / places {
      var current = states.enumerated().map { Array($1[place(sequence, ofState: $0)]) }
      let length = lengths?[sequence * places] ?? steps
      require(
        length >= 0 && length <= steps,
        "sequence \(sequence): expected a length in 0...\(steps), found \(length)")
      for turn in 0..<length {
        let time = reversed ? length - 1 - turn : turn
        let row = time * batch / places + sequence
        let x = Array(input[range(row, inputSize)])
        let noise = zip(noise, cell.noises).map { values, definition in
          Array(values[range(row, sizes[definition.size])])
        }
        let values = evaluate(
          input: x, states: current, noise: noise, parameters: parameters, turned: turned)
        current = cell.next.map { values[$0] }
        result.output.replaceSubrange(
          range(row, outputSize), with: current[0].prefix(places * outputSize))
        result.steps.append(Step(time: time, sequence: sequence, values: values))
      }
      for (state, value) in current.enumerated() {
        result.finalStates[state].replaceSubrange(
          place(sequence, ofState: state), with: value.prefix(places * size(ofState: state)))
      }
    }
    return result
  }

  /// The gradients of a loss whose derivatives with respect to the output `[T, B, H]` and the last states
  /// `[B, H]` are given.
  public func backward(
    _ forward: Forward, steps: Int, batch: Int, parameters: [[Double]], outputGradient: [Double],
    finalStateGradients: [[Double]]
  ) -> Gradients {
    require(precision.trains, "\(cell.name): expected a precision with gradients, found \(precision)")
    let gradient = cell.gradient, parameters = rounded(parameters)
    var result = Gradients(
      input: Array(repeating: 0, count: steps * batch * inputSize), states: finalStateGradients,
      parameters: parameters.map { Array(repeating: 0, count: $0.count) })
    let inputNode = cell.graph.nodes.firstIndex { $0.operation == .input }
    for step in forward.steps.reversed() {
      let row = step.time * batch / places + step.sequence
      var values = step.values
      for id in gradient.forwardCount..<gradient.graph.nodes.count {
        let node = gradient.graph[id]
        let operands = node.operands.map { values[$0] }
        switch node.operation {
        case .constant(let value): values.append(constant(value))
        case .arriving(let state):
          values.append(Array(result.states[state][self.place(step.sequence, ofState: state)]))
        case .outputGradient:
          values.append(Array(outputGradient[range(row, outputSize)]))
        case .transposed(let target):
          values.append(transposed(target, values, parameters, size: values[target].count / places))
        case .reduction(let kind): values.append(reduced(kind, operands[0]))
        default: values.append(elementwise(node.operation, operands))
        }
      }
      for (product, delta) in gradient.product {
        guard let (block, isTransposed) = cell.graph[product].operation.matrix,
          !cell.parameters[block.parameter].isFixed
        else { continue }
        var operand = rounded(values[cell.graph[product].operands[0]]), arriving = rounded(values[delta])
        if isTransposed { swap(&operand, &arriving) }
        for place in 0..<places {
          let operand = read(operand, at: place)
          for row in 0..<rows(block) {
            let start = (block.gate * rows(block) + row) * operand.count
            Row.add(
              operand, times: arriving[place * rows(block) + row], to: &result.parameters[block.parameter],
              at: start)
          }
        }
      }
      for (vector, delta) in gradient.vector {
        guard case .vector(let block) = cell.graph[vector].operation else { continue }
        for place in 0..<places {
          let isScalar = cell.parameters[block.parameter].isScalar
          for unit in 0..<rows(block) {
            let number = isScalar ? block.gate : block.gate * rows(block) + unit
            result.parameters[block.parameter][number] += values[delta][place * rows(block) + unit]
          }
        }
      }
      if let inputNode {
        let x = transposed(inputNode, values, parameters, size: inputSize)
        result.input.replaceSubrange(range(row, inputSize), with: x)
      }
      for state in cell.states.indices {
        let size = size(ofState: state)
        var arriving =
          gradient.state[state].map { Array(values[$0].prefix(places * size)) }
          ?? Array(repeating: 0, count: places * size)
        if let node = cell.graph.nodes.firstIndex(where: { $0.operation == .state(state) }) {
          let products = transposed(node, values, parameters, size: size)
          for index in arriving.indices { arriving[index] += products[index] }
        }
        result.states[state].replaceSubrange(self.place(step.sequence, ofState: state), with: arriving)
      }
    }
    return result
  }

  private func evaluate(
    input: [Double], states: [[Double]], noise: [[Double]], parameters: [[Double]], turned: [[Double]]
  ) -> [[Double]] {
    var values: [[Double]] = []
    for node in cell.graph.nodes {
      switch node.operation {
      case .input: values.append(input)
      case .state(let index): values.append(states[index])
      case .noise(let index): values.append(noise[index])
      case .constant(let value): values.append(constant(value))
      case .vector(let block):
        let start = block.gate * rows(block)
        let own =
          cell.parameters[block.parameter].isScalar
          ? ArraySlice(repeating: parameters[block.parameter][block.gate], count: rows(block))
          : parameters[block.parameter][start..<start + rows(block)]
        values.append(places == 1 ? Array(own) : Array(repeatElement(own, count: places).joined()))
      case .product(let block):
        values.append(product(block, rounded(values[node.operands[0]]), parameters))
      case .transposedProduct(let block):
        var sum = [Double](repeating: 0, count: places * sizes[cell.graph.size(of: values.count)])
        addTransposed(block, rounded(values[node.operands[0]]), turned, to: &sum)
        values.append(sum)
      case .reduction(let kind): values.append(reduced(kind, values[node.operands[0]]))
      default: values.append(elementwise(node.operation, node.operands.map { values[$0] }))
      }
    }
    return values
  }

  /// A matrix times a value, at every place.
  private func product(_ block: Block, _ operand: [Double], _ parameters: [[Double]]) -> [Double] {
    (0..<places).flatMap { place in
      let operand = read(operand, at: place)
      return (0..<rows(block)).map { row in
        Row.product(
          of: parameters[block.parameter], at: (block.gate * rows(block) + row) * operand.count, operand)
      }
    }
  }

  /// Adds a matrix' transpose times a value, at every place.
  private func addTransposed(
    _ block: Block, _ operand: [Double], _ parameters: [[Double]], to sum: inout [Double]
  ) {
    let size = sum.count / places
    for place in 0..<places {
      for neighbour in 0..<sizes.neighbours {
        guard let target = sizes.grid.map({ $0.neighbour(neighbour, of: place) }) ?? place else { continue }
        for row in 0..<rows(block) {
          let start = (block.gate * rows(block) + row) * sizes.neighbours + neighbour
          Row.add(
            parameters[block.parameter], from: start * size, size, times: operand[place * rows(block) + row],
            to: &sum, at: target * size)
        }
      }
    }
  }

  /// What products send to `target` that read it: Σ Wᵀ δ, and W δ where they multiply with a transpose. Its values have `size` numbers at each place.
  private func transposed(
    _ target: NodeID, _ values: [[Double]], _ parameters: [[Double]], size: Int
  ) -> [Double] {
    var sum = [Double](repeating: 0, count: places * size)
    for reader in cell.gradient.readers[target] ?? [] {
      guard let delta = cell.gradient.product[reader],
        let (block, isTransposed) = cell.graph[reader].operation.matrix
      else { continue }
      let arriving = rounded(values[delta])
      if isTransposed {
        for (index, value) in product(block, arriving, parameters).enumerated() { sum[index] += value }
      } else {
        addTransposed(block, arriving, parameters, to: &sum)
      }
    }
    return sum
  }

  /// The parameters as products with transposes read them: with a scale for each column of a matrix.
  private func turned(_ parameters: [[Double]]) -> [[Double]] {
    guard precision == .int8 else { return rounded(parameters) }
    return zip(cell.parameters, parameters).map { definition, values in
      guard let columns = definition.columns.map({ sizes.columns($0) }) else { return values }
      let rows = sizes[definition.rows]
      var turned = values
      for start in stride(from: 0, to: values.count, by: rows * columns) {
        for column in 0..<columns {
          let places = stride(from: start + column, to: start + rows * columns, by: columns)
          let factors = precision.factors(places.map { values[$0] })
          for (place, factor) in zip(places, factors) { turned[place] = factor }
        }
      }
      return turned
    }
  }

  /// Factors of products as they are multiplied: rows of `size` numbers, or one row.
  private func rounded(_ values: [Double], size: Int? = nil) -> [Double] {
    if precision == .float32 { return values }
    let size = max(1, size ?? values.count)
    return stride(from: 0, to: values.count, by: size).flatMap { precision.factors(values[$0..<$0 + size]) }
  }

  /// The parameters with their matrices as they are multiplied.
  private func rounded(_ parameters: [[Double]]) -> [[Double]] {
    zip(cell.parameters, parameters).map { definition, values in
      definition.columns.map { rounded(values, size: sizes.columns($0)) } ?? values
    }
  }

  private func reduced(_ kind: Reduction, _ x: [Double]) -> [Double] {
    let size = x.count / places, count = Double(size)
    return (0..<places).flatMap { place in
      let x = x[place * size..<(place + 1) * size], mean = x.reduce(0, +) / count
      let variance = x.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / count
      return Array(repeating: kind == .mean ? mean : variance, count: size)
    }
  }

  private func elementwise(_ operation: NodeOperation, _ x: [[Double]]) -> [Double] {
    // Constants have more numbers than some values that they are combined with.
    (0..<(x.map(\.count).min() ?? 0)).map { i in
      switch operation {
      case .add: x[0][i] + x[1][i]
      case .subtract: x[0][i] - x[1][i]
      case .multiply: x[0][i] * x[1][i]
      case .divide: x[0][i] / x[1][i]
      case .negate: -x[0][i]
      case .sigmoid: 1 / (1 + CLibrary.exp(-x[0][i]))
      case .tanh: CLibrary.tanh(x[0][i])
      case .relu: x[0][i] < 0 ? 0 : x[0][i]
      case .softplus: max(x[0][i], 0) + CLibrary.log1p(CLibrary.exp(-abs(x[0][i])))
      case .exp: CLibrary.exp(x[0][i])
      case .logarithm: CLibrary.log(x[0][i])
      case .squareRoot: x[0][i].squareRoot()
      case .absolute: abs(x[0][i])
      case .minimum: x[0][i] < x[1][i] ? x[0][i] : x[1][i] <= x[0][i] ? x[1][i] : .nan
      case .maximum: x[0][i] > x[1][i] ? x[0][i] : x[1][i] >= x[0][i] ? x[1][i] : .nan
      case .sigmoidGradient: x[0][i] * (x[1][i] * (1 - x[1][i]))
      case .tanhGradient: x[0][i] * (1 - x[1][i] * x[1][i])
      case .reluGradient: x[1][i] > 0 ? x[0][i] : 0
      case .absoluteGradient: x[1][i] > 0 ? x[0][i] : x[1][i] < 0 ? -x[0][i] : x[0][i] * x[1][i]
      case .greaterGradient: x[1][i] < x[2][i] ? 0 : x[1][i] == x[2][i] ? x[0][i] / 2 : x[0][i]
      default: fail("ReferenceExecution: expected an elementwise operation, found \(operation)")
      }
    }
  }

  private func check(states: [[Double]], parameters: [[Double]], batch: Int) {
    require(
      states.count == cell.states.count,
      "\(cell.name): expected \(cell.states.count) states \(cell.states), found \(states.count)")
    for (index, state) in states.enumerated() {
      let size = size(ofState: index)
      require(
        state.count == batch * size,
        "state \(cell.states[index]): expected [\(batch), \(size)], found \(state.count) numbers")
    }
    for (definition, values) in zip(cell.parameters, parameters) {
      let shape = definition.shape(sizes)
      require(
        values.count == shape.reduce(1, *),
        "parameter \(definition.name): expected \(shape), found \(values.count) numbers")
    }
  }
}

/// What is done to a row of a matrix, in ascending order of its columns: where the reference spends its time. Pointers keep builds
/// without optimisation, which tests are, from being slower by a factor of twenty.
private enum Row {
  /// Σ `matrix[start + i] · x[i]`.
  static func product(of matrix: [Double], at start: Int, _ x: [Double]) -> Double {
    require(start + x.count <= matrix.count, "a row ends after its matrix")
    guard !x.isEmpty else { return 0 }
    return unsafe matrix.withUnsafeBufferPointer { matrix in
      unsafe x.withUnsafeBufferPointer { x in
        let row = unsafe matrix.baseAddress! + start, vector = x.baseAddress!
        let count = x.count
        var sum = 0.0, i = 0
        while i < count {
          unsafe sum += row[i] * vector[i]
          i &+= 1
        }
        return sum
      }
    }
  }

  /// `result[place + i] += factor · x[start + i]` for `count` numbers.
  static func add(
    _ x: [Double], from start: Int = 0, _ count: Int? = nil, times factor: Double,
    to result: inout [Double], at place: Int = 0
  ) {
    let count = count ?? x.count
    require(start + count <= x.count && place + count <= result.count, "a row ends after its matrix")
    guard count > 0 else { return }
    unsafe x.withUnsafeBufferPointer { x in
      unsafe result.withUnsafeMutableBufferPointer { result in
        let source = unsafe x.baseAddress! + start, target = unsafe result.baseAddress! + place
        var i = 0
        while i < count {
          unsafe target[i] += factor * source[i]
          i &+= 1
        }
      }
    }
  }
}
