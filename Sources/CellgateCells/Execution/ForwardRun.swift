import CellgateBasics
import CellgateKernels
import CellgateTensor

/// One microbatch's way through the sequence, which the members of a team go together.
///
/// Frames hold the steps of one *span* at a time: all steps, a segment, or a chunk. The states with which a span begins
/// are its first rows.
@safe final class ForwardRun {
  let execution: CellExecution
  let microbatch: Microbatch
  let tables: StepTables
  let frames: CellExecution.Frames
  private let layout: Layout
  private let program: BoundProgram
  private let spans: [Range<Int>]
  /// With gradient checkpointing, the states with which each segment begins.
  private let keptStates: CellExecution.Frames?
  private let scratch: Storage
  let inputRows: UnsafeMutablePointer<Float>
  /// Of each of the cell's noises.
  private let noiseRows: [UnsafeMutablePointer<Float>]
  /// The slots' locations, for each member.
  private let locations: [[cg_location]]

  /// Spans of one chunk at a time unless everything is kept. The first states are known to be `states`.
  convenience init(
    execution: CellExecution, program: BoundProgram, microbatch: Microbatch, states: [Tensor],
    saving: CellExecution.Saving, members: Int
  ) {
    let keepsAll = !saving.isNothing && microbatch.segments.count <= 1
    var keptStates: CellExecution.Frames?
    if !saving.isNothing && !keepsAll {
      keptStates = CellExecution.Frames(
        states: execution.cell.states.count, rows: microbatch.segments.count * microbatch.rows.count,
        saved: 0,
        savedRows: 0, width: execution.layout.width)
    }
    self.init(
      execution: execution, program: program, microbatch: microbatch,
      spans: keepsAll ? microbatch.segments : microbatch.chunks, saves: !saving.isNothing,
      keptStates: keptStates,
      zeroStates: Self.zeros(states, of: microbatch.rows), members: members)
  }

  /// Spans of steps; of the first states those of `zeroStates` are 0 in all sequences.
  init(
    execution: CellExecution, program: BoundProgram, microbatch: Microbatch, spans: [Range<Int>],
    saves: Bool, keptStates: CellExecution.Frames? = nil, zeroStates: Set<Int> = [], members: Int
  ) {
    self.execution = execution
    layout = execution.layout
    self.program = program
    self.microbatch = microbatch
    self.spans = spans
    self.keptStates = keptStates
    tables = StepTables(microbatch, layout: layout, spans: spans)
    let width = layout.width
    let plan = execution.cell.plan
    let rows = microbatch.mostRows(of: spans)
    frames = CellExecution.Frames(
      states: execution.cell.states.count, rows: microbatch.rows.count + rows,
      saved: saves ? plan.saved.count : 0, savedRows: rows, width: width)

    let tile = layout.tileRows * layout.tileColumns
    let stepRows = layout.hoistsInput ? microbatch.mostChunkRows : microbatch.rows.count
    func size(_ slot: StepProgram.Slot) -> Int {
      switch slot {
      case .accumulator: stepRows * width
      case .step: microbatch.rows.count * width
      case .tile: tile * members
      default: 0
      }
    }
    let counts = program.slots.map(size)
    let inputCount = microbatch.mostChunkRows * layout.inputWords
    // Factors of this step, and of the one before, which other members of the team may still read.
    let factors = 2 * microbatch.rows.count * layout.factorRows
    let noises = execution.cell.noises.map { _ in microbatch.mostChunkRows * width }
    var arena = Arena(counts + [inputCount] + noises + program.converted.map { _ in factors }, zeros: true)
    let noiseRows = unsafe noises.map { unsafe arena.take($0) }
    unsafe self.noiseRows = noiseRows
    var locations: [SlotLocation] = []
    var input: UnsafeMutablePointer<Float>?
    for (index, slot) in program.slots.enumerated() {
      let shared = unsafe SlotLocation.shared(slot, frames: frames, tables: tables, program: program) {
        unsafe arena.take(counts[index])
      }
      let location: SlotLocation
      if var shared {
        if case .stateBefore(let state) = slot { shared.skipsFirst = zeroStates.contains(state) }
        location = shared
      } else if slot == .input {
        location = unsafe SlotLocation(
          base: arena.take(inputCount), offset: tables.input)
        unsafe input = location.base
      } else if case .noise(let noise) = slot {
        location = unsafe SlotLocation(base: noiseRows[noise], offset: tables.chunk)
      } else if case .accumulator = slot {
        location = unsafe SlotLocation(
          base: arena.take(counts[index]), offset: layout.hoistsInput ? tables.chunk : nil)
      } else {
        fail("ForwardRun: expected a slot of a forward program, found \(slot)")
      }
      locations.append(location)
    }
    unsafe inputRows = input ?? arena.take(inputCount)
    for _ in program.converted {
      locations.append(unsafe SlotLocation(base: arena.take(factors), offset: tables.factors))
    }
    scratch = arena.owner
    unsafe self.locations = (0..<members).map {
      unsafe SlotLocation.kernelLocations(locations, of: program, member: $0, tile: tile)
    }
  }

  /// Which states are 0 in these sequences.
  private static func zeros(_ states: [Tensor], of rows: [Int]) -> Set<Int> {
    Set(
      states.indices.filter { state in
        let (numbers, size) = unsafe (states[state].pointer, states[state].shape[1])
        return rows.allSatisfy { row in
          (0..<size).allSatisfy { unsafe numbers[row * size + $0] == 0 }
        }
      })
  }

  /// What the backward pass needs.
  var kept: CellExecution.Saved.Kept {
    if let keptStates { return .states(keptStates) }
    return .frames(frames)
  }

