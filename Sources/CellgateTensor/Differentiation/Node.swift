import CellgateBasics

/// Where the gradient of a tensor goes.
enum GradientSource {
  case parameter(Parameter)
  case output(Node, Int)

  var node: Node? {
    if case .output(let node, _) = self { node } else { nil }
  }
}

/// One recorded operation.
final class Node {
  let name: String
  private(set) var inputs: [GradientSource?]
  let inputShapes: [[Int]]
  var gradients: [CollectedGradient]
  private var visited = false
  private var rule: RecordedOperation.Contributions?

  init(_ name: String, inputs: [Tensor], outputs: [Tensor], rule: @escaping RecordedOperation.Contributions) {
    self.name = name
    self.inputs = inputs.map(\.source)
    inputShapes = inputs.map(\.shape)
    gradients = Array(repeating: CollectedGradient(), count: outputs.count)
    self.rule = rule
  }

  /// The parameters among its inputs, one that comes twice twice.
  var parameters: [Parameter] {
    inputs.compactMap { if case .parameter(let parameter)? = $0 { parameter } else { nil } }
  }

  /// Marks the node for one backward pass; false when it is marked already.
  func visit() -> Bool {
    require(
      rule != nil,
      "backward: expected a new forward pass, found one of '\(name)' whose gradient was taken before")
    defer { visited = true }
    return !visited
  }

  /// The rule, for the only time.
  func takeRule() -> RecordedOperation.Contributions {
    guard let rule else { fail("backward: expected a rule of '\(name)', found that it was used") }
    self.rule = nil
    return rule
  }

  /// Lets go of what was saved, and returns the nodes before this one.
  func release() -> [Node] {
    let before = inputs.compactMap { $0?.node }
    inputs = []
    gradients = []
    rule = nil
    return before
  }

  // A long chain is taken apart in a loop: node by node it would overflow the stack.
  deinit {
    var pending = release()
    while var node = pending.popLast() {
      if isKnownUniquelyReferenced(&node) { pending += node.release() }
    }
  }
}
