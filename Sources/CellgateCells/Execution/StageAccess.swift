/// What a stage of a step reads of all columns and what it writes of a member's own: what a team's members must wait for
/// follows from it.
struct StageAccess {
  /// What a stage reads or writes.
  enum Content: Hashable {
    case slot(StepProgram.Slot)
    /// A slot's rows as factors of products.
    case converted(StepProgram.Slot)
  }

  /// Read by products and reductions: columns that any member has written.
  var reads: [Content] = []
  var writes: [Content] = []

  /// Memory at a step: that of two steps may be the same.
  private struct Memory: Hashable {
    var content: Content
    var step: Int

    init(_ content: Content, at step: Int) {
      (self.content, self.step) = (content, step)
      switch content {
      case .converted: self.step = step % 2  // this step's, and those of the one before
      case .slot(.stateBefore(let state)): (self.content, self.step) = (.slot(.stateAfter(state)), step - 1)
      case .slot(.stateAfter), .slot(.saved), .slot(.delta): break
      case .slot(.arriving(let state)): (self.content, self.step) = (.slot(.arriving(state)), step % 2)
      case .slot(.departing(let state)): (self.content, self.step) = (.slot(.arriving(state)), (step + 1) % 2)
      default: self.step = 0
      }
    }
  }

  /// Which stages must wait for the other members: those that read what others may still be writing, or write what
  /// others may still be reading. A wait is needed where none lies between the two, in the same step or from one
  /// step to the next; the steps are gone through until nothing new is found.
  static func waits(_ stages: [StageAccess]) -> [Bool] {
    var waits = stages.map { _ in false }
    var isComplete = false
    while !isComplete {
      isComplete = true
      var read: Set<Memory> = []
      var written: Set<Memory> = []
      for step in 0..<4 {
        for (index, stage) in stages.enumerated() {
          let reads = stage.reads.map { Memory($0, at: step) },
            writes = stage.writes.map { Memory($0, at: step) }
          if !waits[index]
            && (reads.contains(where: written.contains) || writes.contains(where: read.contains))
          {
            waits[index] = true
            isComplete = false
          }
          if waits[index] {
            read = []
            written = []
          }
          read.formUnion(reads)
          written.formUnion(writes)
        }
      }
    }
    return waits
  }
}
