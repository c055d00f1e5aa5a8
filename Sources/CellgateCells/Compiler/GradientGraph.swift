import CellgateBasics
import CellgateTensor

/// The gradient of one step, derived from a cell's graph by symbolic reverse mode.
///
/// Its nodes continue the forward graph's: those below `forwardCount` are forward values, the rest are
/// gradients. With δ_p the gradient that arrives at product p = W v,
///
///     dL/dW = Σ_t δ_p vᵀ        dL/dv gains Wᵀ δ_p, collected per operand in one `transposed` node
///
/// and at a product p = Wᵀ v
///
///     dL/dW = Σ_t v δ_pᵀ        dL/dv gains W δ_p
///
/// Fixed parameters have no dL/dW, and what arrives at a fixed vector goes no further.
struct GradientGraph: Sendable {
  private(set) var graph: Graph
  let forwardCount: Int
  /// For each product node of the forward graph that a state depends on: the gradient that arrives.
  private(set) var product: [NodeID: NodeID] = [:]
  /// The same for each vector node.
  private(set) var vector: [NodeID: NodeID] = [:]
  /// The elementwise part of the gradient of each state at t−1; nil where there is none.
  private(set) var state: [NodeID?] = []
  /// Whether a state at t−1 or the input is read by products, which add the rest of its gradient.
  private(set) var stateIsTransposed: [Bool] = []
  /// Nodes whose sum is the gradient of each state's value at t, through this step's equations and the next step.
  private(set) var stateAfter: [[NodeID]] = []

  /// Products that read each forward node.
  private(set) var readers: [NodeID: [NodeID]] = [:]
  /// The vector nodes of fixed parameters.
  private let fixed: Set<NodeID>

  init(graph forward: Graph, next: [NodeID], parameters: [ParameterDefinition]) {
    graph = forward
    fixed = Set(
      forward.nodes.indices.filter { id in
        if case .vector(let block) = forward[id].operation {
          parameters[block.parameter].isFixed
        } else {
          false
        }
      })
    forwardCount = forward.nodes.count
    var arriving: [NodeID: [NodeID]] = [:]
    for (state, node) in next.enumerated() {
      arriving[node, default: []].append(graph.add(.arriving(state), size: forward.sizes[node]))
    }
    arriving[next[0], default: []].append(graph.add(.outputGradient, size: forward.sizes[next[0]]))
    for (id, node) in forward.nodes.enumerated() {
      if node.operation.matrix != nil { readers[node.operands[0], default: []].append(id) }
    }

    var total: [NodeID: NodeID] = [:]
    for id in (0..<forwardCount).reversed() {
      let reads = (readers[id] ?? []).filter { product[$0] != nil }
      let isSource =
        switch forward[id].operation {
        case .state, .input: true
        default: false
        }
      if !reads.isEmpty && !isSource {
        arriving[id, default: []].append(graph.add(.transposed(id), size: forward.sizes[id]))
      }
      guard var terms = arriving[id] else { continue }
      terms.sort()
      let sum = terms.dropFirst().reduce(terms[0]) { graph.add(.add, [$0, $1]) }
      total[id] = sum
      propagate(sum, to: forward[id], id: id, &arriving)
    }
    let stateCount = next.count
    for index in 0..<stateCount {
      let id = graph.nodes[..<forwardCount].firstIndex { $0.operation == .state(index) }
      state.append(id.flatMap { total[$0] })
      stateIsTransposed.append(
        id.map { node in (readers[node] ?? []).contains { product[$0] != nil } } ?? false)
      if case .state = forward[next[index]].operation {
        // Another state's old value: what is read of it in this step is read of that one.
        stateAfter.append([graph.add(.arriving(index))] + (index == 0 ? [graph.add(.outputGradient)] : []))
      } else {
        stateAfter.append(total[next[index]].map { [$0] } ?? [])
      }
    }
  }

  private mutating func propagate(
    _ g: NodeID, to node: Graph.Node, id: NodeID, _ arriving: inout [NodeID: [NodeID]]
  ) {
    let operands = node.operands
    func give(_ index: Int, _ value: @autoclosure () -> NodeID) {
      if !fixed.contains(operands[index]) { arriving[operands[index], default: []].append(value()) }
    }
    switch node.operation {
    case .product, .transposedProduct: product[id] = g
    case .vector: vector[id] = g
    case .input, .state, .noise, .constant: break
    case .add:
      give(0, g)
      give(1, g)
    case .subtract:
      give(0, g)
      give(1, graph.add(.negate, [g]))
    case .multiply:
      give(0, graph.add(.multiply, [g, operands[1]]))
      give(1, graph.add(.multiply, [g, operands[0]]))
    case .divide:  // a/b: g/b and −(g/b)·(a/b)
      let quotient = graph.add(.divide, [g, operands[1]])
      give(0, quotient)
      give(1, graph.add(.negate, [graph.add(.multiply, [quotient, id])]))
    case .negate: give(0, graph.add(.negate, [g]))
    case .reduction(.mean): give(0, graph.add(.reduction(.mean), [g]))
    case .reduction(.variance):  // 2 mean(g) (x − mean(x))
      let mean = graph.add(.reduction(.mean), operands)
      let slope = graph.add(.multiply, [graph.add(.reduction(.mean), [g]), graph.add(.constant(2))])
      give(0, graph.add(.multiply, [slope, graph.add(.subtract, [operands[0], mean])]))
    case .sigmoid: give(0, graph.add(.sigmoidGradient, [g, id]))
    case .tanh: give(0, graph.add(.tanhGradient, [g, id]))
    case .relu: give(0, graph.add(.reluGradient, [g, id]))
    case .exp: give(0, graph.add(.multiply, [g, id]))
    case .softplus: give(0, graph.add(.multiply, [g, graph.add(.sigmoid, operands)]))
    case .logarithm: give(0, graph.add(.divide, [g, operands[0]]))
    case .squareRoot:  // g / 2y
      let half = graph.add(.multiply, [g, graph.add(.constant(0.5))])
      give(0, graph.add(.divide, [half, id]))
    case .absolute: give(0, graph.add(.absoluteGradient, [g, operands[0]]))
    case .minimum:
      give(0, graph.add(.greaterGradient, [g, operands[1], operands[0]]))
      give(1, graph.add(.greaterGradient, [g, operands[0], operands[1]]))
    case .maximum:
      give(0, graph.add(.greaterGradient, [g, operands[0], operands[1]]))
      give(1, graph.add(.greaterGradient, [g, operands[1], operands[0]]))
    case .sigmoidGradient, .tanhGradient, .reluGradient, .absoluteGradient, .greaterGradient, .arriving,
      .outputGradient, .transposed,
      .accumulator:
      fail(
        "GradientGraph: expected an operation of a cell, found \(node.operation), which is not differentiated"
      )
    }
  }
}
