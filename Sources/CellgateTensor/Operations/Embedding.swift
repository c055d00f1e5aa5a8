import CellgateBasics

/// Rows of `table` [V, E]: indices of `shape`, each in 0 ..< V, give [shape.., E].
public func embedding(_ indices: [Int32], shape: [Int], table: Tensor) -> Tensor {
  require(table.rank == 2, "embedding: expected a table [V, E], found \(table.shape)")
  return table.gathered(indices, shape: shape)
}
