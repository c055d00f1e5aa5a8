import CellgateKernels
import CellgateTensor

extension CellExecution {
  /// The gradients of a loss.
  public struct Gradients {
    /// `[T, B, I]`; nil unless it was asked for.
    public var input: Tensor?
    /// Of each first state, `[B, H]`.
    public var states: [Tensor]
    /// Of each parameter, in the cell's order.
    public var parameters: [Tensor]
  }

  /// The gradients of a loss whose derivatives with respect to the outputs and the last states are given;
  /// nil stands for zeros.
  public func backward(
    _ saved: Saved, outputGradient: Columns?, finalStateGradients: [Tensor?], needsInputGradient: Bool
  ) -> Gradients {
    let layout = layout, plan = cell.plan, sequences = saved.sequences
    let weights = PackedWeights(
      cell: cell, layout: layout, instructions: instructions, parameters: saved.parameters,
      programs: [plan.backward],
      extra: needsInputGradient ? plan.inputFactors : [])
    let program = BoundProgram(plan.backward, layout: layout, weights: weights)
    let inputGradient =
      needsInputGradient
      ? (sequences.lengths == nil ? Tensor.uninitialized(saved.input.shape) : Tensor.zeros(saved.input.shape))
      : nil
    let states = cell.states.map { _ in Tensor.uninitialized([sequences.batch, hiddenSize]) }
    let parameters = saved.parameters.map { Tensor.uninitialized($0.shape) }

    nonisolated(unsafe) let tensors = (saved, outputGradient, finalStateGradients, inputGradient, states)
    nonisolated(unsafe) var sums = [GradientSums?](repeating: nil, count: saved.slices.count)
    unsafe sums.withUnsafeMutableBufferPointer { buffer in
      nonisolated(unsafe) let buffer = unsafe buffer
      ThreadPool.shared.run(saved.slices.count) { index in
        let (saved, outputGradient, finalStateGradients, inputGradient, states) = unsafe tensors
        let run = BackwardRun(
          execution: self, program: program, weights: weights, saved: saved, index: index,
          outputGradient: outputGradient, inputGradient: inputGradient)
        run.go(finalStateGradients: finalStateGradients, stateGradients: states)
        unsafe buffer[index] = run.sums
      }
    }
    let parts = unsafe sums.compactMap { $0 }
    GradientSums.join(parts, cell: cell, layout: layout, into: parameters)
    return Gradients(input: inputGradient, states: states, parameters: parameters)
  }
}

/// One slice's way back.
@safe private struct BackwardRun {
  let execution: CellExecution
  let program: BoundProgram
  let weights: PackedWeights
  let saved: CellExecution.Saved
  let slice: Slice
  let tables: SliceTables
  let frames: CellExecution.Saved.Frames
  let sums: GradientSums
  let outputGradient: CellExecution.Columns?
  let inputGradient: Tensor?

  private let owner: Storage
  private let places: [cg_slot]
  private let inputRows: UnsafeMutablePointer<Float>
  private let inputGradientRows: UnsafeMutablePointer<Float>
  private let outputRows: UnsafeMutablePointer<Float>
  private let operandRows: UnsafeMutablePointer<Float>
  private let deltas: [UnsafeMutablePointer<Float>]
  private let arriving: [UnsafeMutablePointer<Float>]

