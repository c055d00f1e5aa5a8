/// The sizes of one layer of a cell.
struct CellSizes: Hashable, Sendable {
  /// I, H and P.
  let input: Int, hidden: Int, projection: Int
  /// The grid on which the cell's matrices are convolutions; nil for sequences of single vectors.
  let grid: CellGrid?

  /// P is H where none is given.
  init(input: Int, hidden: Int, projection: Int? = nil, grid: CellGrid? = nil) {
    (self.input, self.hidden, self.projection) = (input, hidden, projection ?? hidden)
    self.grid = grid
  }

  subscript(dimension: CellDimension) -> Int {
    switch dimension {
    case .input: input
    case .hidden: hidden
    case .projection: projection
    }
  }

  /// Rows of a sequence: the places of a grid.
  var places: Int { grid?.places ?? 1 }
  /// Rows that a matrix reads for one of its products.
  var neighbours: Int { grid?.neighbours ?? 1 }

  /// Columns of a matrix that reads a value of this size: on a grid those of each neighbour.
  func columns(_ dimension: CellDimension) -> Int { self[dimension] * neighbours }
}
