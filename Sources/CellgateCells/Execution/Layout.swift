import CellgateKernels
import CellgateTensor

/// The sizes that a cell's plan is bound to.
struct Layout: Sendable {
  let sizes: CellSizes
  let precision: Precision
  /// The products on x, where they are given instead of it.
  var inputProducts: InputProducts?

  /// Columns of the matrices that read x: I, or on a grid that of each neighbour.
  var inputSize: Int { sizes.columns(.input) }
  private var hiddenSize: Int { sizes.hidden }

  /// Floats from one row of a value to the next, of values of any size.
  var width: Int { max(columns(.hidden), columns(.projection)) }

  /// Columns that products with so many rows of weights compute: whole vectors on every instruction set, but for the
  /// input's gradient.
  func columns(_ size: CellDimension) -> Int {
    size == .input ? sizes.input : (sizes[size] + 15) / 16 * 16
  }

  /// Numbers of a row of the input: of x, or of the products on it.
  var inputColumns: Int { inputProducts?.width ?? sizes.input }

  /// Words, of four bytes each, from one row of factors to the next: of values, and of x.
  var factorWidth: Int { precision.words(width) * sizes.neighbours }
  /// Floats that a row of converted factors has at most.
  var factorRows: Int { width * sizes.neighbours }
  /// Whether factors of products have rows of their own: in another precision, or the neighbourhoods on a grid.
  var convertsFactors: Bool { precision != .float32 || sizes.grid != nil }
  var inputWords: Int { inputProducts?.width ?? precision.words(inputSize) }

  /// Products on x are computed for a whole chunk of steps at once; small inputs join the recurrent product.
  var hoistsInput: Bool { inputProducts != nil || inputSize >= 16 }

  /// Rows of a chunk of steps.
  var chunkRows: Int { isWide ? 512 : hiddenSize >= 256 ? 256 : 128 }

  /// Whether weights outgrow the second-level cache of a core, so that they should be read for many rows at once, by
  /// each thread of a team a part of them.
  private var isWide: Bool { hiddenSize >= 512 }

  /// Rows of a microbatch on a grid, in which each sequence is as many as the grid has places.
  var gridRows: Int { 256 }

  /// The most rows of a microbatch, and the least of a batch that is cut at all.
  var microbatchRows: Int { isWide ? 128 : 32 }
  var leastCutRows: Int { isWide ? microbatchRows + 1 : 8 }

  /// Elementwise operations run over tiles of about 128 floats: two dozen of them fit in the first-level cache.
  var tileRows: Int { max(1, 128 / width) }
  var tileColumns: Int { min(width, 128) }

  /// Sums of weight gradients that microbatches may have for themselves: at least 2, at most about 64 MiB, which
  /// each pass clears and adds up.
  func mostGradientSums(parameters: Int) -> Int { max(2, (1 << 24) / max(1, parameters)) }

  /// Whether x's weight gradients are summed transposed, with x as the shorter side.
  var transposesInputGradient: Bool { inputSize <= 12 }

  /// A team member's columns, and those of them that are units of a value of this size.
  func columns(of member: TeamMember) -> Range<Int> {
    member.share(of: width, block: Int(CG_SHARE_COLUMNS))
  }
  func units(_ size: CellDimension, of member: TeamMember) -> Range<Int> {
    columns(of: member).clamped(to: 0..<sizes[size])
  }

  /// Threads that may share a microbatch of so many rows: none has less than a share's columns, or so little to do at
  /// a step that waiting costs more.
  func mostMembers(rows: Int) -> Int {
    let shares = (width + Int(CG_SHARE_COLUMNS) - 1) / Int(CG_SHARE_COLUMNS)
    return max(1, min(shares, rows * hiddenSize * hiddenSize / Layout.leastWork))
  }

  /// Multiply-adds of one product at a step that are worth a thread.
  private static let leastWork = 1 << 13
}