  init(
    execution: CellExecution, program: BoundProgram, weights: PackedWeights, saved: CellExecution.Saved,
    index: Int, outputGradient: CellExecution.Columns?, inputGradient: Tensor?
  ) {
    self.execution = execution
    self.program = program
    self.weights = weights
    self.saved = saved
    self.outputGradient = outputGradient
    self.inputGradient = inputGradient
    slice = saved.slices[index]
    tables = saved.tables[index]
    frames = saved.frames[index]
    let layout = execution.layout, width = layout.width, plan = execution.cell.plan
    sums = GradientSums(cell: execution.cell, layout: layout)

    let chunkRows = slice.mostChunkRows, rows = slice.rows.count
    let tile = layout.tileRows * layout.tileColumns
    let inputCount = chunkRows * execution.inputSize
    let stateCount = execution.cell.states.count
    func size(_ slot: StepProgram.Slot) -> Int {
      switch slot {
      case .step, .accumulator: rows * width
      case .tile: tile
      default: 0
      }
    }
    let counts = program.slots.map(size)
    let fixed =
      [inputCount, inputGradient == nil ? 0 : inputCount, outputGradient == nil ? tile : chunkRows * width]
      + [chunkRows * width] + Array(repeating: chunkRows * width, count: plan.deltaCount)
      + Array(repeating: 2 * rows * width, count: stateCount)
    var arena = Arena(fixed + counts, zeros: true)
    unsafe inputRows = arena.take(fixed[0])
    unsafe inputGradientRows = arena.take(fixed[1])
    unsafe outputRows = arena.take(fixed[2])
    unsafe operandRows = arena.take(fixed[3])
    unsafe deltas = (0..<plan.deltaCount).map { _ in unsafe arena.take(chunkRows * width) }
    unsafe arriving = (0..<stateCount).map { _ in unsafe arena.take(2 * rows * width) }

    var places: [cg_slot] = unsafe []
    for (index, slot) in program.slots.enumerated() {
      let shared = unsafe SlotPlace.shared(slot, frames: frames, tables: tables, program: program) {
        unsafe arena.take(counts[index])
      }
      let place: SlotPlace
      switch slot {
      case .delta(let index): place = unsafe SlotPlace(base: deltas[index], offset: tables.chunk)
      case .arriving(let state): place = unsafe SlotPlace(base: arriving[state], offset: tables.even)
      case .departing(let state): place = unsafe SlotPlace(base: arriving[state], offset: tables.odd)
      case .vectorGradient(let block): place = unsafe SlotPlace(base: sums.vector(block), layout: CG_COLUMNS)
      case .outputGradient:
        place =
          unsafe outputGradient == nil
          ? SlotPlace(base: outputRows, layout: CG_TILE)
          : SlotPlace(base: outputRows, offset: tables.chunk)
      default:
        guard let shared else { preconditionFailure("\(slot) in a backward program") }
        place = shared
      }
      unsafe places.append(place.slot)
    }
    owner = arena.owner
    unsafe self.places = places
  }

  func go(finalStateGradients: [Tensor?], stateGradients: [Tensor]) {
    let width = execution.layout.width, hidden = execution.hiddenSize, rows = slice.rows.count
    for (state, gradient) in finalStateGradients.enumerated() {
      guard let gradient else { continue }
      precondition(
        gradient.shape == [saved.sequences.batch, hidden],
        "gradient of the last states: found \(gradient.shape)")
      for (row, sequence) in slice.rows.enumerated() {
        for buffer in 0..<2 {
          unsafe (arriving[state] + (buffer * rows + row) * width).update(
            from: gradient.pointer + sequence * hidden, count: hidden)
        }
      }
    }
    for chunk in slice.chunks.reversed() {
      unsafe execution.gather(saved.input, slice, chunk, into: inputRows)
      gatherOutputGradient(chunk)
      unsafe program.sweep(chunk, active: slice.active, places: places, backward: true)
      addWeightGradients(chunk)
      writeInputGradient(chunk)
    }
    // Step 0 sends its gradients to the odd buffer, where sequences without steps have theirs too.
    for (state, tensor) in stateGradients.enumerated() {
      for (row, sequence) in slice.rows.enumerated() {
        unsafe (tensor.pointer + sequence * hidden).update(
          from: arriving[state] + (rows + row) * width, count: hidden)
      }
    }
  }

