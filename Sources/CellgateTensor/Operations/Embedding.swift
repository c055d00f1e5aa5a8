import CellgateBasics

/// Rows of `table` [V, E]: indices of `shape`, each in 0 ..< V, give [shape.., E].
public func embedding(_ indices: [Int32], shape: [Int], table: Tensor) -> Tensor {
  require(table.rank == 2, "embedding: expected a table [V, E], found \(table.shape)")
  require(
    indices.count == shape.reduce(1, *),
    "embedding: expected as many indices as \(shape) holds, found \(indices.count)")
  let (rows, width) = (table.shape[0], table.shape[1])
  let output = Tensor.uninitialized(shape + [width])
  let (source, target) = unsafe (table.pointer, output.pointer)
  for (position, index) in indices.enumerated() {
    require(index >= 0 && Int(index) < rows, "embedding: expected an index in 0..<\(rows), found \(index)")
    unsafe (target + position * width).update(from: source + Int(index) * width, count: width)
  }
  return Operation.record("embedding", inputs: [table], output: output) { gradient, _ in
    [
      .adding { sum in
        // Columns are shared out, so that every row adds its positions in order.
        let (total, term) = unsafe (sum.pointer, gradient.pointer)
        Elementwise.chunks(width, grain: 64) { columns in
          for (position, index) in indices.enumerated() {
            let (to, from) = unsafe (total + Int(index) * width, term + position * width)
            for column in columns { unsafe to[column] += from[column] }
          }
        }
      }
    ]
  }
}
