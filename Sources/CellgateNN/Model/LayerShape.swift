import CellgateTensor

/// The shape of a value between layers, its batch and its number of steps left open.
public struct LayerShape: Codable, Equatable, Sendable, CustomStringConvertible {
  /// Whether it is a sequence, `[T, B, features…]`; else it is one value for each sequence, `[B, features…]`.
  public var isSequence: Bool
  /// The sizes after the batch; [] for one number, such as the index of a symbol.
  public var features: [Int]

  /// A shape by its parts.
  public init(isSequence: Bool, features: [Int]) {
    self.isSequence = isSequence
    self.features = features
  }

  /// Sequences of `features` numbers a step, `[T, B, features…]`.
  public static func sequence(_ features: Int...) -> LayerShape {
    LayerShape(isSequence: true, features: features)
  }

  /// One value of `features` numbers for each sequence, `[B, features…]`.
  public static func vector(_ features: Int...) -> LayerShape {
    LayerShape(isSequence: false, features: features)
  }

  /// The numbers of one step, or of one value; `Int.max` where they are more than an Int counts.
  public var count: Int {
    features.reduce(1) { product, size in
      let (count, overflows) = product.multipliedReportingOverflow(by: size)
      return overflows ? .max : count
    }
  }

  /// The number of dimensions of such a tensor.
  public var rank: Int { features.count + (isSequence ? 2 : 1) }

  /// The same, each step or value of other sizes.
  func with(_ features: [Int]) -> LayerShape { LayerShape(isSequence: isSequence, features: features) }

  /// Whether a tensor has this shape, with any batch and number of steps.
  func fits(_ tensor: Tensor) -> Bool {
    tensor.rank == rank && tensor.shape.suffix(features.count).elementsEqual(features)
  }

  /// "[T, B, 64]".
  public var description: String {
    "[" + ((isSequence ? ["T", "B"] : ["B"]) + features.map(String.init)).joined(separator: ", ") + "]"
  }
}
