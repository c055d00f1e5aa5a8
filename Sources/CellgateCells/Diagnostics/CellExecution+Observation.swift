import CellgateBasics
import CellgateTensor

extension CellExecution {
  /// What is to be seen of a pass whose states, and the gradients that arrive at them from the next step, are known
  /// for each step; `gradients` are the parameters'.
  ///
  /// The steps are cut into parts of `rows` rows, whose sums are added in order: the result doesn't depend on the
  /// number of threads.
  func observation(
    of saved: Saved, _ trace: Saved.Trace, arriving: [Tensor], outputGradient: Columns?, gradients: [Tensor]
  ) -> CellObservation {
    let watched = WatchedNodes(cell)
    let wanted =
      watched.gates.map(\.node) + watched.memories.map(\.node) + cell.gradient.stateAfter.flatMap { $0 }
    let program = NodeProgram(cell, wanted: wanted)
    let layout = Layout(sizes: sizes, precision: .float32)
    let weights = PackedWeights(
      cell: cell, layout: layout, instructions: instructions, parameters: saved.parameters, programs: [],
      extra: program.factors)
    let rows = ObservedRows(
      execution: self, saved: saved, trace: trace, arriving: arriving, outputGradient: outputGradient)

    let blocks = (rows.count + Self.observedRows - 1) / Self.observedRows
    let tasks = min(blocks, Self.observationTasks)
    var parts = (0..<tasks).map { _ in ObservationSums(cell, watched, steps: saved.sequences.steps) }
    nonisolated(unsafe) let (source, parameters) = (rows, saved.parameters)
    unsafe parts.withUnsafeMutableBufferPointer { parts in
      nonisolated(unsafe) let parts = unsafe parts
      ThreadPool.current.run(tasks) { task in
        let (source, parameters) = unsafe (source, parameters)
        let values = NodeValues(
          program, layout: layout, weights: weights, parameters: parameters, rows: Self.observedRows)
        for block in task * blocks / tasks..<(task + 1) * blocks / tasks {
          let range = block * Self.observedRows..<min(source.count, (block + 1) * Self.observedRows)
          for (leaf, node) in program.leaves {
            unsafe source.gather(leaf, range, to: values[node], width: layout.width)
          }
          values.compute(rows: range.count)
          unsafe parts[task].add(values, watched, source, range, layout: layout)
        }
      }
    }
    var sums = ObservationSums(cell, watched, steps: saved.sequences.steps)
    for part in parts { sums.join(part) }
    return sums.observation(self, watched, rows: rows.count) { block in
      let size = gradients[block.parameter].count / cell.parameters[block.parameter].gates.count
      return unsafe gradients[block.parameter].withScalars { values in
        unsafe values[block.gate * size..<(block.gate + 1) * size].reduce(0) {
          $0 + Double($1) * Double($1)
        }.squareRoot()
      }
    }
  }

  /// Rows whose values are computed at once, and the most parts in which all are shared out.
  private static let observedRows = 128
  private static let observationTasks = 16
}

/// The valid steps of all sequences, a row each, in the order of time.
private struct ObservedRows {
  let execution: CellExecution
  let saved: CellExecution.Saved
  let trace: CellExecution.Saved.Trace
  let arriving: [Tensor]
  let outputGradient: CellExecution.Columns?
  /// Of each row t · B + b.
  private let places: [Int]
  private let noises: [Tensor]

  init(
    execution: CellExecution, saved: CellExecution.Saved, trace: CellExecution.Saved.Trace,
    arriving: [Tensor], outputGradient: CellExecution.Columns?
  ) {
    self.execution = execution
    self.saved = saved
    self.trace = trace
    self.arriving = arriving
    self.outputGradient = outputGradient
    let sequences = saved.sequences
    let all = 0..<sequences.steps * sequences.batch
    noises =
      saved.noise.map { execution.values(of: $0, steps: sequences.steps, batch: sequences.batch) } ?? []
    places =
      sequences.lengths.map { lengths in
        all.filter { $0 / sequences.batch < lengths[$0 % sequences.batch] }
      } ?? Array(all)
  }

  var count: Int { places.count }

  /// The time of the sequence that a row is of.
  func time(_ row: Int) -> Int { places[row] / saved.sequences.batch }

  /// Copies rows of what a step is given.
  func gather(
    _ leaf: NodeProgram.Leaf, _ rows: Range<Int>, to target: UnsafeMutablePointer<Float>, width: Int
  ) {
    let batch = saved.sequences.batch, sizes = execution.stateSizes
    for (index, row) in rows.enumerated() {
      let place = places[row]
      switch leaf {
      case .input:
        let size = execution.inputSize
        unsafe (target + index * size).update(from: saved.input.pointer + place * size, count: size)
      case .before(let state):
        unsafe (target + index * width).update(from: before(state, place), count: sizes[state])
      case .after(let state):
        unsafe (target + index * width).update(
          from: trace.after[state].pointer + place * sizes[state], count: sizes[state])
      case .noise(let noise):
        let size = noises[noise].shape[2]
        unsafe (target + index * width).update(from: noises[noise].pointer + place * size, count: size)
      case .arriving(let state):
        unsafe (target + index * width).update(
          from: arriving[state].pointer + place * sizes[state], count: sizes[state])
      case .outputGradient:
        if let outputGradient {
          unsafe (target + index * width).update(
            from: outputGradient.row(place / batch, place % batch), count: sizes[0])
        } else {
          unsafe (target + index * width).update(repeating: 0, count: sizes[0])
        }
      }
    }
  }

