import CellgateBasics
import CellgateTensor

extension CellExecution {
  /// A cell's parameters, packed once for any number of passes.
  ///
  /// ```swift
  /// let weights = CellExecution.Weights(execution, parameters: parameters)
  /// let first = execution.forward(input: x, states: states, weights: weights, …)
  /// let next = execution.forward(input: y, states: first.finalStates, weights: weights, …)
  /// ```
  ///
  /// What a pass needs is packed when the first such pass asks for it: a forward pass the matrices, a backward pass
  /// their transposes. The parameters' numbers must stay the same for as long as passes use the weights: after an
  /// update, make new ones. For one thread at a time.
  public final class Weights {
    /// The execution whose passes read the weights.
    public let execution: CellExecution
    let parameters: [Tensor]

    private var backwardWeights: (packed: PackedWeights, program: BoundProgram, readInput: Bool)?
    private var forwardProgram: BoundProgram?
    private var inferenceProgram: BoundProgram?

    /// Weights of the parameters, in the cell's order and shapes. Nothing is packed yet.
    public init(_ execution: CellExecution, parameters: [Tensor]) {
      execution.check(parameters: parameters)
      self.execution = execution
      self.parameters = parameters
    }

    /// The step of a forward pass: one that saves what a backward pass reads, or one that doesn't.
    func forward(saves: Bool) -> BoundProgram {
      if let program = saves ? forwardProgram : inferenceProgram { return program }
      let step = saves ? execution.cell.plan.forward : execution.cell.plan.inference
      let program = BoundProgram(step, layout: execution.layout, weights: pack(step))
      if saves { forwardProgram = program } else { inferenceProgram = program }
      return program
    }

    /// The step of a backward pass and what it reads, with the matrices that give the input's gradient or without.
    func backward(readInput: Bool) -> (packed: PackedWeights, program: BoundProgram) {
      if let backwardWeights, backwardWeights.readInput || !readInput {
        return (backwardWeights.packed, backwardWeights.program)
      }
      let plan = execution.cell.plan
      let isProduct = readInput && execution.inputProducts == nil
      let packed = pack(plan.backward, extra: isProduct ? plan.inputFactors : [])
      let program = BoundProgram(plan.backward, layout: execution.layout, weights: packed)
      backwardWeights = (packed, program, readInput)
      return (packed, program)
    }

    private func pack(_ program: StepProgram, extra: [StepProgram.Factor] = []) -> PackedWeights {
      PackedWeights(
        cell: execution.cell, layout: execution.layout, instructions: execution.products,
        parameters: parameters, programs: [program], extra: extra)
    }
  }

  /// The gradients of a cell's parameters, added up over the backward passes of one update in the order in which they
  /// are made. Many short passes add to the same memory, which is joined once.
  package final class GradientTotal {
    private let execution: CellExecution
    private var sums: [GradientSums] = []

    /// A total of zero.
    package init(_ execution: CellExecution) { self.execution = execution }

    /// Sums of so many groups of microbatches.
    func sums(_ count: Int) -> [GradientSums] {
      while sums.count < count { sums.append(GradientSums(cell: execution.cell, layout: execution.layout)) }
      return Array(sums.prefix(count))
    }

    /// The total of each parameter, in the cell's order; nil of those whose products are given, and of fixed ones.
    package func joined() -> [Tensor?] {
      let layout = execution.layout
      let learned = execution.cell.plan.parametersLearned.subtracting(layout.inputProducts?.parameters ?? [])
      let tensors = execution.cell.parameters.enumerated().map { index, definition in
        learned.contains(index) ? Tensor.uninitialized(definition.shape(execution.sizes)) : nil
      }
      GradientSums.join(sums, cell: execution.cell, layout: layout, into: tensors)
      return tensors
    }
  }
}
