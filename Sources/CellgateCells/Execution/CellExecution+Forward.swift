import CellgateKernels
import CellgateTensor

extension CellExecution {
  /// What a forward pass computes.
  public struct Forward {
    /// Each state's last value, `[B, H]`.
    public var finalStates: [Tensor]
    /// For the backward pass, if it was asked for.
    public var saved: Saved?
  }

  /// Runs sequences from first states, writing the outputs into `output` unless that is nil.
  public func forward(
    input: Tensor, states: [Tensor], parameters: [Tensor], sequences: Sequences, output: Columns?,
    saving: Bool
  ) -> Forward {
    check(input: input, states: states, parameters: parameters, sequences)
    let layout = layout
    let step = saving ? cell.plan.forward : cell.plan.inference
    let weights = PackedWeights(
      cell: cell, layout: layout, instructions: instructions, parameters: parameters, programs: [step])
    let program = BoundProgram(step, layout: layout, weights: weights)
    let slices = Slice.cut(
      batch: sequences.batch, steps: sequences.steps, lengths: sequences.lengths,
      reversed: sequences.reversed, chunkRows: layout.chunkRows)
    let tables = slices.map { SliceTables($0, layout: layout, keepsFrames: saving) }
    let finalStates = states.map { Tensor.uninitialized($0.shape) }
    let saved =
      saving
      ? Saved(sequences: sequences, input: input, parameters: parameters, slices: slices, tables: tables)
      : nil

    nonisolated(unsafe) var frames = [Saved.Frames?](repeating: nil, count: slices.count)
    nonisolated(unsafe) let unsafeInput = (input, states, output, finalStates)
    unsafe frames.withUnsafeMutableBufferPointer { buffer in
      nonisolated(unsafe) let buffer = unsafe buffer
      ThreadPool.shared.run(slices.count) { index in
        let (input, states, output, finalStates) = unsafe unsafeInput
        let run = ForwardRun(
          execution: self, layout: layout, program: program, slice: slices[index], tables: tables[index],
          saving: saving)
        run.go(input: input, states: states, output: output, finalStates: finalStates)
        if saving { unsafe buffer[index] = run.frames }
      }
    }
    if let output, let lengths = sequences.lengths {
      for (sequence, length) in lengths.enumerated() {
        for time in length..<sequences.steps {
          unsafe output.row(time, sequence).update(repeating: 0, count: hiddenSize)
        }
      }
    }
    if let saved { saved.frames = unsafe frames.compactMap { $0 } }
    return Forward(finalStates: finalStates, saved: saved)
  }
}

/// One slice's way through the sequence.
@safe struct ForwardRun {
  let execution: CellExecution
  let layout: Layout
  let program: BoundProgram
  let slice: Slice
  let tables: SliceTables
  let saving: Bool
  let frames: CellExecution.Saved.Frames
  private let scratch: Storage
  let inputRows: UnsafeMutablePointer<Float>
  let places: [cg_slot]

