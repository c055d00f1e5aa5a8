import CellgateBasics
import CellgateKernels
import CellgateTensor

/// The fast execution of a cell: one layer, one direction, whole sequences.
///
/// The batch is cut into microbatches; a thread, or a team of them, takes the rows of a microbatch through the whole sequence. Shapes:
/// input `[T, B, I]`, states `[B, H]`, output `[T, B, D·H]` of which this direction fills H columns. States of the
/// projection size have P columns instead, and so has the output where the first state has that size.
/// Past a sequence's length the output is 0 and the states stay; such steps are never computed.
public struct CellExecution: Sendable {
  /// The cell.
  public let cell: Cell
  let sizes: CellSizes
  /// The instructions that it uses.
  public let instructions: InstructionSet
  /// What the factors of its products are rounded to.
  public let precision: Precision
  /// The products on x, where they are the input.
  var inputProducts: InputProducts?

  /// Numbers of the input, I.
  public var inputSize: Int { sizes.input }
  /// Units of the layer, H.
  public var hiddenSize: Int { sizes.hidden }
  /// Numbers of a projected output, P; H of a cell without a projection size.
  public var projectionSize: Int { sizes.projection }
  /// The size of the output, the first state.
  public var outputSize: Int { sizes[cell.stateSizes[0]] }
  /// The grid on which the cell's matrices are convolutions; nil for none.
  public var grid: CellGrid? { sizes.grid }
  /// Each state's size.
  public var stateSizes: [Int] { cell.stateSizes.map { sizes[$0] } }

  var layout: Layout { Layout(sizes: sizes, precision: precision, inputProducts: inputProducts) }
  /// What computes the products.
  var products: InstructionSet { instructions.products(precision) }

  /// An execution for given sizes, all positive, in a precision that the instructions support. A projection size is
  /// for cells with a projection only, and H where it is nil. On a `grid` B counts the places of all sequences, and the
  /// precision is float32.
  public init(
    cell: Cell, inputSize: Int, hiddenSize: Int, projectionSize: Int? = nil, grid: CellGrid? = nil,
    instructions: InstructionSet = .active, precision: Precision = .float32
  ) {
    require(
      max(inputSize, hiddenSize, projectionSize ?? 0) <= precision.mostFactors,
      "\(cell.name): expected sizes up to \(precision.mostFactors) in \(precision), found I=\(inputSize), H=\(hiddenSize)"
    )
    sizes = cell.layerSizes(input: inputSize, hidden: hiddenSize, projection: projectionSize, grid: grid)
    require(
      grid == nil || precision == .float32,
      "\(cell.name): expected products in float32 on a grid, found \(precision)")
    require(
      instructions.supports(precision),
      "\(cell.name): expected a precision of \(instructions), found \(precision.problem(on: instructions) ?? "")"
    )
    self.cell = cell
    self.instructions = instructions
    self.precision = precision
  }

  /// Which sequences are run, and in which direction.
  public struct Sequences: Sendable {
    /// T and B.
    public var steps: Int, batch: Int
    /// Valid steps of each sequence, at most T; nil when all are T long.
    public var lengths: [Int]?
    /// Whether each sequence's valid steps are taken from the last to the first.
    public var reversed: Bool

    /// Sequences of T steps in a batch of B; without steps, or without sequences, there is nothing to compute.
    public init(steps: Int, batch: Int, lengths: [Int]? = nil, reversed: Bool = false) {
      require(
        steps >= 0 && batch >= 0, "sequences: expected T and B of 0 or more, found T=\(steps), B=\(batch)")
      require(
        lengths.map { $0.count == batch && $0.allSatisfy { $0 >= 0 && $0 <= steps } } ?? true,
        "sequences: expected \(batch) lengths of 0...\(steps), found \(lengths ?? [])")
      self.steps = steps
      self.batch = batch
      self.lengths = lengths
      self.reversed = reversed
    }
  }

  /// H columns of a `[T, B, D·H]` tensor.
  public struct Columns {
    let tensor: Tensor
    let first: Int

    /// The columns from `first` on.
    public init(_ tensor: Tensor, first: Int = 0) {
      require(tensor.rank == 3, "columns: expected [T, B, D·H], found \(tensor.shape)")
      self.tensor = tensor
      self.first = first
    }

    var stride: Int { tensor.shape[2] }

    func row(_ time: Int, _ sequence: Int) -> UnsafeMutablePointer<Float> {
      unsafe tensor.pointer + (time * tensor.shape[1] + sequence) * stride + first
    }
  }

  /// What a forward pass leaves for the backward pass.
  public final class Saved {
    let sequences: Sequences
    let input: Tensor
    let noise: CellNoise?
    let weights: Weights
    let microbatches: [Microbatch]
    /// Per microbatch: the frames of all steps, or the states before each segment if there is more than one.
    let kept: [Kept?]
    /// The states of all steps, if the pass is observed.
    let trace: Trace?

