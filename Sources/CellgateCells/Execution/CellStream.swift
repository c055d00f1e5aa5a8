import CellgateBasics
import CellgateKernels
import CellgateTensor

/// A cell with its weights packed once, for inference as the steps come.
///
/// Immutable: any number of ``Session``s, on any threads, share one. A step allocates nothing.
@safe public final class CellStream: @unchecked Sendable {
  /// The cell and its sizes.
  public let execution: CellExecution
  private let layout: Layout
  private let program: BoundProgram
  private let outputSize: Int
  private let stateSizes: [Int]

  /// Packs the parameters, in the cell's order and shapes. Later changes of them don't matter.
  public init(_ execution: CellExecution, parameters: [Tensor]) {
    require(
      zip(execution.cell.parameters, parameters).allSatisfy {
        $0.shape(execution.sizes) == $1.shape
      } && parameters.count == execution.cell.parameters.count,
      "\(execution.cell.name): expected parameters \(execution.cell.parameters.map { ($0.name, $0.shape(execution.sizes)) }), found \(parameters.map(\.shape))"
    )
    require(
      execution.cell.noises.isEmpty,
      "\(execution.cell.name): expected a cell without noise to stream, found \(execution.cell.noises.map(\.name))"
    )
    self.execution = execution
    layout = execution.layout
    (outputSize, stateSizes) = (execution.outputSize, execution.stateSizes)
    let step = execution.cell.plan.inference
    let weights = PackedWeights(
      cell: execution.cell, layout: layout, instructions: execution.products, parameters: parameters,
      programs: [step])
    program = BoundProgram(step, layout: layout, weights: weights)
  }

  /// Numbers of a sequence's states together.
  package var stateCount: Int { stateSizes.reduce(0, +) }

  /// A session of `batch` sequences whose states are zeros; on a grid `batch` counts the places of all sequences.
  public func session(batch: Int = 1) -> Session { Session(self, batch: batch) }

  /// Rows that one go through the weights of x serves, when there are many steps at once.
  private static let rowsAtOnce = 48

  /// The states of some sequences that go on step by step. For one thread at a time.
  @safe public final class Session {
    /// B.
    public let batch: Int
    private let stream: CellStream
    /// Of one step, until many are taken at once.
    private var run: ForwardRun
    /// How many sequences take a step that not all take.
    private var active: [UInt32] = [0]

    fileprivate init(_ stream: CellStream, batch: Int) {
      require(batch >= 0, "session: expected a batch of 0 or more sequences, found \(batch)")
      require(
        batch % stream.layout.sizes.places == 0,
        "session: expected all \(stream.layout.sizes.places) places of each sequence, found \(batch) rows")
      self.stream = stream
      self.batch = batch
      run = Self.run(stream, batch: batch, steps: 1)
      reset()
    }

    private static func run(_ stream: CellStream, batch: Int, steps: Int) -> ForwardRun {
      let microbatch = Microbatch(
        rows: Array(0..<batch), lengths: Array(repeating: steps, count: batch), reversed: false,
        chunkRows: batch * steps)
      return ForwardRun(
        execution: stream.execution, program: stream.program, microbatch: microbatch,
        spans: microbatch.chunks, saves: false, members: 1)
    }

    private var width: Int { stream.layout.width }

    /// Sets all states to zeros.
    public func reset() {
      for state in stream.stateSizes.indices {
        unsafe run.frames.states[state].update(repeating: 0, count: batch * width)
      }
    }

    /// Takes one step: `input` holds `[B, I]`, and the output, `[B, H]` or `[B, P]`, is written to `output`.
    public func step(_ input: UnsafePointer<Float>, output: UnsafeMutablePointer<Float>) {
      unsafe run(input, steps: 1, output: output)
    }

    /// Takes one step of the first `rows` sequences alone: `input` holds `[rows, I]`, and `[rows, H]` or `[rows, P]` is
    /// written to `output`. The states of the others stay.
    package func step(_ input: UnsafePointer<Float>, rows: Int, output: UnsafeMutablePointer<Float>) {
      require(
        rows >= 0 && rows <= batch && rows % stream.layout.sizes.places == 0,
        "session: expected 0 to \(batch) sequences, found \(rows)")
      if rows == 0 { return }
      unsafe take(1, of: rows, input, output: output)
    }

    /// Takes many steps: `input` holds `[T, B, I]`, and the outputs of all steps are written to `output`. The same bits as step by
    /// step, in less time: the products on x are computed for many steps at once. The first call with so many
    /// steps allocates memory, later ones don't.
    public func run(_ input: UnsafePointer<Float>, steps: Int, output: UnsafeMutablePointer<Float>) {
      require(steps >= 0, "session: expected 0 or more steps, found \(steps)")
      if batch == 0 { return }
      let most = max(1, CellStream.rowsAtOnce / batch)
      if steps > run.microbatch.steps && run.microbatch.steps < most {
        let longer = Self.run(stream, batch: batch, steps: most)
        longer.setFirstStates(from: run.frames, row: 0, columns: 0..<width)
        run = longer
      }
      let inputSize = stream.execution.inputSize, outputSize = stream.outputSize
      for done in stride(from: 0, to: steps, by: run.microbatch.steps) {
        unsafe take(
          min(run.microbatch.steps, steps - done), of: batch, input + done * batch * inputSize,
          output: output + done * batch * outputSize)
      }
    }

