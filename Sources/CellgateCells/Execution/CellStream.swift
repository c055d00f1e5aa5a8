import CellgateTensor

/// A cell with its weights packed once, for inference one step at a time.
///
/// Immutable: any number of ``Session``s, on any threads, share one. A step allocates nothing.
@safe public final class CellStream: @unchecked Sendable {
  /// The cell and its sizes.
  public let execution: CellExecution
  private let layout: Layout
  private let program: BoundProgram

  /// Packs the parameters, in the cell's order and shapes. Later changes of them don't matter.
  public init(_ execution: CellExecution, parameters: [Tensor]) {
    precondition(
      zip(execution.cell.parameters, parameters).allSatisfy {
        $0.shape(inputSize: execution.inputSize, hiddenSize: execution.hiddenSize) == $1.shape
      } && parameters.count == execution.cell.parameters.count,
      "\(execution.cell.name): expected parameters \(execution.cell.parameters.map(\.name)) of their shapes")
    self.execution = execution
    layout = Layout(inputSize: execution.inputSize, hiddenSize: execution.hiddenSize, singleSteps: true)
    let step = execution.cell.plan.inference
    let weights = PackedWeights(
      cell: execution.cell, layout: layout, instructions: execution.instructions, parameters: parameters,
      programs: [step])
    program = BoundProgram(step, layout: layout, weights: weights)
  }

  /// A session of `batch` sequences whose states are zeros.
  public func session(batch: Int = 1) -> Session { Session(self, batch: batch) }

  /// The states of some sequences that go on step by step. For one thread at a time.
  @safe public final class Session {
    /// B.
    public let batch: Int
    private let stream: CellStream
    private let run: ForwardRun

    fileprivate init(_ stream: CellStream, batch: Int) {
      precondition(batch > 0, "a session needs at least one sequence, found \(batch)")
      self.stream = stream
      self.batch = batch
      let slice = Slice(
        rows: Array(0..<batch), lengths: Array(repeating: 1, count: batch), reversed: false, chunkRows: batch)
      run = ForwardRun(
        execution: stream.execution, layout: stream.layout, program: stream.program, slice: slice,
        tables: SliceTables(slice, layout: stream.layout, keepsFrames: false), saving: false)
      reset()
    }

    private var width: Int { stream.layout.width }

    /// Sets all states to zeros.
    public func reset() {
      for state in stream.execution.cell.states.indices {
        unsafe run.frames.states[state].update(repeating: 0, count: 2 * batch * width)
      }
    }

    /// Takes one step: `input` holds `[B, I]`, and `[B, H]` is written to `output`.
    public func step(_ input: UnsafePointer<Float>, output: UnsafeMutablePointer<Float>) {
      let hidden = stream.execution.hiddenSize
      unsafe run.inputRows.update(from: input, count: batch * stream.execution.inputSize)
      unsafe stream.program.sweep(0..<1, active: run.slice.active, places: run.places, backward: false)
      for state in stream.execution.cell.states.indices {
        let frames = unsafe run.frames.states[state]
        unsafe frames.update(from: frames + batch * width, count: batch * width)
      }
      for row in 0..<batch {
        unsafe (output + row * hidden).update(from: run.frames.states[0] + row * width, count: hidden)
      }
    }

    /// Takes one step: `[B, I]` gives `[B, H]`.
    public func step(_ input: [Float]) -> [Float] {
      precondition(
        input.count == batch * stream.execution.inputSize,
        "step: expected [\(batch), \(stream.execution.inputSize)], found \(input.count) numbers")
      return unsafe Array(unsafeUninitializedCapacity: batch * stream.execution.hiddenSize) { buffer, count in
        unsafe input.withUnsafeBufferPointer { input in
          guard let input = input.baseAddress, let output = buffer.baseAddress else { return }
          unsafe step(input, output: output)
        }
        count = batch * stream.execution.hiddenSize
      }
    }

    /// The states, each `[B, H]`, in the cell's order.
    public var states: [Tensor] {
      get {
        stream.execution.cell.states.indices.map { state in
          let hidden = stream.execution.hiddenSize
          let tensor = Tensor.uninitialized([batch, hidden])
          for row in 0..<batch {
            unsafe (tensor.pointer + row * hidden).update(
              from: run.frames.states[state] + row * width, count: hidden)
          }
          return tensor
        }
      }
      set {
        let hidden = stream.execution.hiddenSize
        precondition(
          newValue.count == stream.execution.cell.states.count
            && newValue.allSatisfy { $0.shape == [batch, hidden] },
          "states: expected \(stream.execution.cell.states), each [\(batch), \(hidden)]")
        for (state, tensor) in newValue.enumerated() {
          for row in 0..<batch {
            unsafe (run.frames.states[state] + row * width).update(
              from: tensor.pointer + row * hidden, count: hidden)
          }
        }
      }
    }
  }
}
