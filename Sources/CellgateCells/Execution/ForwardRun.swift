import CellgateBasics
import CellgateKernels
import CellgateTensor

/// One slice's way through the sequence, which the members of a team go together.
///
/// Frames hold the steps of a *window*: all steps, a segment, or a chunk. The states with which a
/// window begins are its first rows.
@safe final class ForwardRun {
  let execution: CellExecution
  let slice: Slice
  let tables: SliceTables
  let frames: CellExecution.Frames
  private let layout: Layout
  private let program: BoundProgram
  private let windows: [Range<Int>]
  /// With gradient checkpointing, the states with which each segment begins.
  private let keptStates: CellExecution.Frames?
  private let scratch: Storage
  let inputRows: UnsafeMutablePointer<Float>
  /// The slots' places for each member.
  private let places: [[cg_slot]]

  /// Windows of one chunk at a time unless everything is kept.
  convenience init(
    execution: CellExecution, program: BoundProgram, slice: Slice, saving: CellExecution.Saving, members: Int
  ) {
    let keepsAll = !saving.isNothing && slice.segments.count <= 1
    var keptStates: CellExecution.Frames?
    if !saving.isNothing && !keepsAll {
      keptStates = CellExecution.Frames(
        states: execution.cell.states.count, rows: slice.segments.count * slice.rows.count, saved: 0,
        savedRows: 0, width: execution.layout.width)
    }
    self.init(
      execution: execution, program: program, slice: slice,
      windows: keepsAll ? slice.segments : slice.chunks, saves: !saving.isNothing, keptStates: keptStates,
      members: members)
  }

