import CellgateBasics
import CellgateKernels
import CellgateTensor

/// One microbatch's way back, which the members of a team go together.
@safe final class BackwardRun {
  private let execution: CellExecution
  private let program: BoundProgram
  private let weights: PackedWeights
  private let saved: CellExecution.Saved
  private let microbatch: Microbatch
  private let tables: StepTables
  private let frames: CellExecution.Frames
  private let sums: GradientSums
  private let outputGradient: CellExecution.Columns?
  private let inputGradient: Tensor?
  /// Where the gradients go that arrive at each state from the next step; empty unless the pass is observed.
  private let traced: [CellExecution.Columns]
  /// What computes a segment again, and the states with which each segment begins.
  private let forward: (run: ForwardRun, states: CellExecution.Frames)?

  private let owner: Storage
  /// The slots' locations, for each member.
  private let locations: [[cg_location]]
  private let inputRows: UnsafeMutablePointer<Float>
  private let inputGradientRows: UnsafeMutablePointer<Float>
  private let outputRows: UnsafeMutablePointer<Float>
  /// Each member's own.
  private let operandRows: [UnsafeMutablePointer<Float>]
  /// On a grid each member's own: the neighbourhoods of an operand over a chunk of steps.
  private let neighbourRows: [UnsafeMutablePointer<Float>]
  /// On a grid the neighbourhoods of what arrives at products, for the input's gradient.
  private let deltaNeighbours: [UnsafeMutablePointer<Float>]
  private let deltas: [UnsafeMutablePointer<Float>]
  /// Of each of the cell's noises.
  private let noiseRows: [UnsafeMutablePointer<Float>]
  private let arriving: [UnsafeMutablePointer<Float>]
  /// Where factors of weight gradients are converted; nil where they are taken as they are.
  private let pairs: PairedRows?
  /// The states that begin with 0 in all sequences.
  private let zeroStates: Set<Int>

