import CellgateBasics
import CellgateKernels
import CellgateTensor

/// A cell's parameters as the kernels read them: matrices in panels, biases and vectors padded.
@safe final class PackedWeights {
  struct Key: Hashable {
    var block: Block
    var isTransposed: Bool
  }

  let instructions: InstructionSet
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
    var keys: [Key] = []
    var sums: [[Block]] = []
    var blocks: [Block] = []
    var seen: Set<Key> = []
    func note(_ factor: StepProgram.Factor) {
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

    let width = layout.width, hidden = layout.hiddenSize, tileRows = layout.tileRows
    func matrixSize(_ key: Key) -> (k: Int, n: Int, width: Int) {
      let definition = cell.parameters[key.block.parameter]
      let columns = layout.columns(definition)
      if !key.isTransposed { return (columns, hidden, width) }
      return (hidden, columns, definition.columns == .input ? columns : width)
    }
    let counts =
      keys.map { key in
        let size = matrixSize(key)
        return unsafe cg_packed_count_with(instructions.handle, size.k, size.width)
      } + sums.map { _ in width } + blocks.map { _ in width * tileRows }
    arena = Arena(counts, zeros: false)
    for (index, key) in keys.enumerated() { unsafe matrices[key] = arena.take(counts[index]) }
    for sum in sums { unsafe biases[sum] = arena.take(width) }
    for block in blocks { unsafe vectors[block] = arena.take(width * tileRows) }

    nonisolated(unsafe) let targets = unsafe matrices
    nonisolated(unsafe) let tensors = parameters
    ThreadPool.current.run(keys.count) { index in
      let key = keys[index]
      let size = matrixSize(key)
      let columns = layout.columns(cell.parameters[key.block.parameter])
      guard let target = unsafe targets[key] else { return }
      let source = unsafe tensors[key.block.parameter].pointer + key.block.gate * hidden * columns
      if key.isTransposed {
        unsafe cg_pack_with(instructions.handle, size.k, size.n, size.width, source, columns, 1, target)
      } else {
        unsafe cg_pack_with(instructions.handle, size.k, size.n, size.width, source, 1, columns, target)
      }
    }
    for sum in sums {
      guard let target = unsafe biases[sum] else { continue }
      unsafe target.initialize(repeating: 0, count: width)
      for block in sum {
        let source = unsafe parameters[block.parameter].pointer + block.gate * hidden
        for unit in 0..<hidden { unsafe target[unit] += source[unit] }
      }
    }
    for block in blocks {
      guard let target = unsafe vectors[block] else { continue }
      unsafe target.initialize(repeating: 0, count: width * tileRows)
      let source = unsafe parameters[block.parameter].pointer + block.gate * hidden
      for row in 0..<tileRows { unsafe (target + row * width).update(from: source, count: hidden) }
    }
    withExtendedLifetime(parameters) {}
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