    /// Takes steps of the first `count` sequences, several steps of all of them only.
    private func take(
      _ steps: Int, of count: Int, _ input: UnsafePointer<Float>, output: UnsafeMutablePointer<Float>
    ) {
      let outputSize = stream.outputSize, rows = steps * count
      var x = unsafe input
      if let grid = stream.execution.grid {
        let size = stream.execution.inputSize
        unsafe cg_gather_neighbours(
          grid.kernelGrid, 0, rows, size, input, size, run.inputRows, stream.layout.inputWords, size)
        unsafe x = UnsafePointer(run.inputRows)
      } else if !stream.layout.hoistsInput || stream.execution.precision != .float32 {
        let size = stream.execution.inputSize
        unsafe cg_convert_with(
          stream.execution.products.handle, rows, size, input, size, run.inputRows, stream.layout.inputWords)
        unsafe x = UnsafePointer(run.inputRows)
      }
      if count == batch {
        unsafe run.advance(0..<steps, x: x, member: .alone)
      } else {
        active[0] = UInt32(count)
        unsafe run.advance(0..<steps, active: active, rows: rows, x: x, member: .alone)
      }
      let outputs = unsafe run.frames.states[0] + batch * width
      for row in 0..<rows {
        unsafe (output + row * outputSize).update(from: outputs + row * width, count: outputSize)
      }
      for state in stream.stateSizes.indices {
        let frames = unsafe run.frames.states[state]
        unsafe frames.update(from: frames + steps * batch * width, count: count * width)
      }
    }

    /// Takes one step: `[B, I]` gives the output, `[B, H]` or `[B, P]`.
    public func step(_ input: [Float]) -> [Float] {
      require(
        input.count == batch * stream.execution.inputSize,
        "step: expected [\(batch), \(stream.execution.inputSize)], found \(input.count) numbers")
      return run(input)
    }

    /// Takes as many steps as the input has: `[T, B, I]` gives the outputs of all steps.
    public func run(_ input: [Float]) -> [Float] {
      // Without sequences there is nothing to count steps by.
      let (steps, rest) = input.count.quotientAndRemainder(
        dividingBy: max(1, batch * stream.execution.inputSize))
      require(
        rest == 0 && (batch > 0 || steps == 0),
        "run: expected [T, \(batch), \(stream.execution.inputSize)], found \(input.count) numbers")
      let size = steps * batch * stream.outputSize
      return unsafe Array(unsafeUninitializedCapacity: size) { buffer, count in
        unsafe input.withUnsafeBufferPointer { input in
          guard let input = input.baseAddress, let output = buffer.baseAddress else { return }
          unsafe run(input, steps: steps, output: output)
        }
        count = size
      }
    }

    /// Copies the states of one sequence, each `[H]` or `[P]`, one after another in the cell's order.
    package func copyStates(of row: Int, to numbers: UnsafeMutablePointer<Float>) {
      var to = unsafe numbers
      for state in stream.stateSizes.indices {
        let size = stream.stateSizes[state]
        unsafe to.update(from: run.frames.states[state] + row * width, count: size)
        unsafe to += size
      }
    }

    /// Sets the states of one sequence to numbers that were copied so.
    package func setStates(of row: Int, to numbers: UnsafePointer<Float>) {
      var from = unsafe numbers
      for state in stream.stateSizes.indices {
        let size = stream.stateSizes[state]
        unsafe (run.frames.states[state] + row * width).update(from: from, count: size)
        unsafe from += size
      }
    }

    /// The states, each `[B, H]` or `[B, P]`, in the cell's order.
    public var states: [Tensor] {
      get {
        stream.stateSizes.enumerated().map { state, size in
          let tensor = Tensor.uninitialized([batch, size])
          for row in 0..<batch {
            unsafe (tensor.pointer + row * size).update(
              from: run.frames.states[state] + row * width, count: size)
          }
          return tensor
        }
      }
      set {
        let sizes = stream.stateSizes
        require(
          newValue.map(\.shape) == sizes.map { [batch, $0] },
          "session: expected states \(stream.execution.cell.states) of \(sizes.map { [batch, $0] }), found \(newValue.map(\.shape))"
        )
        for (state, tensor) in newValue.enumerated() {
          let size = sizes[state]
          for row in 0..<batch {
            unsafe (run.frames.states[state] + row * width).update(
              from: tensor.pointer + row * size, count: size)
          }
        }
      }
    }
  }
}