  init(
    execution: CellExecution, layout: Layout, program: BoundProgram, slice: Slice, tables: SliceTables,
    saving: Bool
  ) {
    self.execution = execution
    self.layout = layout
    self.program = program
    self.slice = slice
    self.tables = tables
    self.saving = saving
    let width = layout.width
    let plan = execution.cell.plan
    let frameRows = saving ? slice.totalRows : slice.mostChunkRows
    let stateCount = execution.cell.states.count, savedCount = saving ? plan.saved.count : 0
    let frameCounts =
      Array(repeating: (slice.rows.count + frameRows) * width, count: stateCount)
      + Array(repeating: frameRows * width, count: savedCount)
    var frameArena = Arena(frameCounts, zeros: false)
    let stateFrames = unsafe (0..<stateCount).map { unsafe frameArena.take(frameCounts[$0]) }
    let savedFrames = unsafe (0..<savedCount).map { unsafe frameArena.take(frameCounts[stateCount + $0]) }
    unsafe frames = CellExecution.Saved.Frames(
      owner: frameArena.owner, states: stateFrames, saved: savedFrames)

    let tile = layout.tileRows * layout.tileColumns
    let stepRows = layout.hoistsInput ? slice.mostChunkRows : slice.rows.count
    func size(_ slot: StepProgram.Slot) -> Int {
      switch slot {
      case .accumulator: stepRows * width
      case .step: slice.rows.count * width
      case .tile: tile
      default: 0
      }
    }
    let counts = program.slots.map(size)
    var arena = Arena(counts + [slice.mostChunkRows * execution.inputSize], zeros: true)
    var places: [cg_slot] = unsafe []
    var input: UnsafeMutablePointer<Float>?
    for (index, slot) in program.slots.enumerated() {
      let shared = unsafe SlotPlace.shared(slot, frames: frames, tables: tables, program: program) {
        unsafe arena.take(counts[index])
      }
      let place: SlotPlace
      if let shared {
        place = shared
      } else if slot == .input {
        place = unsafe SlotPlace(
          base: arena.take(slice.mostChunkRows * execution.inputSize), offset: tables.input)
        unsafe input = place.base
      } else if case .accumulator = slot {
        place = unsafe SlotPlace(
          base: arena.take(counts[index]), offset: layout.hoistsInput ? tables.chunk : nil)
      } else {
        preconditionFailure("\(slot) in a forward program")
      }
      unsafe places.append(place.slot)
    }
    unsafe inputRows = input ?? arena.take(slice.mostChunkRows * execution.inputSize)
    scratch = arena.owner
    unsafe self.places = places
  }

  func go(input: Tensor, states: [Tensor], output: CellExecution.Columns?, finalStates: [Tensor]) {
    let width = layout.width, hidden = execution.hiddenSize
    for (state, tensor) in states.enumerated() {
      for (row, sequence) in slice.rows.enumerated() {
        let to = unsafe frames.states[state] + row * width
        unsafe to.update(from: tensor.pointer + sequence * hidden, count: hidden)
        unsafe (to + hidden).update(repeating: 0, count: width - hidden)
      }
    }
    let head = slice.rows.count
    for chunk in slice.chunks {
      unsafe execution.gather(input, slice, chunk, into: inputRows)
      let rows = slice.rowsBefore[chunk.upperBound] - slice.rowsBefore[chunk.lowerBound]
      if !program.hoisted.isEmpty {
        unsafe program.hoist(rows: rows, x: inputRows, inputSize: execution.inputSize, width: width) { slot in
          let index = program.slots.firstIndex(of: slot) ?? 0
          return unsafe places[index].base + (places[index].offset?[chunk.lowerBound] ?? 0)
        }
      }
      unsafe program.sweep(chunk, active: slice.active, places: places, backward: false)
      if let output {
        for step in chunk {
          let from = unsafe frames.states[0] + tables.after[step]
          for row in 0..<Int(slice.active[step]) {
            unsafe output.row(slice.time(row: row, step: step), slice.rows[row]).update(
              from: from + row * width, count: hidden)
          }
        }
      }
      if !saving {
        // The states that the next chunk begins with.
        for row in 0..<head where slice.lengths[row] > chunk.lowerBound {
          let last = min(slice.lengths[row], chunk.upperBound) - 1
          for state in states.indices {
            let base = unsafe frames.states[state]
            unsafe (base + row * width).update(from: base + tables.after[last] + row * width, count: width)
          }
        }
      }
    }
    for (state, tensor) in finalStates.enumerated() {
      for (row, sequence) in slice.rows.enumerated() {
        let length = slice.lengths[row]
        let place = unsafe saving && length > 0 ? tables.after[length - 1] : 0
        unsafe (tensor.pointer + sequence * hidden).update(
          from: frames.states[state] + place + row * width, count: hidden)
      }
    }
  }
}