  /// A state's values with which the step at a place begins.
  private func before(_ state: Int, _ place: Int) -> UnsafeMutablePointer<Float> {
    let sequences = saved.sequences, batch = sequences.batch, size = execution.stateSizes[state]
    let time = place / batch, sequence = place % batch
    let first = sequences.reversed ? (sequences.lengths?[sequence] ?? sequences.steps) - 1 : 0
    if time == first { return unsafe trace.first[state].pointer + sequence * size }
    return unsafe trace.after[state].pointer + (place + (sequences.reversed ? batch : -batch)) * size
  }

  /// |s_t| of a state, summed over the rows.
  func sumOfMagnitudes(_ state: Int, _ rows: Range<Int>) -> Double {
    let size = execution.stateSizes[state]
    return rows.reduce(0) { sum, row in
      let values = unsafe trace.after[state].pointer + places[row] * size
      return (0..<size).reduce(sum) { unsafe $0 + Double(abs(values[$1])) }
    }
  }
}

/// Sums over some rows.
private struct ObservationSums {
  /// Of |s| of each state, and of |u| of each memory product.
  var states: [Double], memories: [Double]
  /// How many values are saturated.
  var saturatedGates: [Int], saturatedMemories: [Int]
  /// Of the squares of each state's gradients, at each time.
  var squares: [[Double]]

  /// |tanh u| > 0.95 where |u| is above this.
  private static let saturation = Float(CLibrary.atanh(0.95))

  init(_ cell: Cell, _ watched: WatchedNodes, steps: Int) {
    states = cell.states.map { _ in 0 }
    memories = watched.memories.map { _ in 0 }
    saturatedGates = watched.gates.map { _ in 0 }
    saturatedMemories = watched.memories.map { _ in 0 }
    squares = cell.states.map { _ in Array(repeating: 0, count: steps) }
  }

  mutating func add(
    _ values: NodeValues, _ watched: WatchedNodes, _ source: ObservedRows, _ rows: Range<Int>, layout: Layout
  ) {
    let width = layout.width, cell = source.execution.cell
    func units(_ node: NodeID) -> Range<Int> { 0..<layout.sizes[cell.graph.size(of: node)] }
    for state in states.indices { states[state] += source.sumOfMagnitudes(state, rows) }
    for (index, gate) in watched.gates.enumerated() {
      let all = unsafe values[gate.node], units = units(gate.node)
      for row in rows.indices {
        let own = unsafe all + (row - rows.lowerBound) * width
        saturatedGates[index] += units.count { unsafe !(0.05...0.95 ~= own[$0]) }
      }
    }
    for (index, memory) in watched.memories.enumerated() {
      let all = unsafe values[memory.node], units = units(memory.node)
      for row in rows.indices {
        let own = unsafe all + (row - rows.lowerBound) * width
        memories[index] += units.reduce(0) { unsafe $0 + Double(abs(own[$1])) }
        saturatedMemories[index] += units.count { unsafe abs(own[$0]) > Self.saturation }
      }
    }
    for (state, terms) in cell.gradient.stateAfter.enumerated() {
      let units = 0..<layout.sizes[cell.stateSizes[state]]
      for row in rows {
        let start = (row - rows.lowerBound) * width
        squares[state][source.time(row)] += units.reduce(0) { sum, unit in
          let value = terms.reduce(Float(0)) { unsafe $0 + values[$1][start + unit] }
          return sum + Double(value) * Double(value)
        }
      }
    }
  }

  mutating func join(_ other: ObservationSums) {
    for index in states.indices { states[index] += other.states[index] }
    for index in memories.indices { memories[index] += other.memories[index] }
    for index in saturatedGates.indices { saturatedGates[index] += other.saturatedGates[index] }
    for index in saturatedMemories.indices { saturatedMemories[index] += other.saturatedMemories[index] }
    for state in squares.indices {
      for time in squares[state].indices { squares[state][time] += other.squares[state][time] }
    }
  }

  /// The means over the units of `rows` rows, and the norms.
  func observation(
    _ execution: CellExecution, _ watched: WatchedNodes, rows: Int, gradientNorm: (Block) -> Double
  ) -> CellObservation {
    let cell = execution.cell
    func mean(_ sum: Double, _ size: CellDimension) -> Double {
      sum / Double(max(1, rows * execution.sizes[size]))
    }
    var values: [CellObservation.Value] = []
    func add(_ quantity: CellObservation.Quantity, _ names: [String], _ found: [Double]) {
      for (name, value) in zip(names, found) {
        values.append(.init(quantity: quantity, name: name, value: value))
      }
    }
    let names = watched.memories.map(\.name)
    let memorySizes = watched.memories.map { cell.graph.size(of: $0.node) }
    let gateSizes = watched.gates.map { cell.graph.size(of: $0.node) }
    add(.meanAbsState, cell.states, zip(states, cell.stateSizes).map(mean))
    add(.meanAbsMemory, names, zip(memories, memorySizes).map(mean))
    add(.saturatedMemory, names, zip(saturatedMemories, memorySizes).map { mean(Double($0), $1) })
    add(
      .saturatedGate, watched.gates.map(\.name), zip(saturatedGates, gateSizes).map { mean(Double($0), $1) })
    add(.memoryGradientNorm, names, watched.memories.map { gradientNorm($0.weights) })
    let gradients = zip(cell.states, squares).map { state, squares in
      CellObservation.StateGradient(state: state, norms: squares.map { $0.squareRoot() })
    }
    return CellObservation(values: values, stateGradients: gradients)
  }
}
