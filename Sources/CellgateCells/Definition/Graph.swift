import CellgateTensor

/// What a node of a cell's graph computes from its operands.
package enum NodeOperation: Hashable, Sendable {
  /// The input x_t, `[I]`.
  case input
  /// A state at t−1.
  case state(Int)
  /// A noise of the cell: 1 or 0.
  case noise(Int)
  /// A matrix, one block of a parameter, times the operand.
  case product(Block)
  /// The matrix' transpose times the operand, which has as many numbers as the matrix has rows.
  case transposedProduct(Block)
  /// A vector, one block of a parameter: a bias, or a peephole's weights. A scalar is a vector whose units are one number.
  case vector(Block)
  case constant(Double)
  case add, subtract, multiply, divide, negate
  case minimum, maximum
  /// One number of all units, the same for each of them.
  case reduction(Reduction)
  case sigmoid, tanh, relu, softplus, exp, logarithm, squareRoot, absolute

  // The rest appears in gradients only.

  /// a·y(1−y): a arrives at a sigmoid whose value is y. Operands a, y.
  case sigmoidGradient
  /// a·(1−y²): a arrives at a tanh whose value is y. Operands a, y.
  case tanhGradient
  /// a where y > 0, else 0. Operands a, y.
  case reluGradient
  /// a·sign(x): a arrives at the absolute value of x; 0 at 0. Operands a, x.
  case absoluteGradient
  /// a where x > y, half of it where they are equal, else 0: a arrives at the greater of x and y. Operands a, x, y.
  case greaterGradient
  /// The gradient that arrives at a state's new value from the next step.
  case arriving(Int)
  /// The gradient that arrives at the output, the first state's new value.
  case outputGradient
  /// Σ Wᵀ δ over all products that read this forward node.
  case transposed(NodeID)

  // And this in lowered graphs only.

  /// A sum of products and biases, computed in one go; see ``Accumulator``.
  case accumulator(Int)
}

extension NodeOperation {
  /// The matrix of a product, and whether its transpose is multiplied; nil for other operations.
  package var matrix: (block: Block, isTransposed: Bool)? {
    switch self {
    case .product(let block): (block, false)
    case .transposedProduct(let block): (block, true)
    default: nil
    }
  }
}

package typealias NodeID = Int

/// What is computed from a value's units. The variance is the mean square of the deviations from the mean.
package enum Reduction: String, Hashable, Sendable { case mean, variance }

/// One gate's rows of a parameter.
package struct Block: Hashable, Sendable {
  package var parameter: Int
  package var gate: Int

  /// A gate of a parameter, both by their numbers.
  package init(parameter: Int, gate: Int) { (self.parameter, self.gate) = (parameter, gate) }
}

/// How many numbers a value has.
public enum CellDimension: String, Hashable, Sendable {
  /// The input size I.
  case input
  /// The hidden size H.
  case hidden
  /// The projection size P, which is H where none is given.
  case projection

  /// The size and its letter, as errors have them.
  var text: String {
    switch self {
    case .input: "input size I"
    case .hidden: "hidden size H"
    case .projection: "projection size P"
    }
  }
}

/// Nodes in topological order: every operand comes before its node, and no two nodes are the same.
package struct Graph: Sendable {
  package struct Node: Hashable, Sendable {
    package var operation: NodeOperation
    package var operands: [NodeID]
  }

  package private(set) var nodes: [Node] = []
  /// The size of each node's value; nil for constants, which go with every size.
  package private(set) var sizes: [CellDimension?] = []
  private var known: [Node: NodeID] = [:]

  package subscript(id: NodeID) -> Node { nodes[id] }

  /// The node that computes this, added unless the graph has it. Its size is that of its operands unless it is given.
  mutating func add(
    _ operation: NodeOperation, _ operands: [NodeID] = [], size: CellDimension? = nil
  ) -> NodeID {
    let node = Node(operation: operation, operands: operands)
    if let id = known[node] { return id }
    nodes.append(node)
    sizes.append(size ?? operands.compactMap { sizes[$0] }.first)
    known[node] = nodes.count - 1
    return nodes.count - 1
  }

  /// The size of a value of units.
  package func size(of id: NodeID) -> CellDimension { sizes[id] ?? .hidden }

  /// Whether a node is computed from nothing: the input, a state, a vector of parameters, a number.
  func isLeaf(_ id: NodeID) -> Bool {
    switch nodes[id].operation {
    case .input, .state, .noise, .vector, .constant: true
    default: false
    }
  }

  /// How often each node is an operand of another.
  func uses(upTo count: Int) -> [Int] {
    var uses = [Int](repeating: 0, count: nodes.count)
    for node in nodes[..<count] { for operand in node.operands { uses[operand] += 1 } }
    return uses
  }
}
