import CellgateBasics
import CellgateKernels
import CellgateTensor

extension CellExecution {
  /// The gradients of a loss.
  public struct Gradients {
    /// `[T, B, I]`; nil unless it was asked for.
    public var input: Tensor?
    /// Of each first state, `[B, H]`; empty if they are not needed.
    public var states: [Tensor]
    /// Of each parameter, in the cell's order.
    public var parameters: [Tensor]
    /// What was seen on the way, if the forward pass was observed.
    public var observation: CellObservation?
  }

  /// The gradients of a loss whose derivatives with respect to the outputs and the last states are given;
  /// nil stands for zeros.
  public func backward(
    _ saved: Saved, outputGradient: Columns?, finalStateGradients: [Tensor?], needsInputGradient: Bool
  ) -> Gradients {
    backward(
      saved, outputGradient: outputGradient, finalStateGradients: finalStateGradients,
      needsInputGradient: needsInputGradient, addingTo: nil)
  }

  /// As ``backward(_:outputGradient:finalStateGradients:needsInputGradient:)``; with a `total`, the parameters'
  /// gradients are added to it and `Gradients.parameters` is empty. A pass with a total is not observed. Without
  /// `needsStateGradients` those of the first states are not computed.
  package func backward(
    _ saved: Saved, outputGradient: Columns?, finalStateGradients: [Tensor?], needsInputGradient: Bool,
    needsStateGradients: Bool = true, addingTo total: GradientTotal?
  ) -> Gradients {
    let layout = layout, sequences = saved.sequences
    for (size, gradient) in zip(stateSizes, finalStateGradients) {
      guard let gradient else { continue }
      require(
        gradient.shape == [sequences.batch, size],
        "\(cell.name): expected gradients of the last states [\(sequences.batch), \(size)], found \(gradient.shape)"
      )
    }
    let recomputes = saved.kept.contains {
      if case .states = $0 { return true }
      return false
    }
    let (weights, program) = saved.weights.backward(readInput: needsInputGradient)
    let forward = recomputes ? saved.weights.forward(saves: true) : nil
    let inputGradient =
      needsInputGradient
      ? (sequences.lengths == nil ? Tensor.uninitialized(saved.input.shape) : Tensor.zeros(saved.input.shape))
      : nil
    let states = needsStateGradients ? stateSizes.map { Tensor.uninitialized([sequences.batch, $0]) } : []
    let arriving = saved.trace?.after.map { Tensor.uninitialized($0.shape) } ?? []

    // Microbatches that share sums are run one after the other, always in the same order.
    let count = saved.microbatches.count
    let groups = min(count, layout.mostGradientSums(parameters: saved.parameters.reduce(0) { $0 + $1.count }))
    let sums =
      total?.sums(groups) ?? (0..<groups).map { _ in GradientSums(cell: cell, layout: layout) }
    nonisolated(unsafe) let tensors = (
      saved, outputGradient, finalStateGradients, inputGradient, arriving, states
    )
    nonisolated(unsafe) let shared = (weights, program, forward, sums)
    nonisolated(unsafe) var runs = [BackwardRun?](repeating: nil, count: groups)
    unsafe runs.withUnsafeMutableBufferPointer { runs in
      nonisolated(unsafe) let runs = unsafe runs
      let mostMembers = layout.mostMembers(rows: saved.microbatches[0].rows.count)
      ThreadPool.current.run(groups, mostMembers: mostMembers) { group, member in
        let (saved, outputGradient, finalStateGradients, inputGradient, arriving, states) = unsafe tensors
        let (weights, program, forward, sums) = unsafe shared
        for index in stride(from: group, to: count, by: groups) {
          if member.index == 0 {
            unsafe runs[group] = BackwardRun(
              execution: self, program: program, forward: forward, weights: weights, saved: saved,
              index: index,
              sums: sums[group], outputGradient: outputGradient, inputGradient: inputGradient,
              needsStateGradients: needsStateGradients, traced: arriving.map { Columns($0) },
              members: member.count)
          }
          member.wait()
          guard let run = unsafe runs[group] else { return }
          run.go(finalStateGradients: finalStateGradients, stateGradients: states, member: member)
          member.wait()
        }
        if member.index == 0 { unsafe runs[group] = nil }
      }
    }
    var gradients = Gradients(input: inputGradient, states: states, parameters: [])
    if total != nil { return gradients }
    let parameters = saved.parameters.map { Tensor.uninitialized($0.shape) }
    GradientSums.join(sums, cell: cell, layout: layout, into: parameters)
    gradients.parameters = parameters
    if let trace = saved.trace {
      gradients.observation = observation(
        of: saved, trace, arriving: arriving, outputGradient: outputGradient, gradients: parameters)
    }
    return gradients
  }
}
