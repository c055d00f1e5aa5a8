/// The sizes of one layer of a cell.
struct CellSizes: Hashable, Sendable {
  /// I, H and P.
  let input: Int, hidden: Int, projection: Int

  /// P is H where none is given.
  init(input: Int, hidden: Int, projection: Int? = nil) {
    (self.input, self.hidden, self.projection) = (input, hidden, projection ?? hidden)
  }

  subscript(dimension: CellDimension) -> Int {
    switch dimension {
    case .input: input
    case .hidden: hidden
    case .projection: projection
    }
  }
}