  /// All chunks, from first states to final ones; `traced` gets each state's values, or is empty.
  func go(
    input: Tensor, states: [Tensor], noise: CellNoise?, output: CellExecution.Columns?,
    traced: [CellExecution.Columns], finalStates: [Tensor], member: TeamMember
  ) {
    let width = layout.width, columns = layout.columns(of: member)
    // Of each state the units that are the member's, and its size.
    let own = execution.cell.stateSizes.map { layout.units($0, of: member) }, sizes = execution.stateSizes
    for (state, tensor) in states.enumerated() {
      let real = own[state], padding = max(real.upperBound, columns.lowerBound)..<columns.upperBound
      for (row, sequence) in microbatch.rows.enumerated() {
        let to = unsafe frames.states[state] + row * width
        unsafe (to + real.lowerBound).update(
          from: tensor.pointer + sequence * sizes[state] + real.lowerBound, count: real.count)
        unsafe (to + padding.lowerBound).update(repeating: 0, count: padding.count)
      }
    }
    var span = 0, segment = 0
    for chunk in microbatch.chunks {
      if let keptStates, segment < microbatch.segments.count,
        microbatch.segments[segment].lowerBound == chunk.lowerBound
      {
        copyFirstStates(to: keptStates, row: segment * microbatch.rows.count, columns: columns)
        segment += 1
      }
      advance(chunk, input: input, noise: noise, member: member)
      if let output { write(chunk, state: 0, to: output, columns: own[0]) }
      for (state, target) in traced.enumerated() {
        write(chunk, state: state, to: target, columns: own[state])
      }
      if spans[span].upperBound == chunk.upperBound {
        if spans.count > 1 {
          // Others may still read the rows before this span's first step.
          member.wait()
          carry(from: spans[span], columns: columns)
        }
        span += 1
      }
    }
    for (state, tensor) in finalStates.enumerated() {
      let real = own[state]
      for (row, sequence) in microbatch.rows.enumerated() {
        let length = microbatch.lengths[row]
        let start = unsafe spans.count == 1 && length > 0 ? tables.after[length - 1] : 0
        unsafe (tensor.pointer + sequence * sizes[state] + real.lowerBound).update(
          from: frames.states[state] + start + row * width + real.lowerBound, count: real.count)
      }
    }
  }

  /// Runs the steps of one chunk.
  func advance(_ chunk: Range<Int>, input: Tensor, noise: CellNoise?, member: TeamMember) {
    unsafe execution.draw(
      noise, microbatch, chunk, tables: tables, to: noiseRows, columns: layout.columns(of: member))
    member.wait()
    let x = unsafe execution.gather(input, microbatch, chunk, into: inputRows, isFactor: true, member: member)
    member.wait()
    unsafe advance(chunk, x: x, member: member)
  }

  /// Runs some steps of one chunk whose inputs, `[rows, I]` in words, are given.
  func advance(_ steps: Range<Int>, x: UnsafePointer<Float>, member: TeamMember) {
    unsafe advance(
      steps, active: microbatch.active, rows: microbatch.rowCount(steps), x: x, member: member)
  }

  /// The same of the first rows alone, `rows` in all steps together, of which `active` has each step's.
  func advance(
    _ steps: Range<Int>, active: [UInt32], rows: Int, x: UnsafePointer<Float>, member: TeamMember
  ) {
    let columns = layout.columns(of: member)
    let locations = unsafe locations[member.index]
    if !program.hoisted.isEmpty {
      unsafe program.hoist(
        rows: rows, x: x, layout: layout, columns: columns, locations: locations,
        step: steps.lowerBound)
    }
    unsafe program.sweep(
      steps, active: active, locations: locations, backward: false, columns: columns,
      member: member)
  }

  private func write(
    _ chunk: Range<Int>, state: Int, to output: CellExecution.Columns, columns: Range<Int>
  ) {
    for step in chunk {
      let from = unsafe frames.states[state] + tables.after[step] + columns.lowerBound
      for row in 0..<Int(microbatch.active[step]) {
        unsafe (output.row(microbatch.time(row: row, step: step), microbatch.rows[row]) + columns.lowerBound)
          .update(
            from: from + row * layout.width, count: columns.count)
      }
    }
  }

  /// Makes the last states of a span the first ones of the next.
  private func carry(from span: Range<Int>, columns: Range<Int>) {
    let width = layout.width
    for row in microbatch.rows.indices where microbatch.lengths[row] > span.lowerBound {
      let last = min(microbatch.lengths[row], span.upperBound) - 1
      for state in execution.cell.states.indices {
        let base = unsafe frames.states[state] + columns.lowerBound
        unsafe (base + row * width).update(
          from: base + tables.after[last] + row * width, count: columns.count)
      }
    }
  }

  /// Writes the states with which a span begins into rows of other frames.
  private func copyFirstStates(to other: CellExecution.Frames, row: Int, columns: Range<Int>) {
    let width = layout.width
    for state in execution.cell.states.indices {
      for index in microbatch.rows.indices {
        unsafe (other.states[state] + (row + index) * width + columns.lowerBound).update(
          from: frames.states[state] + index * width + columns.lowerBound, count: columns.count)
      }
    }
  }

  /// Takes the states with which a span begins from rows of other frames.
  func setFirstStates(from other: CellExecution.Frames, row: Int, columns: Range<Int>) {
    let width = layout.width
    for state in execution.cell.states.indices {
      for index in microbatch.rows.indices {
        unsafe (frames.states[state] + index * width + columns.lowerBound).update(
          from: other.states[state] + (row + index) * width + columns.lowerBound, count: columns.count)
      }
    }
  }
}
