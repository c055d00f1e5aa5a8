extension Tensor {
  /// Adds the gradient of this value, of shape [], to the `gradient` of every parameter that it was
  /// computed from. The record is used up: a second call needs a new forward pass.
  public func backward() {
    precondition(count == 1, "backward: a loss is a single number, this tensor is \(shape)")
    backward(gradient: .full(shape, 1))
  }

  /// As `backward()`, of any tensor, from the `gradient` of something with respect to it, of its shape.
  public func backward(gradient: Tensor) {
    precondition(gradient.shape == shape, "backward: a gradient \(gradient.shape) of a tensor \(shape)")
    guard let source else { preconditionFailure("backward: this tensor comes from no parameter") }
    withoutGradient {
      Self.deliver(.tensor(gradient.detached), to: source, shape: shape)
      guard let last = source.node else { return }
      var order = Self.topologicalOrder(to: last)
      while let node = order.popLast() {
        let gradients = node.gradients.indices.map { node.gradients[$0].take() }
        if gradients.contains(where: { $0 != nil }) { Self.propagate(gradients, through: node) }
        _ = node.release()
      }
    }
  }

  /// The nodes that lead to `last`, each behind all that it depends on.
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
    precondition(
      contributions.count == needed.count,
      "backward: '\(node.name)' has \(needed.count) inputs, its rule gave \(contributions.count) gradients")
    for (index, contribution) in contributions.enumerated() {
      guard let contribution, let source = node.inputs[index] else { continue }
      if case .tensor(let tensor) = contribution {
        precondition(
          tensor.shape == node.inputShapes[index],
          "backward: input \(index) of '\(node.name)' is \(node.inputShapes[index]), its gradient \(tensor.shape)"
        )
      }
      deliver(contribution, to: source, shape: node.inputShapes[index])
    }
  }

  private static func deliver(
    _ contribution: Operation.Contribution, to source: GradientSource, shape: [Int]
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
