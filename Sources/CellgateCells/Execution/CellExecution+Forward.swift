import CellgateBasics
import CellgateKernels
import CellgateTensor

extension CellExecution {
  /// What a forward pass computes.
  public struct Forward {
    /// Each state's last value, `[B, H]`.
    public var finalStates: [Tensor]
    /// For the backward pass, if it was asked for.
    public var saved: Saved?

    /// What a pass gives that ends where it begins, or another one.
    public init(finalStates: [Tensor], saved: Saved? = nil) {
      self.finalStates = finalStates
      self.saved = saved
    }
  }

  /// What a forward pass keeps for the backward pass.
  public enum Saving: Sendable {
    case nothing
    /// All that the backward pass reads.
    case everything
    /// The states after about every so many steps; the backward pass computes the rest again (gradient checkpointing).
    case states(every: Int)

    var recomputeEvery: Int? {
      guard case .states(let steps) = self else { return nil }
      return steps
    }
    var isNothing: Bool {
      guard case .nothing = self else { return false }
      return true
    }
  }

  /// Runs sequences from first states, writing the outputs into `output` unless that is nil. A derived cell that reads
  /// random numbers needs `noise`. If it is `observed`, what it saves holds the states of all steps too, and the backward
  /// pass gives an observation; no result changes.
  public func forward(
    input: Tensor, states: [Tensor], noise: CellNoise? = nil, parameters: [Tensor], sequences: Sequences,
    output: Columns?, saving: Saving, observed: Bool = false
  ) -> Forward {
    check(input: input, states: states, noise: noise, sequences)
    require(!observed || grid == nil, "\(cell.name): expected a pass that is not observed on a grid")
    let weights = Weights(self, parameters: parameters)
    // Until the backward pass, which reads other packed matrices, the parameters alone are kept.
    return forward(
      input: input, states: states, noise: noise, weights: weights,
      keeping: Weights(self, parameters: parameters), sequences: sequences, output: output, saving: saving,
      observed: observed)
  }

  /// As ``forward(input:states:noise:parameters:sequences:output:saving:observed:)``, with `weights` of this execution that
  /// are packed once for several passes, and for the backward passes of what these save.
  public func forward(
    input: Tensor, states: [Tensor], noise: CellNoise? = nil, weights: Weights, sequences: Sequences,
    output: Columns?, saving: Saving, observed: Bool = false
  ) -> Forward {
    check(input: input, states: states, noise: noise, sequences)
    let other = weights.execution
    require(
      other.cell.name == cell.name && other.sizes == sizes && other.precision == precision
        && other.instructions == instructions && other.inputProducts == inputProducts,
      "\(cell.name): expected weights of this execution, I=\(inputSize), H=\(hiddenSize), \(precision), found those of \(other.cell.name), I=\(other.inputSize), H=\(other.hiddenSize), \(other.precision)"
    )
    return forward(
      input: input, states: states, noise: noise, weights: weights, keeping: weights, sequences: sequences,
      output: output, saving: saving, observed: observed)
  }

  /// Runs sequences; `weightsKept` are those that the backward pass gets.
  private func forward(
    input: Tensor, states: [Tensor], noise: CellNoise?, weights: Weights, keeping weightsKept: Weights,
    sequences: Sequences, output: Columns?, saving: Saving, observed: Bool
  ) -> Forward {
    require(
      saving.recomputeEvery ?? 1 > 0,
      "\(cell.name): expected states kept every 1 or more steps, found \(saving.recomputeEvery ?? 0)"
    )
    require(
      saving.isNothing || precision.trains,
      "\(cell.name): expected a pass without gradients, as \(precision) is for trained models alone, found one with them"
    )
    let layout = layout
    let program = weights.forward(saves: !saving.isNothing)
    let microbatches = Microbatch.cut(sequences, layout: layout, recomputeEvery: saving.recomputeEvery)
    let finalStates = states.map { Tensor.uninitialized($0.shape) }
    let trace =
      observed && !saving.isNothing
      ? Saved.Trace(
        first: states,
        after: stateSizes.map { .uninitialized([sequences.steps, sequences.batch, $0]) }) : nil
    let traced = trace?.after.map { Columns($0) } ?? []

    nonisolated(unsafe) var runs = [ForwardRun?](repeating: nil, count: microbatches.count)
    nonisolated(unsafe) var kept = [Saved.Kept?](repeating: nil, count: microbatches.count)
    nonisolated(unsafe) let tensors = (input, states, output, traced, finalStates)
    let mostMembers = layout.mostMembers(rows: microbatches[0].rows.count)
    unsafe runs.withUnsafeMutableBufferPointer { runs in
      unsafe kept.withUnsafeMutableBufferPointer { kept in
        nonisolated(unsafe) let (runs, kept) = unsafe (runs, kept)
        ThreadPool.current.run(microbatches.count, mostMembers: mostMembers) { index, member in
          let (input, states, output, traced, finalStates) = unsafe tensors
          if member.index == 0 {
            unsafe runs[index] = ForwardRun(
              execution: self, program: program, microbatch: microbatches[index], states: states,
              saving: saving, members: member.count)
          }
          member.wait()
          guard let run = unsafe runs[index] else { return }
          run.go(
            input: input, states: states, noise: noise, output: output, traced: traced,
            finalStates: finalStates, member: member)
          member.wait()
          if member.index == 0 {
            unsafe kept[index] = run.kept
            unsafe runs[index] = nil
          }
        }
      }
    }
    if let output, let lengths = sequences.lengths {
      for (sequence, length) in lengths.enumerated() {
        for time in length..<sequences.steps {
          unsafe output.row(time, sequence).update(repeating: 0, count: outputSize)
        }
      }
    }
    var saved: Saved?
    if !saving.isNothing {
      saved = Saved(
        sequences: sequences, input: input, noise: noise, weights: weightsKept, microbatches: microbatches,
        kept: unsafe kept, trace: trace)
    }
    return Forward(finalStates: finalStates, saved: saved)
  }
}