  init(
    execution: CellExecution, program: BoundProgram, forward: BoundProgram?, weights: PackedWeights,
    saved: CellExecution.Saved, index: Int, sums: GradientSums, outputGradient: CellExecution.Columns?,
    inputGradient: Tensor?, needsStateGradients: Bool, traced: [CellExecution.Columns] = [], members: Int
  ) {
    self.execution = execution
    self.program = program
    self.weights = weights
    self.saved = saved
    self.sums = sums
    self.outputGradient = outputGradient
    self.inputGradient = inputGradient
    self.traced = traced
    microbatch = saved.microbatches[index]
    let layout = execution.layout, width = layout.width, plan = execution.cell.plan
    let firstStates = saved.kept[index]?.frames, firstCount = microbatch.rows.count * width
    let zeroStates = Set(
      execution.cell.states.indices.filter { state in
        guard let first = unsafe firstStates?.states[state] else { return false }
        return (0..<firstCount).allSatisfy { unsafe first[$0] == 0 }
      })
    self.zeroStates = zeroStates
    switch (saved.kept[index], forward) {
    case (.frames(let kept), _):
      frames = kept
      tables = StepTables(microbatch, layout: layout, spans: microbatch.segments)
      self.forward = nil
    case (.states(let kept), let program?):
      let run = ForwardRun(
        execution: execution, program: program, microbatch: microbatch, spans: microbatch.segments,
        saves: true, zeroStates: zeroStates, members: members)
      frames = run.frames
      tables = run.tables
      self.forward = (run, kept)
    default:
      fail(
        "\(execution.cell.name): expected what the forward pass keeps of microbatch \(index), found nothing")
    }

    let chunkRows = microbatch.mostChunkRows, rows = microbatch.rows.count
    let tile = layout.tileRows * layout.tileColumns
    let inputCount = layout.inputProducts == nil ? chunkRows * layout.inputSize : 0
    let stateCount = execution.cell.states.count
    func size(_ slot: StepProgram.Slot) -> Int {
      switch slot {
      case .step, .accumulator: rows * width
      case .tile: tile * members
      default: 0
      }
    }
    let counts = program.slots.map(size)
    let chunk = chunkRows * width
    let fixed =
      [inputCount, inputGradient == nil ? 0 : inputCount, outputGradient == nil ? tile : chunk]
      + Array(repeating: chunk, count: members + plan.deltaCount + execution.cell.noises.count)
      + Array(repeating: 2 * rows * width, count: stateCount)
    // Factors of this step, and of the one before, which other members of the team may still read.
    let isGrid = execution.grid != nil
    let neighbours = isGrid ? chunkRows * layout.factorRows : 0
    let deltaNeighbourCount = isGrid && inputGradient != nil ? plan.deltaCount : 0
    let factors = 2 * rows * layout.factorRows
    var arena = Arena(
      fixed + counts + program.converted.map { _ in factors }
        + Array(repeating: neighbours, count: (isGrid ? members : 0) + deltaNeighbourCount), zeros: true)
    unsafe inputRows = arena.take(fixed[0])
    unsafe inputGradientRows = arena.take(fixed[1])
    unsafe outputRows = arena.take(fixed[2])
    unsafe operandRows = (0..<members).map { _ in unsafe arena.take(chunk) }
    unsafe deltas = (0..<plan.deltaCount).map { _ in unsafe arena.take(chunk) }
    unsafe noiseRows = execution.cell.noises.map { _ in unsafe arena.take(chunk) }
    unsafe arriving = (0..<stateCount).map { _ in unsafe arena.take(2 * rows * width) }

    var locations: [SlotLocation] = []
    for (index, slot) in program.slots.enumerated() {
      let shared = unsafe SlotLocation.shared(slot, frames: frames, tables: tables, program: program) {
        unsafe arena.take(counts[index])
      }
      let location: SlotLocation
      switch slot {
      case .noise(let index): location = unsafe SlotLocation(base: noiseRows[index], offset: tables.chunk)
      case .delta(let index): location = unsafe SlotLocation(base: deltas[index], offset: tables.chunk)
      case .arriving(let state): location = unsafe SlotLocation(base: arriving[state], offset: tables.even)
      case .departing(let state):
        location = unsafe SlotLocation(
          base: arriving[state], offset: tables.odd, skipsFirst: !needsStateGradients)
      case .vectorGradient(let block):
        location = unsafe SlotLocation(base: sums.vector(block), layout: CG_COLUMNS)
      case .outputGradient:
        location =
          unsafe outputGradient == nil
          ? SlotLocation(base: outputRows, layout: CG_TILE)
          : SlotLocation(base: outputRows, offset: tables.chunk)
      default:
        guard let shared else { fail("BackwardRun: expected a slot of a backward program, found \(slot)") }
        location = shared
      }
      locations.append(location)
    }
    for _ in program.converted {
      locations.append(unsafe SlotLocation(base: arena.take(factors), offset: tables.factors))
    }
    unsafe neighbourRows = (0..<(isGrid ? members : 0)).map { _ in unsafe arena.take(neighbours) }
    unsafe deltaNeighbours = (0..<deltaNeighbourCount).map { _ in unsafe arena.take(neighbours) }
    owner = arena.owner
    pairs = execution.precision == .float32 ? nil : PairedRows(execution, rows: chunkRows)
    unsafe self.locations = (0..<members).map {
      unsafe SlotLocation.kernelLocations(locations, of: program, member: $0, tile: tile)
    }
  }

  func go(finalStateGradients: [Tensor?], stateGradients: [Tensor], member: TeamMember) {
    let layout = execution.layout, width = layout.width
    let rows = microbatch.rows.count
    let columns = layout.columns(of: member)
    // Of each state the units that are the member's, and its size.
    let own = execution.cell.stateSizes.map { layout.units($0, of: member) }, sizes = execution.stateSizes
    for (state, gradient) in finalStateGradients.enumerated() {
      guard let gradient else { continue }
      let real = own[state]
      for (row, sequence) in microbatch.rows.enumerated() {
        for buffer in 0..<2 {
          unsafe (arriving[state] + (buffer * rows + row) * width + real.lowerBound).update(
            from: gradient.pointer + sequence * sizes[state] + real.lowerBound, count: real.count)
        }
      }
    }
    var last = microbatch.chunks.count
    for (index, segment) in microbatch.segments.enumerated().reversed() {
      let first = microbatch.chunks.firstIndex { $0.lowerBound == segment.lowerBound } ?? 0
      if let forward {
        // Others may still read the frames of the segment after it.
        member.wait()
        forward.run.setFirstStates(from: forward.states, row: index * rows, columns: columns)
        for chunk in microbatch.chunks[first..<last] {
          forward.run.advance(chunk, input: saved.input, noise: saved.noise, member: member)
        }
      }
      for chunk in microbatch.chunks[first..<last].reversed() { retreat(chunk, member: member) }
      last = first
    }
    // Step 0 sends its gradients to the odd buffer, where sequences without steps have theirs too.
    for (state, tensor) in stateGradients.enumerated() {
      let real = own[state]
      for (row, sequence) in microbatch.rows.enumerated() {
        unsafe (tensor.pointer + sequence * sizes[state] + real.lowerBound).update(
          from: arriving[state] + (rows + row) * width + real.lowerBound, count: real.count)
      }
    }
  }