  init(
    execution: CellExecution, program: BoundProgram, slice: Slice, windows: [Range<Int>],
    saves: Bool, keptStates: CellExecution.Frames? = nil, members: Int
  ) {
    self.execution = execution
    layout = execution.layout
    self.program = program
    self.slice = slice
    self.windows = windows
    self.keptStates = keptStates
    tables = SliceTables(slice, layout: layout, windows: windows)
    let width = layout.width
    let plan = execution.cell.plan
    let rows = slice.mostRows(of: windows)
    frames = CellExecution.Frames(
      states: execution.cell.states.count, rows: slice.rows.count + rows,
      saved: saves ? plan.saved.count : 0, savedRows: rows, width: width)

    let tile = layout.tileRows * layout.tileColumns
    let stepRows = layout.hoistsInput ? slice.mostChunkRows : slice.rows.count
    func size(_ slot: StepProgram.Slot) -> Int {
      switch slot {
      case .accumulator: stepRows * width
      case .step: slice.rows.count * width
      case .tile: tile * members
      default: 0
      }
    }
    let counts = program.slots.map(size)
    let inputCount = slice.mostChunkRows * layout.inputUnits
    // Factors of this step, and of the one before, which other members of the team may still read.
    let factors = 2 * slice.rows.count * width
    var arena = Arena(counts + [inputCount] + program.converted.map { _ in factors }, zeros: true)
    var places: [SlotPlace] = []
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
          base: arena.take(inputCount), offset: tables.input)
        unsafe input = place.base
      } else if case .accumulator = slot {
        place = unsafe SlotPlace(
          base: arena.take(counts[index]), offset: layout.hoistsInput ? tables.chunk : nil)
      } else {
        fail("ForwardRun: expected a slot of a forward program, found \(slot)")
      }
      places.append(place)
    }
    unsafe inputRows = input ?? arena.take(inputCount)
    for _ in program.converted {
      places.append(unsafe SlotPlace(base: arena.take(factors), offset: tables.even))
    }
    scratch = arena.owner
    unsafe self.places = (0..<members).map {
      unsafe SlotPlace.slots(places, of: program, member: $0, tile: tile)
    }
  }

  /// What the backward pass needs.
  var kept: CellExecution.Saved.Kept {
    if let keptStates { return .states(keptStates) }
    return .frames(frames)
  }

  /// All chunks, from first states to final ones; `traced` gets each state's values, or is empty.
  func go(
    input: Tensor, states: [Tensor], output: CellExecution.Columns?, traced: [CellExecution.Columns],
    finalStates: [Tensor], member: TeamMember
  ) {
    let width = layout.width, columns = layout.columns(of: member)
    // Of each state the units that are the member's, and its size.
    let own = execution.cell.stateSizes.map { layout.units($0, of: member) }, sizes = execution.stateSizes
    for (state, tensor) in states.enumerated() {
      let real = own[state], padding = max(real.upperBound, columns.lowerBound)..<columns.upperBound
      for (row, sequence) in slice.rows.enumerated() {
        let to = unsafe frames.states[state] + row * width
        unsafe (to + real.lowerBound).update(
          from: tensor.pointer + sequence * sizes[state] + real.lowerBound, count: real.count)
        unsafe (to + padding.lowerBound).update(repeating: 0, count: padding.count)
      }
    }
    var window = 0, segment = 0
    for chunk in slice.chunks {
      if let keptStates, segment < slice.segments.count,
        slice.segments[segment].lowerBound == chunk.lowerBound
      {
        copyFirstStates(to: keptStates, row: segment * slice.rows.count, columns: columns)
        segment += 1
      }
      advance(chunk, input: input, member: member)
      if let output { write(chunk, state: 0, to: output, columns: own[0]) }
      for (state, target) in traced.enumerated() {
        write(chunk, state: state, to: target, columns: own[state])
      }
      if windows[window].upperBound == chunk.upperBound {
        if windows.count > 1 {
          // Others may still read the rows before this window's first step.
          member.wait()
          carry(from: windows[window], columns: columns)
        }
        window += 1
      }
    }
    for (state, tensor) in finalStates.enumerated() {
      let real = own[state]
      for (row, sequence) in slice.rows.enumerated() {
        let length = slice.lengths[row]
        let place = unsafe windows.count == 1 && length > 0 ? tables.after[length - 1] : 0
        unsafe (tensor.pointer + sequence * sizes[state] + real.lowerBound).update(
          from: frames.states[state] + place + row * width + real.lowerBound, count: real.count)
      }
    }
  }

  /// Runs the steps of one chunk.
  func advance(_ chunk: Range<Int>, input: Tensor, member: TeamMember) {
    member.wait()
    let x = unsafe execution.gather(input, slice, chunk, into: inputRows, isFactor: true, member: member)
    member.wait()
    unsafe advance(chunk, x: x, member: member)
  }

  /// Runs some steps of one chunk whose inputs, `[rows, I]` in units, are given.
  func advance(_ steps: Range<Int>, x: UnsafePointer<Float>, member: TeamMember) {
    let columns = layout.columns(of: member)
    let places = unsafe places[member.index]
    if !program.hoisted.isEmpty {
      unsafe program.hoist(
        rows: slice.rowCount(steps), x: x, layout: layout, columns: columns, places: places,
        step: steps.lowerBound)
    }
    unsafe program.sweep(
      steps, active: slice.active, places: places, backward: false, columns: columns, member: member)
  }

  private func write(
    _ chunk: Range<Int>, state: Int, to output: CellExecution.Columns, columns: Range<Int>
  ) {
    for step in chunk {
      let from = unsafe frames.states[state] + tables.after[step] + columns.lowerBound
      for row in 0..<Int(slice.active[step]) {
        unsafe (output.row(slice.time(row: row, step: step), slice.rows[row]) + columns.lowerBound).update(
          from: from + row * layout.width, count: columns.count)
      }
    }
  }

  /// Makes the last states of a window the first ones of the next.
  private func carry(from window: Range<Int>, columns: Range<Int>) {
    let width = layout.width
    for row in slice.rows.indices where slice.lengths[row] > window.lowerBound {
      let last = min(slice.lengths[row], window.upperBound) - 1
      for state in execution.cell.states.indices {
        let base = unsafe frames.states[state] + columns.lowerBound
        unsafe (base + row * width).update(
          from: base + tables.after[last] + row * width, count: columns.count)
      }
    }
  }

  /// Writes the states with which a window begins into rows of other frames.
  private func copyFirstStates(to other: CellExecution.Frames, row: Int, columns: Range<Int>) {
    let width = layout.width
    for state in execution.cell.states.indices {
      for index in slice.rows.indices {
        unsafe (other.states[state] + (row + index) * width + columns.lowerBound).update(
          from: frames.states[state] + index * width + columns.lowerBound, count: columns.count)
      }
    }
  }

  /// Takes the states with which a window begins from rows of other frames.
  func setFirstStates(from other: CellExecution.Frames, row: Int, columns: Range<Int>) {
    let width = layout.width
    for state in execution.cell.states.indices {
      for index in slice.rows.indices {
        unsafe (frames.states[state] + index * width + columns.lowerBound).update(
          from: other.states[state] + (row + index) * width + columns.lowerBound, count: columns.count)
      }
    }
  }
}
