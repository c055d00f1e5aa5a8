/// Collects the gradient of one tensor, in the order in which contributions arrive.
struct CollectedGradient {
  private var tensor: Tensor?
  private var isOwned = false

  /// Adds a contribution to the gradient of a tensor of `shape`.
  mutating func add(_ contribution: RecordedOperation.Contribution, shape: [Int]) {
    switch (contribution, tensor) {
    case (.tensor(let first), nil):
      tensor = first.detached
    case (.tensor(let next), let sum?):
      if !isOwned { own(sum.copied()) }
      tensor?.add(inPlace: next)
    case (.adding(let add), nil):
      let sum = Tensor.zeros(shape)
      own(sum)
      add(sum)
    case (.adding(let add), let sum?):
      if !isOwned { own(sum.copied()) }
      if let sum = tensor { add(sum) }
    }
  }

  private mutating func own(_ sum: Tensor) {
    tensor = sum
    isOwned = true
  }

  /// The sum, which is forgotten here.
  mutating func take() -> Tensor? {
    defer { tensor = nil }
    return tensor
  }
}