  private func retreat(_ chunk: Range<Int>, member: TeamMember) {
    let layout = execution.layout, columns = layout.columns(of: member)
    let own = execution.cell.stateSizes.map { layout.units($0, of: member) }
    member.wait()
    let x =
      unsafe layout.inputProducts == nil
      ? execution.gather(saved.input, microbatch, chunk, into: inputRows, isFactor: false, member: member)
      : inputRows
    gatherOutputGradient(chunk, columns: own[0])
    unsafe execution.draw(
      saved.noise, microbatch, chunk, tables: tables, to: noiseRows, columns: columns)
    member.wait()
    // The gradients that arrive at a step are overwritten two steps on.
    let ranges = traced.isEmpty ? [chunk] : chunk.reversed().map { $0..<$0 + 1 }
    for steps in ranges {
      if !traced.isEmpty { trace(steps.lowerBound, columns: own) }
      unsafe program.sweep(
        steps, active: microbatch.active, locations: locations[member.index], backward: true,
        columns: columns,
        member: member)
    }
    unsafe addWeightGradients(chunk, x: x, columns: columns, member: member)
    if let inputGradient {
      member.wait()
      write(chunk, to: inputGradient, member: member)
    }
  }

  /// Copies what arrives at the states of a step.
  private func trace(_ step: Int, columns: [Range<Int>]) {
    for (state, target) in traced.enumerated() {
      let columns = columns[state]
      let from = unsafe arriving[state] + tables.even[step] + columns.lowerBound
      for row in 0..<Int(microbatch.active[step]) {
        unsafe (target.row(microbatch.time(row: row, step: step), microbatch.rows[row]) + columns.lowerBound)
          .update(
            from: from + row * execution.layout.width, count: columns.count)
      }
    }
  }

  private func gatherOutputGradient(_ chunk: Range<Int>, columns: Range<Int>) {
    guard let outputGradient else { return }
    let width = execution.layout.width
    for step in chunk {
      let to = unsafe outputRows + tables.chunk[step] + columns.lowerBound
      for row in 0..<Int(microbatch.active[step]) {
        let from = unsafe outputGradient.row(microbatch.time(row: row, step: step), microbatch.rows[row])
        unsafe (to + row * width).update(from: from + columns.lowerBound, count: columns.count)
      }
    }
  }

  /// Adds what arrived at a member's columns, times the products' operands.
  private func addWeightGradients(
    _ chunk: Range<Int>, x: UnsafePointer<Float>, columns: Range<Int>, member: TeamMember
  ) {
    let layout = execution.layout, width = layout.width
    let rows = microbatch.rowCount(chunk)
    if let pairs {
      unsafe pair(chunk, x: x, columns: columns, in: pairs, member: member)
      member.wait()
    } else if execution.cell.plan.readsAllDeltas {
      member.wait()
    }
    if columns.isEmpty { return }
    var ones: Float = 1
    for delta in sums.biasDeltas {
      let first = columns.lowerBound
      unsafe cg_outer_with(
        execution.instructions.handle, rows, 1, columns.count, &ones, 0, deltas[delta] + first, width,
        sums.bias(delta) + first, width)
    }
    let isa = unsafe execution.products.handle
    var ready: StepProgram.Slot?
    var operand = unsafe x
    for gradient in execution.cell.plan.weightGradients {
      if gradient.operand == .input, layout.inputProducts != nil { continue }
      let definition = execution.cell.parameters[gradient.block.parameter]
      let own = columns.clamped(to: 0..<layout.sizes[definition.rows])
      if own.isEmpty { continue }
      if gradient.isTransposed {
        addTransposed(gradient, chunk, rows: own, member: member)
        ready = nil
        continue
      }
      let (first, count) = (own.lowerBound, own.count),
        size = definition.columns.map { layout.sizes.columns($0) } ?? 0
      let (target, ld) = unsafe sums.matrix(gradient.block)
      // What is 0 adds nothing: the first rows of a state that begins so.
      var without = 0
      if chunk.lowerBound == 0, pairs == nil, execution.grid == nil,
        case .stateBefore(let state) = gradient.operand, zeroStates.contains(state)
      {
        without = Int(microbatch.active[0])
      }
      let delta = unsafe (pairs?.deltas[gradient.delta] ?? deltas[gradient.delta]) + first
      if ready != gradient.operand {
        if let pairs {
          unsafe operand = UnsafePointer(pairs.operand(gradient.operand))
        } else {
          unsafe operand = rowsOfOperand(gradient.operand, chunk, x: x, copy: operandRows[member.index])
          if let grid = execution.grid, gradient.operand != .input {
            let target = unsafe neighbourRows[member.index]
            unsafe cg_gather_neighbours(
              grid.kernelGrid, 0, rows, size / grid.neighbours, operand, width, target, size,
              size / grid.neighbours)
            unsafe operand = UnsafePointer(target)
          }
        }
        ready = gradient.operand
      }
      if gradient.operand != .input {
        let stride = execution.grid == nil ? width : size
        unsafe cg_outer_with(
          isa, rows - without, count, size, delta + without * width, width, operand + without * stride,
          stride,
          target + first * ld, ld)
      } else if layout.transposesInputGradient {
        unsafe cg_outer_with(isa, rows, size, count, operand, size, delta, width, target + first, ld)
      } else {
        unsafe cg_outer_with(isa, rows, count, size, delta, width, operand, size, target + first * ld, ld)
      }
    }
  }

