import CellgateKernels
import CellgateTensor

/// Where a slot of a program lies for one slice: the same in the forward and the backward pass for what both read.
@safe struct SlotPlace {
  var base: UnsafeMutablePointer<Float>
  /// From the base to each step; nil when it is the same place at every step.
  var offset: UnsafeMutablePointer<Int>?
  var layout = CG_ROWS

  /// As the kernels read it.
  var slot: cg_slot {
    let offset = unsafe offset.map { unsafe UnsafeRawPointer($0).assumingMemoryBound(to: Int.self) }
    return unsafe cg_slot(base: base, offset: offset, layout: layout.rawValue)
  }

  /// The places as a team's member has them: its scratch tiles, of `tile` floats, are its own. After the program's
  /// slots stand those of its conversions.
  static func slots(_ places: [SlotPlace], of program: BoundProgram, member: Int, tile: Int) -> [cg_slot] {
    unsafe places.enumerated().map { index, place in
      var own = place
      if index < program.slots.count, case .tile = program.slots[index] { unsafe own.base += member * tile }
      return unsafe own.slot
    }
  }

  /// The place of a state, a kept value, a vector parameter, or scratch that `take` hands out; nil for slots that one
  /// of the passes has for itself.
  static func shared(
    _ slot: StepProgram.Slot, frames: CellExecution.Frames, tables: SliceTables, program: BoundProgram,
    take: () -> UnsafeMutablePointer<Float>
  ) -> SlotPlace? {
    switch slot {
    case .stateBefore(let state): unsafe SlotPlace(base: frames.states[state], offset: tables.before)
    case .stateAfter(let state): unsafe SlotPlace(base: frames.states[state], offset: tables.after)
    case .saved(let index): unsafe SlotPlace(base: frames.saved[index], offset: tables.frames)
    case .vector(let block): unsafe SlotPlace(base: program.vector(block), layout: CG_COLUMNS)
    case .step: unsafe SlotPlace(base: take())
    case .tile: unsafe SlotPlace(base: take(), layout: CG_TILE)
    case .input, .accumulator, .delta, .arriving, .departing, .outputGradient, .vectorGradient: nil
    }
  }
}
