import CellgateKernels
import CellgateTensor

/// Where the values of a slot lie for one microbatch: the same in the forward and the backward pass for what both read.
@safe struct SlotLocation {
  var base: UnsafeMutablePointer<Float>
  /// From the base to each step; nil when it is the same at every step.
  var offset: UnsafeMutablePointer<Int>?
  var layout = CG_ROWS
  /// Whether products leave it out at the first step.
  var skipsFirst = false

  /// As the kernels read it.
  var kernelLocation: cg_location {
    let offset = unsafe offset.map { unsafe UnsafeRawPointer($0).assumingMemoryBound(to: Int.self) }
    return unsafe cg_location(
      base: base, offset: offset, layout: layout.rawValue, skipped: skipsFirst ? 1 : 0)
  }

  /// The locations as a team's member has them: its scratch tiles, of `tile` floats, are its own. After the program's
  /// slots stand those of its conversions.
  static func kernelLocations(_ locations: [SlotLocation], of program: BoundProgram, member: Int, tile: Int)
    -> [cg_location]
  {
    unsafe locations.enumerated().map { index, location in
      var own = location
      if index < program.slots.count, case .tile = program.slots[index] { unsafe own.base += member * tile }
      return unsafe own.kernelLocation
    }
  }

  /// The location of a state, a kept value, a vector parameter, or scratch that `take` hands out; nil for slots that one
  /// of the passes has for itself.
  static func shared(
    _ slot: StepProgram.Slot, frames: CellExecution.Frames, tables: StepTables, program: BoundProgram,
    take: () -> UnsafeMutablePointer<Float>
  ) -> SlotLocation? {
    switch slot {
    case .stateBefore(let state): unsafe SlotLocation(base: frames.states[state], offset: tables.before)
    case .stateAfter(let state): unsafe SlotLocation(base: frames.states[state], offset: tables.after)
    case .saved(let index): unsafe SlotLocation(base: frames.saved[index], offset: tables.frames)
    case .vector(let block): unsafe SlotLocation(base: program.vector(block), layout: CG_COLUMNS)
    case .step: unsafe SlotLocation(base: take())
    case .tile: unsafe SlotLocation(base: take(), layout: CG_TILE)
    case .input, .noise, .accumulator, .delta, .arriving, .departing, .outputGradient, .vectorGradient: nil
    }
  }
}
