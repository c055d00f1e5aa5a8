import CellgateBasics
import CellgateKernels
import CellgateTensor

/// A cell's parameters as the kernels read them: matrices in panels, biases and vectors padded.
@safe final class PackedWeights {
  struct Key: Hashable {
    var block: Block
    var isTransposed: Bool
  }

  /// A matrix as a factor: k numbers of the operand give n, which the product computes as `columns`.
  struct Shape {
    var k: Int, n: Int, columns: Int
  }

  let instructions: InstructionSet
  private let cell: Cell
  private let layout: Layout
  private var arena: Arena
  private var matrices: [Key: UnsafeMutablePointer<Float>] = unsafe [:]
  private var biases: [[Block]: UnsafeMutablePointer<Float>] = unsafe [:]
  private var vectors: [Block: UnsafeMutablePointer<Float>] = unsafe [:]

  /// Packs what the factors, sums of biases and vectors of these programs need, in parallel.
  init(
    cell: Cell, layout: Layout, instructions: InstructionSet, parameters: [Tensor], programs: [StepProgram],
    extra: [StepProgram.Factor] = []
  ) {
    self.instructions = instructions
    self.cell = cell
    self.layout = layout
    var keys: [Key] = []
    var sums: [[Block]] = []
    var blocks: [Block] = []
    var seen: Set<Key> = []
    func note(_ factor: StepProgram.Factor) {
      // Products that are given need no matrix.
      if factor.operand == .input, layout.inputProducts != nil { return }
      let key = Key(block: factor.block, isTransposed: factor.isTransposed)
      if seen.insert(key).inserted { keys.append(key) }
    }
    for program in programs {
      for case .products(let products) in program.stages {
        for product in products {
          product.factors.forEach(note)
          if !product.biases.isEmpty && !sums.contains(product.biases) { sums.append(product.biases) }
        }
      }
      for case .vector(let block) in program.slots where !blocks.contains(block) { blocks.append(block) }
    }
    extra.forEach(note)

    let width = layout.width, tileRows = layout.tileRows
    func shape(_ key: Key) -> Shape { Self.shape(key.block, isTransposed: key.isTransposed, cell, layout) }
    func definition(_ block: Block) -> ParameterDefinition { cell.parameters[block.parameter] }
    func units(_ block: Block) -> Int { layout.sizes[definition(block).rows] }
    /// A gate's numbers, those of a vector or a scalar's one.
    func source(_ block: Block) -> UnsafeMutablePointer<Float> {
      unsafe parameters[block.parameter].pointer + block.gate * definition(block).units(layout.sizes)
    }
    let counts =
      keys.map { key in
        let shape = shape(key)
        return unsafe cg_packed_count_with(instructions.handle, shape.k, shape.columns)
      } + sums.map { _ in width } + blocks.map { _ in width * tileRows }
    arena = Arena(counts, zeros: false)
    for (index, key) in keys.enumerated() { unsafe matrices[key] = arena.take(counts[index]) }
    for sum in sums { unsafe biases[sum] = arena.take(width) }
    for block in blocks { unsafe vectors[block] = arena.take(width * tileRows) }

    nonisolated(unsafe) let targets = unsafe matrices
    nonisolated(unsafe) let tensors = parameters
    ThreadPool.current.run(keys.count) { index in
      let key = keys[index]
      let shape = shape(key)
      guard let target = unsafe targets[key] else { return }
      let source = unsafe tensors[key.block.parameter].pointer + key.block.gate * shape.k * shape.n
      if key.isTransposed, layout.sizes.grid != nil {
        let turned = unsafe Self.turned(source, shape, neighbours: layout.sizes.neighbours)
        unsafe turned.withUnsafeBufferPointer { turned in
          unsafe cg_pack_with(
            instructions.handle, shape.k, shape.n, shape.columns, turned.baseAddress, shape.n, 1, target)
        }
      } else if key.isTransposed {
        unsafe cg_pack_with(instructions.handle, shape.k, shape.n, shape.columns, source, shape.n, 1, target)
      } else {
        unsafe cg_pack_with(instructions.handle, shape.k, shape.n, shape.columns, source, 1, shape.k, target)
      }
    }
    for sum in sums {
      guard let target = unsafe biases[sum] else { continue }
      unsafe target.initialize(repeating: 0, count: width)
      for block in sum {
        let source = unsafe source(block), isScalar = definition(block).isScalar
        for unit in 0..<units(block) { unsafe target[unit] += source[isScalar ? 0 : unit] }
      }
    }
    for block in blocks {
      guard let target = unsafe vectors[block] else { continue }
      unsafe target.initialize(repeating: 0, count: width * tileRows)
      let source = unsafe source(block)
      for row in 0..<tileRows {
        let own = unsafe target + row * width
        if definition(block).isScalar {
          unsafe own.update(repeating: source[0], count: units(block))
        } else {
          unsafe own.update(from: source, count: units(block))
        }
      }
    }
    withExtendedLifetime(parameters) {}
  }

  /// A matrix on a grid as its transpose reads what arrives at each neighbour, `[k, n]`: the neighbour to which a place is the
  /// first neighbour is its own last one.
  private static func turned(_ source: UnsafePointer<Float>, _ shape: Shape, neighbours: Int) -> [Float] {
    let rows = shape.k / neighbours, columns = neighbours * shape.n
    var turned = [Float](repeating: 0, count: shape.k * shape.n)
    for neighbour in 0..<neighbours {
      for row in 0..<rows {
        let from = unsafe source + row * columns + (neighbours - 1 - neighbour) * shape.n
        let to = (neighbour * rows + row) * shape.n
        for column in 0..<shape.n { turned[to + column] = unsafe from[column] }
      }
    }
    return turned
  }

  private static func shape(_ block: Block, isTransposed: Bool, _ cell: Cell, _ layout: Layout) -> Shape {
    let definition = cell.parameters[block.parameter]
    guard let columns = definition.columns else {
      fail("PackedWeights: expected a matrix, found the vector \(definition.name)")
    }
    let (from, to) = isTransposed ? (definition.rows, columns) : (columns, definition.rows)
    return Shape(k: layout.sizes.columns(from), n: layout.sizes[to], columns: layout.columns(to))
  }

  func shape(_ factor: StepProgram.Factor) -> Shape {
    Self.shape(factor.block, isTransposed: factor.isTransposed, cell, layout)
  }

  func matrix(_ factor: StepProgram.Factor) -> UnsafeMutablePointer<Float> {
    guard let pointer = unsafe matrices[Key(block: factor.block, isTransposed: factor.isTransposed)] else {
      fail("PackedWeights: expected a block that was packed, found \(factor.block)")
    }
    return unsafe pointer
  }

  func bias(_ blocks: [Block]) -> UnsafeMutablePointer<Float>? { unsafe biases[blocks] }

  func vector(_ block: Block) -> UnsafeMutablePointer<Float> {
    guard let pointer = unsafe vectors[block] else {
      fail("PackedWeights: expected a vector that was packed, found \(block)")
    }
    return unsafe pointer
  }
}
