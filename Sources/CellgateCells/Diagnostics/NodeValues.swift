import CellgateBasics
import CellgateKernels
import CellgateTensor

/// What is computed to know the values of some nodes of a cell's graph, and of its gradient's, where the states at
/// t−1 and t are known.
struct NodeProgram: Sendable {
  /// What is given: x_t, the states before and after the step, noise, and the gradients that come to the step.
  enum Leaf: Hashable, Sendable {
    case input, before(Int), after(Int), noise(Int), arriving(Int), outputGradient
  }

  let cell: Cell
  /// In the order of computation.
  let nodes: [NodeID]
  let leaves: [(leaf: Leaf, node: NodeID)]
  /// The matrices that are multiplied with.
  let factors: [StepProgram.Factor]

  /// What the `wanted` nodes need.
  init(_ cell: Cell, wanted: [NodeID]) {
    let gradient = cell.gradient
    var seen: Set<NodeID> = []
    var leaves: [(leaf: Leaf, node: NodeID)] = []
    var nodes: [NodeID] = []
    var factors: [StepProgram.Factor] = []
    var stack = wanted
    while let id = stack.popLast() {
      guard seen.insert(id).inserted else { continue }
      if let leaf = Self.leaf(id, cell) {
        leaves.append((leaf, id))
        continue
      }
      nodes.append(id)
      stack += gradient.graph[id].operands
      let operation = gradient.graph[id].operation
      if let (block, isTransposed) = operation.matrix {
        factors.append(Self.factor(block, isTransposed: isTransposed))
      } else if case .transposed(let target) = operation {
        for (delta, factor) in Self.readers(of: target, cell) {
          stack.append(delta)
          factors.append(factor)
        }
      }
    }
    self.cell = cell
    self.nodes = nodes.sorted()
    self.leaves = leaves
    self.factors = factors
  }

  private static func leaf(_ id: NodeID, _ cell: Cell) -> Leaf? {
    switch cell.gradient.graph[id].operation {
    case .input: .input
    case .state(let state): .before(state)
    case .noise(let noise): .noise(noise)
    case .arriving(let state): .arriving(state)
    case .outputGradient: .outputGradient
    default: cell.next.firstIndex(of: id).map { .after($0) }
    }
  }

  /// The gradient that arrives at each product which reads a node, and the matrix that sends it on.
  static func readers(of target: NodeID, _ cell: Cell) -> [(delta: NodeID, factor: StepProgram.Factor)] {
    (cell.gradient.readers[target] ?? []).compactMap { product in
      guard let delta = cell.gradient.product[product],
        let (block, isTransposed) = cell.graph[product].operation.matrix
      else { return nil }
      return (delta, factor(block, isTransposed: !isTransposed))
    }
  }

  /// A matrix among packed weights, whatever it is multiplied with.
  static func factor(_ block: Block, isTransposed: Bool) -> StepProgram.Factor {
    .init(operand: .input, block: block, isTransposed: isTransposed)
  }
}

/// The values of a program's nodes for many rows at once. A row is one step of one sequence; as the states are
/// given, there is no loop over time. Values are in Float32 whatever the precision of the run.
@safe struct NodeValues {
  private let program: NodeProgram
  private let layout: Layout
  private let weights: PackedWeights
  private let owner: Storage
  private let values: [NodeID: UnsafeMutablePointer<Float>]

