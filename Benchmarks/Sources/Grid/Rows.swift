/// A shape of the grid: steps, sequences, inputs, hidden units.
struct Row: Encodable {
  let steps, batch, input, hidden: Int

  init(_ steps: Int, _ batch: Int, _ input: Int, _ hidden: Int) {
    (self.steps, self.batch, self.input, self.hidden) = (steps, batch, input, hidden)
  }

  /// The shapes that are compared with peers.
  static let grid = [
    Row(784, 128, 1, 128), Row(200, 100, 2, 128), Row(128, 16, 64, 64), Row(128, 16, 128, 128),
    Row(128, 64, 128, 128), Row(128, 64, 256, 256), Row(128, 16, 512, 512), Row(128, 64, 512, 512),
    Row(150, 128, 50, 1000), Row(100, 1, 128, 256),
  ]

  var text: String { "\(steps), \(batch), \(input), \(hidden)" }
}
