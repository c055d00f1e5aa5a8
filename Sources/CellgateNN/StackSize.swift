import CellgateCells

/// The numbers of a stack of recurrent layers, fixed ones too, heads not counted.
package struct StackSize {
  package let inputSize: Int
  package let layers: Int
  package let bidirectional: Bool

  /// 1 or 2.
  package var directions: Double { bidirectional ? 2 : 1 }

  package init(inputSize: Int, layers: Int, bidirectional: Bool) {
    self.inputSize = inputSize
    self.layers = layers
    self.bidirectional = bidirectional
  }

  /// The parameters of layers of `cell` with `hidden` units, in Double: no size overflows.
  package func parameters(_ cell: Cell, hidden: Int) -> Double {
    let (hidden, directions) = (Double(hidden), directions)
    let first = cell.parameterCount(input: Double(inputSize), hidden: hidden, withFixed: true)
    let later = cell.parameterCount(input: directions * hidden, hidden: hidden, withFixed: true)
    return directions * (first + (Double(layers) - 1) * later)
  }

  /// The most units that fit, where fewer fit too; at least 1, and at most 2⁶².
  package static func most(_ fits: (Int) -> Bool) -> Int {
    var (low, high) = (1, 2)
    while fits(high) {
      if high == 1 << 62 { return high }
      (low, high) = (high, 2 * high)
    }
    while high - low > 1 {
      let middle = (low + high) / 2
      if fits(middle) { low = middle } else { high = middle }
    }
    return low
  }
}