  /// Memory for up to `rows` rows.
  init(_ program: NodeProgram, layout: Layout, weights: PackedWeights, parameters: [Tensor], rows: Int) {
    self.program = program
    self.layout = layout
    self.weights = weights
    let ids = program.leaves.map(\.node) + program.nodes
    let counts =
      program.leaves.map { rows * ($0.leaf == .input ? layout.inputSize : layout.width) }
      + program.nodes.map { _ in rows * layout.width }
    var arena = Arena(counts, zeros: true)
    var values: [NodeID: UnsafeMutablePointer<Float>] = unsafe [:]
    for (id, count) in zip(ids, counts) { unsafe values[id] = arena.take(count) }
    unsafe self.values = values
    owner = arena.owner
    for id in program.nodes {
      let to = unsafe self[id]
      switch program.cell.gradient.graph[id].operation {
      case .constant(let value): unsafe to.update(repeating: Float(value), count: rows * layout.width)
      case .vector(let block):
        let definition = program.cell.parameters[block.parameter], size = layout.sizes[definition.rows]
        let from = unsafe parameters[block.parameter].pointer + block.gate * definition.units(layout.sizes)
        for row in 0..<rows {
          let own = unsafe to + row * layout.width
          if definition.isScalar {
            unsafe own.update(repeating: from[0], count: size)
          } else {
            unsafe own.update(from: from, count: size)
          }
        }
      default: break
      }
    }
  }

  /// A node's rows, `[rows, width]`; of the input `[rows, I]`.
  subscript(id: NodeID) -> UnsafeMutablePointer<Float> {
    guard let pointer = unsafe values[id] else {
      fail("NodeValues: expected the values of node \(id), found that it is not computed")
    }
    return unsafe pointer
  }

  /// Computes all nodes for the first `rows` rows of the leaves.
  func compute(rows: Int) {
    let graph = program.cell.gradient.graph
    for id in program.nodes {
      let node = graph[id], to = unsafe self[id]
      switch node.operation {
      case .vector, .constant: break
      case .product(let block), .transposedProduct(let block):
        let isTransposed = node.operation == .transposedProduct(block)
        let isOnInput = program.cell.parameters[block.parameter].columns == .input
        unsafe multiply(
          [(node.operands[0], NodeProgram.factor(block, isTransposed: isTransposed))],
          ld: isOnInput ? layout.inputSize : layout.width, rows: rows, to)
      case .transposed(let target):
        let factors = NodeProgram.readers(of: target, program.cell).map { ($0.delta, $0.factor) }
        unsafe multiply(factors, ld: layout.width, rows: rows, to)
      case .reduction(let kind):
        unsafe cg_reduce_with(
          weights.instructions.handle, kind.kernelKind, rows, layout.sizes[graph.size(of: node.operands[0])],
          self[node.operands[0]],
          layout.width,
          to, layout.width, layout.width)
      default:
        unsafe elementwise(node, rows * layout.width, to)
      }
    }
  }

  /// The sum of products of matrices of as many rows with operands whose rows are `ld` apart.
  private func multiply(
    _ factors: [(operand: NodeID, matrix: StepProgram.Factor)], ld: Int, rows: Int,
    _ to: UnsafeMutablePointer<Float>
  ) {
    let terms = unsafe factors.map { operand, matrix in
      unsafe cg_term(
        a: self[operand], lda: ld, k: weights.shape(matrix).k, packed: weights.matrix(matrix))
    }
    unsafe cg_product_with(
      weights.instructions.handle, rows, weights.shape(factors[0].matrix).columns, terms, terms.count,
      CG_START_ZERO, nil, to, layout.width)
  }

  private func elementwise(_ node: Graph.Node, _ count: Int, _ to: UnsafeMutablePointer<Float>) {
    let slots: [UnsafeMutablePointer<Float>?] = unsafe [to] + node.operands.map { unsafe self[$0] }
    func operation(_ code: cg_code, _ operands: [Int]) -> cg_operation {
      func place(_ index: Int) -> UInt16 { UInt16(operands[min(index, operands.count - 1)]) }
      return cg_operation(
        code: UInt16(code.rawValue), result: 0, a: place(0), b: place(1), c: place(2), constant: 1)
    }
    let operations =
      switch node.operation {
      case .tanhGradient:
        // Rounded after each operation, so that observations stay the numbers that they always were.
        [
          operation(CG_MULTIPLY, [2, 2]), operation(CG_SUBTRACT_FROM_CONSTANT, [0]),
          operation(CG_MULTIPLY, [1, 0]),
        ]
      default: [operation(node.operation.opcode.kernelCode, Array(1...node.operands.count))]
      }
    unsafe cg_operate_with(weights.instructions.handle, operations, operations.count, slots, count)
  }
}
