import CellgateBasics
import CellgateTensor

/// The factors of a chunk's weight gradients as words, pairs of rows: what arrived at products, and their operands.
@safe final class PairedRows {
  /// By number of the delta, `[rows / 2, width]`.
  let deltas: [UnsafeMutablePointer<Float>]
  /// The distinct operands, in the order of the plan.
  let operands: [StepProgram.Slot]
  private let operandRows: [StepProgram.Slot: UnsafeMutablePointer<Float>]
  private let owner: Storage

  init(_ execution: CellExecution, rows: Int) {
    let plan = execution.cell.plan, layout = execution.layout
    var operands: [StepProgram.Slot] = []
    for gradient in plan.weightGradients where !operands.contains(gradient.operand) {
      operands.append(gradient.operand)
    }
    self.operands = operands
    let words = execution.precision.words(rows)
    func size(_ slot: StepProgram.Slot) -> Int {
      words * (slot == .input ? layout.inputSize : layout.width)
    }
    var arena = Arena(
      Array(repeating: words * layout.width, count: plan.deltaCount) + operands.map(size), zeros: false)
    unsafe deltas = (0..<plan.deltaCount).map { _ in unsafe arena.take(words * layout.width) }
    var operandRows: [StepProgram.Slot: UnsafeMutablePointer<Float>] = unsafe [:]
    for slot in operands { unsafe operandRows[slot] = arena.take(size(slot)) }
    unsafe self.operandRows = operandRows
    owner = arena.owner
  }

  /// An operand's pairs, `[rows / 2, width]`, or `[rows / 2, I]` of x.
  func operand(_ slot: StepProgram.Slot) -> UnsafeMutablePointer<Float> {
    guard let target = unsafe operandRows[slot] else {
      fail("PairedRows: expected an operand of a product, found \(slot)")
    }
    return unsafe target
  }
}