  /// Adds the operand of a product with a matrix' transpose, at some rows of the matrix, times what arrived at its columns.
  private func addTransposed(
    _ gradient: Plan.WeightGradient, _ chunk: Range<Int>, rows own: Range<Int>, member: TeamMember
  ) {
    let width = execution.layout.width, count = microbatch.rowCount(chunk)
    let definition = execution.cell.parameters[gradient.block.parameter]
    let size = definition.columns.map { execution.layout.sizes.columns($0) } ?? 0
    let (target, ld) = unsafe sums.matrix(gradient.block)
    var (operand, delta) = unsafe (UnsafePointer<Float>(inputRows), UnsafePointer(deltas[gradient.delta]))
    var stride = width
    if let pairs {
      unsafe operand = UnsafePointer(pairs.operand(gradient.operand))
      unsafe delta = UnsafePointer(pairs.deltas[gradient.delta])
    } else {
      unsafe operand = rowsOfOperand(
        gradient.operand, chunk, x: UnsafePointer(inputRows), copy: operandRows[member.index])
      if let grid = execution.grid {
        let neighbours = unsafe neighbourRows[member.index]
        unsafe cg_gather_neighbours(
          grid.kernelGrid, 0, count, size / grid.neighbours, delta, width, neighbours, size,
          size / grid.neighbours)
        unsafe delta = UnsafePointer(neighbours)
        stride = size
      }
    }
    unsafe cg_outer_with(
      execution.products.handle, count, own.count, size, operand + own.lowerBound, width, delta, stride,
      target + own.lowerBound * ld, ld)
  }

  /// Converts the factors of weight gradients: a member its columns, and some rows of x.
  private func pair(
    _ chunk: Range<Int>, x: UnsafePointer<Float>, columns: Range<Int>, in pairs: PairedRows,
    member: TeamMember
  ) {
    let isa = unsafe execution.products.handle
    let width = execution.layout.width, size = execution.inputSize, rows = microbatch.rowCount(chunk)
    let first = columns.lowerBound
    for index in unsafe deltas.indices {
      unsafe cg_interleave_with(
        isa, rows, columns.count, deltas[index] + first, width, pairs.deltas[index] + first, width)
    }
    for slot in pairs.operands {
      let target = unsafe pairs.operand(slot)
      if slot == .input {
        let own = member.share(of: execution.precision.words(rows))
        let firstRow = 2 * own.lowerBound, count = min(rows, 2 * own.upperBound) - firstRow
        if count > 0 {
          unsafe cg_interleave_with(
            isa, count, size, x + firstRow * size, size, target + own.lowerBound * size, size)
        }
      } else {
        let source = unsafe rowsOfOperand(slot, chunk, x: x, copy: operandRows[member.index])
        unsafe cg_interleave_with(isa, rows, columns.count, source + first, width, target + first, width)
      }
    }
  }