    var parameters: [Tensor] { weights.parameters }

    enum Kept {
      case frames(Frames)
      case states(Frames)

      /// Either, whose first rows of states are those before the first step.
      var frames: Frames {
        switch self {
        case .frames(let frames), .states(let frames): frames
        }
      }
    }

    /// Each state's first values, `[B, H]`, and those after each valid step, `[T, B, H]`.
    struct Trace {
      let first: [Tensor]
      let after: [Tensor]
    }

    init(
      sequences: Sequences, input: Tensor, noise: CellNoise?, weights: Weights, microbatches: [Microbatch],
      kept: [Kept?], trace: Trace?
    ) {
      self.sequences = sequences
      self.input = input
      self.noise = noise
      self.weights = weights
      self.microbatches = microbatches
      self.kept = kept
      self.trace = trace
    }
  }

  /// Memory for values of a microbatch: each state's (initial rows first), then each saved value's.
  @safe struct Frames {
    let owner: Storage
    let states: [UnsafeMutablePointer<Float>]
    let saved: [UnsafeMutablePointer<Float>]

    init(states: Int, rows: Int, saved: Int, savedRows: Int, width: Int) {
      let counts =
        Array(repeating: rows * width, count: states) + Array(repeating: savedRows * width, count: saved)
      var arena = Arena(counts, zeros: false)
      unsafe self.states = (0..<states).map { _ in unsafe arena.take(rows * width) }
      unsafe self.saved = (0..<saved).map { _ in unsafe arena.take(savedRows * width) }
      owner = arena.owner
    }
  }

  func check(input: Tensor, states: [Tensor], noise: CellNoise?, _ sequences: Sequences) {
    require(
      noise != nil || cell.noises.isEmpty,
      "\(cell.name): expected a stream of noise for \(cell.noises.map(\.name)), found none")
    let columns = layout.inputColumns, places = sizes.places
    require(
      sequences.batch % places == 0,
      "\(cell.name): expected all \(places) places of each sequence, found \(sequences.batch) rows")
    if places > 1, let lengths = sequences.lengths {
      require(
        lengths.indices.allSatisfy { lengths[$0] == lengths[$0 / places * places] },
        "\(cell.name): expected the same length at all places of a sequence, found \(lengths)")
    }
    require(
      input.shape == [sequences.steps, sequences.batch, columns],
      "\(cell.name): expected an input [\(sequences.steps), \(sequences.batch), \(columns)], found \(input.shape)"
    )
    require(
      states.count == cell.states.count,
      "\(cell.name): expected \(cell.states.count) states \(cell.states), found \(states.count)"
    )
    for ((name, size), state) in zip(zip(cell.states, stateSizes), states) {
      require(
        state.shape == [sequences.batch, size],
        "\(cell.name): expected state \(name) [\(sequences.batch), \(size)], found \(state.shape)")
    }
  }

  func check(parameters: [Tensor]) {
    require(
      parameters.count == cell.parameters.count,
      "\(cell.name): expected parameters \(cell.parameters.map(\.name)), found \(parameters.count)")
    for (definition, tensor) in zip(cell.parameters, parameters) {
      let shape = definition.shape(sizes)
      require(
        tensor.shape == shape, "\(cell.name): expected \(definition.name) \(shape), found \(tensor.shape)")
    }
  }

  /// x's rows of a chunk of steps, `[rows, I]`: the input's own memory where they lie side by side, else `rows`, to
  /// which the members of a team copy them. With `isFactor` they are rows of words, to be multiplied.
  func gather(
    _ input: Tensor, _ microbatch: Microbatch, _ chunk: Range<Int>, into rows: UnsafeMutablePointer<Float>,
    isFactor: Bool, member: TeamMember
  ) -> UnsafeMutablePointer<Float> {
    if sizes.grid != nil {
      return unsafe gatherNeighbours(input, microbatch, chunk, into: rows, member: member)
    }
    let batch = input.shape[1], size = layout.inputColumns
    let source = unsafe input.pointer
    let instructions = isFactor ? products : instructions
    let words = isFactor ? layout.inputWords : size
    if microbatch.isContiguous && microbatch.rows.count == batch && layout.hoistsInput && words == size {
      return unsafe source + chunk.lowerBound * batch * size
    }
    var to = unsafe rows
    for step in chunk {
      let count = Int(microbatch.active[step])
      if step % member.count == member.index {
        if microbatch.isContiguous {
          let from = unsafe source + (step * batch + microbatch.rows[0]) * size
          unsafe cg_convert_with(instructions.handle, count, size, from, size, to, words)
        } else {
          for row in 0..<count {
            let from =
              unsafe source + (microbatch.time(row: row, step: step) * batch + microbatch.rows[row]) * size
            unsafe cg_convert_with(instructions.handle, 1, size, from, size, to + row * words, words)
          }
        }
      }
      unsafe to += count * words
    }
    return unsafe rows
  }
}
