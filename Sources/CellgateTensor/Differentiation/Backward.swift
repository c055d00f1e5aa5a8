import CellgateBasics

extension Tensor {
  /// Adds the gradient of this value, of shape [], to the `gradient` of every parameter that it was
  /// computed from. The record is used up: a second call needs a new forward pass.
  public func backward() {
    require(count == 1, "backward: expected a loss of a single number, found \(shape)")
    backward(gradient: .full(shape, 1))
  }

  /// The same, which informs of each parameter whose gradient is complete, with nothing left of this pass to be added to it, while the
  /// others are still computed.
  package func backward(completing: @escaping (Parameter) -> Void) {
    require(count == 1, "backward: expected a loss of a single number, found \(shape)")
    backward(gradient: .full(shape, 1), completing: completing)
  }

  /// As `backward()`, of any tensor, from the `gradient` of something with respect to it, of its shape.
  public func backward(gradient: Tensor) { backward(gradient: gradient, completing: nil) }

  private func backward(gradient: Tensor, completing: ((Parameter) -> Void)?) {
    require(gradient.shape == shape, "backward: expected a gradient \(shape), found \(gradient.shape)")
    guard let source else {
      fail("backward: expected a tensor that comes from a parameter, found one that comes from none")
    }
    withoutGradient {
      Self.deliver(.tensor(gradient.detached), to: source, shape: shape)
      guard let last = source.node else { return }
      var order = Self.topologicalOrder(to: last)
      var uses: [ObjectIdentifier: Int] = [:]
      if completing != nil {
        for parameter in order.flatMap(\.parameters) { uses[ObjectIdentifier(parameter), default: 0] += 1 }
      }
      while let node = order.popLast() {
        let gradients = node.gradients.indices.map { node.gradients[$0].take() }
        if gradients.contains(where: { $0 != nil }) { Self.propagate(gradients, through: node) }
        let parameters = completing == nil ? [] : node.parameters
        _ = node.release()
        for parameter in parameters {
          let left = (uses[ObjectIdentifier(parameter)] ?? 0) - 1
          uses[ObjectIdentifier(parameter)] = left
          if left == 0 { completing?(parameter) }
        }
      }
    }
  }

  /// The nodes that lead to `last`, each after all that it depends on.
  private static func topologicalOrder(to last: Node) -> [Node] {
    var order: [Node] = []
    var path: [(node: Node, next: Int)] = [(last, 0)]
    _ = last.visit()
    while let top = path.last {
      guard top.next < top.node.inputs.count else {
        order.append(top.node)
        path.removeLast()
        continue
      }
      path[path.count - 1].next += 1
      if let before = top.node.inputs[top.next]?.node, before.visit() { path.append((before, 0)) }
    }
    return order
  }

  private static func propagate(_ gradients: [Tensor?], through node: Node) {
    let needed = node.inputs.map { $0 != nil }
    let contributions = node.takeRule()(gradients, needed)
    require(
      contributions.count == needed.count,
      "backward: expected \(needed.count) gradients of the rule of '\(node.name)', found \(contributions.count)"
    )
    for (index, contribution) in contributions.enumerated() {
      guard let contribution, let source = node.inputs[index] else { continue }
      if case .tensor(let tensor) = contribution {
        require(
          tensor.shape == node.inputShapes[index],
          "backward: input \(index) of '\(node.name)': expected a gradient \(node.inputShapes[index]), found \(tensor.shape)"
        )
      }
      deliver(contribution, to: source, shape: node.inputShapes[index])
    }
  }

  private static func deliver(
    _ contribution: RecordedOperation.Contribution, to source: GradientSource, shape: [Int]
  ) {
    switch (source, contribution) {
    case (.output(let node, let index), _):
      node.gradients[index].add(contribution, shape: shape)
    case (.parameter(let parameter), .tensor(let tensor)):
      parameter.gradient.add(inPlace: tensor)
    case (.parameter(let parameter), .adding(let add)):
      add(parameter.gradient)
    }
  }
}
