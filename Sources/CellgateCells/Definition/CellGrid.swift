import CellgateBasics

/// A grid of places at which a cell runs at once: its maps are convolutions there.
///
/// The equations of a cell stay what they are; what changes is what its matrices read. At each place of a grid of height × width
/// places a matrix reads the neighbourhood of its operand, kernel × kernel places with zeros beyond the border, so that the
/// product W x is the convolution W * x; elementwise operations and vectors are the same at every place. The LSTM on a grid
/// is the convolutional LSTM (Shi et al. 2015, https://arxiv.org/abs/1506.04214), without peepholes.
///
/// A sequence of a batch is then height · width rows, one place after another, row by row of the grid: an input `[T, B, I]` is
/// `[T, B · height · width, I]`, and so are states and outputs. A matrix `[N, K]` is `[N, kernel² · K]`: of each
/// neighbour, from the upper left one row by row to the lower right one, its K columns.
public struct CellGrid: Hashable, Sendable, Codable {
  /// Rows and columns of the grid.
  public let height: Int, width: Int
  /// Rows and columns of a neighbourhood, an odd number.
  public let kernel: Int

  /// A grid of sizes of 1 or more, with an odd kernel.
  public init(height: Int, width: Int, kernel: Int) {
    require(
      height > 0 && width > 0 && kernel > 0 && kernel % 2 == 1,
      "CellGrid: expected sizes of 1 or more and an odd kernel, found \(height) × \(width), kernel \(kernel)")
    (self.height, self.width, self.kernel) = (height, width, kernel)
  }

  /// Places of the grid: the rows of a sequence.
  public var places: Int { height * width }
  /// Places of a neighbourhood.
  public var neighbours: Int { kernel * kernel }

  /// The neighbour of a place, in the order of a matrix's columns; nil beyond the border.
  func neighbour(_ index: Int, of place: Int) -> Int? {
    let row = place / width + index / kernel - kernel / 2,
      column = place % width + index % kernel - kernel / 2
    guard (0..<height).contains(row), (0..<width).contains(column) else { return nil }
    return row * width + column
  }
}