  /// A product's operand over a chunk of steps, `[rows, width]` or `[rows, I]`.
  private func rowsOfOperand(
    _ slot: StepProgram.Slot, _ chunk: Range<Int>, x: UnsafePointer<Float>,
    copy: UnsafeMutablePointer<Float>
  ) -> UnsafePointer<Float> {
    let width = execution.layout.width
    switch slot {
    case .input: return unsafe x
    case .stateAfter(let state):
      return unsafe UnsafePointer(frames.states[state] + tables.after[chunk.lowerBound])
    case .saved(let index):
      return unsafe UnsafePointer(frames.saved[index] + tables.frames[chunk.lowerBound])
    case .stateBefore(let state):
      // Rows that all go on into the next step lie side by side already.
      let goesOn = chunk.allSatisfy { Int(microbatch.active[$0]) == microbatch.rows.count }
      if goesOn { return unsafe UnsafePointer(frames.states[state] + tables.before[chunk.lowerBound]) }
      for step in chunk {
        unsafe (copy + tables.chunk[step]).update(
          from: frames.states[state] + tables.before[step], count: Int(microbatch.active[step]) * width)
      }
      return unsafe UnsafePointer(copy)
    default: fail("BackwardRun: expected an operand of a product, found \(slot)")
    }
  }

  /// The input's gradient over a chunk of steps, of which a member computes some rows.
  private func write(_ chunk: Range<Int>, to inputGradient: Tensor, member: TeamMember) {
    let layout = execution.layout, width = layout.width, size = execution.inputSize
    let batch = saved.sequences.batch
    let own = member.share(of: microbatch.rowCount(chunk))
    if own.isEmpty { return }
    if let products = layout.inputProducts {
      write(chunk, products, own, to: inputGradient)
      return
    }
    let isa = unsafe execution.products.handle
    var ready: Set<Int> = []
    let terms = unsafe execution.cell.plan.inputFactors.compactMap { factor -> cg_term? in
      guard case .delta(let index) = factor.operand else { return nil }
      var rows = unsafe deltas[index] + own.lowerBound * width
      let ld = layout.factorWidth, k = weights.shape(factor).k
      if let grid = execution.grid {
        let target = unsafe deltaNeighbours[index] + own.lowerBound * k
        if ready.insert(index).inserted {
          unsafe cg_gather_neighbours(
            grid.kernelGrid, own.lowerBound, own.count, k / grid.neighbours, deltas[index], width, target, k,
            k / grid.neighbours)
        }
        return unsafe cg_term(
          a: UnsafePointer(target), lda: k, k: k, packed: UnsafePointer(weights.matrix(factor)))
      }
      if let pairs {
        // The pairs of rows are no longer needed.
        let target = unsafe pairs.deltas[index] + own.lowerBound * ld
        if ready.insert(index).inserted {
          unsafe cg_convert_with(isa, own.count, k, rows, width, target, ld)
        }
        unsafe rows = target
      }
      return unsafe cg_term(
        a: UnsafePointer(rows), lda: ld, k: k, packed: UnsafePointer(weights.matrix(factor)))
    }
    unsafe cg_product_with(
      isa, own.count, size, terms, terms.count, CG_START_ZERO, nil,
      inputGradientRows + own.lowerBound * size, size)
    for step in chunk {
      let start = microbatch.rowCount(chunk.lowerBound..<step)
      for row in 0..<Int(microbatch.active[step]) where own.contains(start + row) {
        let index = microbatch.time(row: row, step: step) * batch + microbatch.rows[row]
        unsafe (inputGradient.pointer + index * size).update(
          from: inputGradientRows + (start + row) * size, count: size)
      }
    }
  }

  /// The gradient of products that are given over rows of a chunk of steps: what arrives at them.
  private func write(_ chunk: Range<Int>, _ products: InputProducts, _ own: Range<Int>, to gradient: Tensor) {
    let width = execution.layout.width, batch = saved.sequences.batch
    let weights = execution.cell.plan.weightGradients.filter { $0.operand == .input }
    let sources = products.columns.map { block, columns in
      (columns: columns, delta: weights.first { $0.block == block }?.delta)
    }
    for step in chunk {
      let start = microbatch.rowCount(chunk.lowerBound..<step)
      for row in 0..<Int(microbatch.active[step]) where own.contains(start + row) {
        let index = microbatch.time(row: row, step: step) * batch + microbatch.rows[row]
        let to = unsafe gradient.pointer + index * products.width
        for (columns, delta) in sources {
          let part = unsafe to + columns.lowerBound
          if let delta {
            unsafe part.update(from: deltas[delta] + (start + row) * width, count: columns.count)
          } else {
            unsafe part.update(repeating: 0, count: columns.count)
          }
        }
      }
    }
  }
}
