import CellgateBasics
import CellgateTensor

/// The parameters' gradients, summed over the steps of some microbatches.
@safe final class GradientSums {
  /// Deltas whose sums are gradients of biases.
  let biasDeltas: [Int]
  private let cell: Cell
  private let layout: Layout
  private let owner: Storage
  private let parameters: [UnsafeMutablePointer<Float>?]
  private let biases: [Int: UnsafeMutablePointer<Float>]
  private let vectors: [Block: UnsafeMutablePointer<Float>]

  init(cell: Cell, layout: Layout) {
    self.cell = cell
    self.layout = layout
    let plan = cell.plan
    biasDeltas = Set(plan.biasGradients.map(\.delta)).sorted()
    let read = Set(plan.weightGradients.map(\.block.parameter)).subtracting(
      layout.inputProducts?.parameters ?? [])
    let sizes = cell.parameters.enumerated().map { index, definition in
      read.contains(index) ? definition.shape(layout.sizes).reduce(1, *) : 0
    }
    let tile = layout.tileRows * layout.width
    var arena = Arena(
      sizes + biasDeltas.map { _ in layout.width } + plan.vectorGradients.map { _ in tile }, zeros: true)
    unsafe parameters = sizes.map { size in unsafe size == 0 ? nil : arena.take(size) }
    var biases: [Int: UnsafeMutablePointer<Float>] = unsafe [:]
    for delta in biasDeltas { unsafe biases[delta] = arena.take(layout.width) }
    unsafe self.biases = biases
    var vectors: [Block: UnsafeMutablePointer<Float>] = unsafe [:]
    for block in plan.vectorGradients { unsafe vectors[block] = arena.take(tile) }
    unsafe self.vectors = vectors
    owner = arena.owner
  }

  private func isTransposed(_ parameter: Int) -> Bool {
    layout.transposesInputGradient && cell.parameters[parameter].columns == .input
  }

  /// Where a matrix's gradient is summed, and its rows' distance: `[rows, columns]`, or transposed for small inputs.
  func matrix(_ block: Block) -> (UnsafeMutablePointer<Float>, Int) {
    guard let base = unsafe parameters[block.parameter] else {
      fail("GradientSums: expected a matrix, found \(block)")
    }
    let definition = cell.parameters[block.parameter]
    let rows = layout.sizes[definition.rows]
    if isTransposed(block.parameter) {
      return unsafe (base + block.gate * rows, definition.gates.count * rows)
    }
    let columns = definition.columns.map { layout.sizes.columns($0) } ?? 0
    return unsafe (base + block.gate * rows * columns, columns)
  }

  func bias(_ delta: Int) -> UnsafeMutablePointer<Float> {
    guard let pointer = unsafe biases[delta] else {
      fail("GradientSums: expected a delta with a bias, found \(delta)")
    }
    return unsafe pointer
  }

  func vector(_ block: Block) -> UnsafeMutablePointer<Float> {
    guard let pointer = unsafe vectors[block] else { fail("GradientSums: expected a vector, found \(block)") }
    return unsafe pointer
  }

  /// Adds the sums of all microbatches, always in the same order.
  static func join(_ parts: [GradientSums], cell: Cell, layout: Layout, into tensors: [Tensor?]) {
    nonisolated(unsafe) let tensors = tensors
    nonisolated(unsafe) let sums = parts
    ThreadPool.current.run(cell.parameters.count) { index in
      guard let tensor = unsafe tensors[index] else { return }
      let target = unsafe tensor.pointer, count = tensor.count
      unsafe target.update(repeating: 0, count: count)
      for part in unsafe sums {
        guard let source = unsafe part.parameters[index] else { continue }
        if part.isTransposed(index) {
          let columns = layout.inputSize, rows = count / columns
          for column in 0..<columns {
            for row in 0..<rows { unsafe target[row * columns + column] += source[column * rows + row] }
          }
        } else {
          for index in 0..<count { unsafe target[index] += source[index] }
        }
      }
    }
    func definition(_ block: Block) -> ParameterDefinition { cell.parameters[block.parameter] }
    func units(_ block: Block) -> Int { layout.sizes[definition(block).rows] }
    /// Adds numbers of each unit to a gate's.
    func add(_ source: UnsafePointer<Float>, to tensor: Tensor, _ block: Block) {
      let target = unsafe tensor.pointer + block.gate * definition(block).units(layout.sizes)
      if definition(block).isScalar {
        var sum = 0.0
        for unit in 0..<units(block) { sum += unsafe Double(source[unit]) }
        unsafe target[0] += Float(sum)
      } else {
        for unit in 0..<units(block) { unsafe target[unit] += source[unit] }
      }
    }
    for (block, delta) in cell.plan.biasGradients {
      guard let tensor = unsafe tensors[block.parameter] else { continue }
      for part in parts { unsafe add(part.bias(delta), to: tensor, block) }
    }
    for block in cell.plan.vectorGradients {
      guard let tensor = unsafe tensors[block.parameter] else { continue }
      for part in parts {
        let source = unsafe part.vector(block)
        for row in 0..<layout.tileRows { unsafe add(source + row * layout.width, to: tensor, block) }
      }
    }
  }
}
