/// What one step does, free of sizes: stages of matrix products, of reductions over units and of elementwise operations
/// over slots.
struct StepProgram: Sendable {
  /// A place for a value. `[n, H]` is a row per active sequence.
  enum Slot: Hashable, Sendable {
    /// x_t, `[n, I]`.
    case input
    case stateBefore(Int), stateAfter(Int)
    /// A noise of the cell, `[n, H]` at every step of a chunk.
    case noise(Int)
    /// A value kept for the backward pass, `[n, H]` at every step.
    case saved(Int)
    /// A sum of products, `[n, H]`.
    case accumulator(Int)
    /// A value that one stage leaves to another, `[n, H]`.
    case step(Int)
    /// A value inside one elementwise stage: a tile.
    case tile(Int)
    /// A vector parameter, `[H]`.
    case vector(Block)

    /// What arrives at an accumulator, `[n, H]` at every step of a chunk.
    case delta(Int)
    /// The gradient of a state's new value that comes from the next step, and the one that goes on to the
    /// step before.
    case arriving(Int), departing(Int)
    case outputGradient
    /// The sum over steps and sequences of a vector parameter's gradient.
    case vectorGradient(Block)
  }

  struct Factor: Sendable {
    var operand: Slot
    var block: Block
    /// δ Wᵀ… times the matrix itself instead of its transpose.
    var isTransposed: Bool
  }

  struct Product: Sendable {
    var result: Slot
    var factors: [Factor]
    var biases: [Block]
    /// Adds to what the result holds.
    var continues: Bool
  }

  struct Element: Sendable {
    var opcode: Opcode
    var result: Slot
    var operands: [Slot]
    var constant: Float
  }

  /// A number of each row of the operand, in every column of the result.
  struct RowReduction: Sendable {
    var kind: Reduction
    var size: CellDimension
    var result: Slot
    var operand: Slot
  }

  enum Stage: Sendable {
    case products([Product])
    case reductions([RowReduction])
    case elementwise([Element])
  }

  var stages: [Stage] = []

  /// All slots, in order of first appearance.
  var slots: [Slot] {
    var seen: Set<Slot> = []
    var result: [Slot] = []
    func note(_ slot: Slot) { if seen.insert(slot).inserted { result.append(slot) } }
    for stage in stages {
      switch stage {
      case .products(let products):
        for product in products {
          product.factors.forEach { note($0.operand) }
          note(product.result)
        }
      case .reductions(let reductions):
        for reduction in reductions {
          note(reduction.operand)
          note(reduction.result)
        }
      case .elementwise(let elements):
        for element in elements {
          element.operands.forEach(note)
          note(element.result)
        }
      }
    }
    return result
  }
}