  private func gatherOutputGradient(_ chunk: Range<Int>) {
    guard let outputGradient else { return }
    let width = execution.layout.width, hidden = execution.hiddenSize
    for step in chunk {
      let to = unsafe outputRows + tables.chunk[step]
      for row in 0..<Int(slice.active[step]) {
        unsafe (to + row * width).update(
          from: outputGradient.row(slice.time(row: row, step: step), slice.rows[row]), count: hidden)
      }
    }
  }

  private func addWeightGradients(_ chunk: Range<Int>) {
    let layout = execution.layout, width = layout.width, hidden = execution.hiddenSize
    let rows = slice.rowsBefore[chunk.upperBound] - slice.rowsBefore[chunk.lowerBound]
    let plan = execution.cell.plan
    let isa = unsafe execution.instructions.handle
    var ones: Float = 1
    for delta in sums.biasDeltas {
      unsafe cg_outer_with(isa, rows, 1, hidden, &ones, 0, deltas[delta], width, sums.bias(delta), width)
    }
    var ready: StepProgram.Slot?
    var operand = unsafe operandRows
    for gradient in plan.weightGradients {
      let (target, ld) = unsafe sums.matrix(gradient.block)
      if gradient.operand == .input {
        let size = execution.inputSize
        if layout.transposesInputGradient {
          unsafe cg_outer_with(
            isa, rows, size, hidden, inputRows, size, deltas[gradient.delta], width, target, ld)
        } else {
          unsafe cg_outer_with(
            isa, rows, hidden, size, deltas[gradient.delta], width, inputRows, size, target, ld)
        }
        continue
      }
      if ready != gradient.operand {
        unsafe operand = rowsOfOperand(gradient.operand, chunk)
        ready = gradient.operand
      }
      unsafe cg_outer_with(
        isa, rows, hidden, hidden, deltas[gradient.delta], width, operand, width, target, ld)
    }
  }

  /// A product's operand over a chunk of steps, `[rows, width]`.
  private func rowsOfOperand(_ slot: StepProgram.Slot, _ chunk: Range<Int>) -> UnsafeMutablePointer<Float> {
    let width = execution.layout.width
    switch slot {
    case .stateAfter(let state): return unsafe frames.states[state] + tables.after[chunk.lowerBound]
    case .saved(let index): return unsafe frames.saved[index] + tables.frames[chunk.lowerBound]
    case .stateBefore(let state):
      // Rows that all go on into the next step lie side by side already.
      let goesOn = chunk.allSatisfy { Int(slice.active[$0]) == slice.rows.count }
      if goesOn { return unsafe frames.states[state] + tables.before[chunk.lowerBound] }
      for step in chunk {
        unsafe (operandRows + tables.chunk[step]).update(
          from: frames.states[state] + tables.before[step], count: Int(slice.active[step]) * width)
      }
      return unsafe operandRows
    default: preconditionFailure("\(slot) is no operand")
    }
  }

  private func writeInputGradient(_ chunk: Range<Int>) {
    guard let inputGradient else { return }
    let width = execution.layout.width, size = execution.inputSize
    let batch = saved.sequences.batch
    let rows = slice.rowsBefore[chunk.upperBound] - slice.rowsBefore[chunk.lowerBound]
    let terms = unsafe execution.cell.plan.inputFactors.compactMap { factor -> cg_term? in
      guard case .delta(let index) = factor.operand else { return nil }
      return unsafe cg_term(
        a: UnsafePointer(deltas[index]), lda: width, k: execution.hiddenSize,
        packed: UnsafePointer(weights.matrix(factor)))
    }
    unsafe cg_product_with(
      execution.instructions.handle, rows, size, terms, terms.count, CG_START_ZERO, nil, inputGradientRows,
      size)
    var from = unsafe inputGradientRows
    for step in chunk {
      for row in 0..<Int(slice.active[step]) {
        let place = slice.time(row: row, step: step) * batch + slice.rows[row]
        unsafe (inputGradient.pointer + place * size).update(from: from + row * size, count: size)
      }
      unsafe from += Int(slice.active[step]) * size
    }
  }
}
